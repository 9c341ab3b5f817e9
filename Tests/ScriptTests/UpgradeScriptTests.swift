import Digest
import FleetCore
import Foundation
import K3s
import Reconciler
import Shell
import Testing

/// Another release of k3s on a host that runs one, under a real shell.
@Suite(.enabled(if: FakeHost.works, needsHost)) struct UpgradeScriptTests {
    private static let newK3s = FakePrograms.k3s.replacing("v1.34.9", with: "v1.34.10")
    private static let digest = sha256Hex(newK3s)

    /// A host whose k3s is set up in this role and runs, and a mirror with the next release.
    private static func standing(_ role: Role = .agent, _ body: (FakeHost) throws -> Void) throws {
        try FakeHost.with { host in
            try SetupTests.run(Sample.prepare(role), on: host)
            try SetupTests.run(.install(Install(Sample.setup(role), digest: "d", version: Sample.version)), on: host)
            try host.write("/state/\(role.unit).active", "active")
            try host.publish(k3s: newK3s)
            try host.forgetCalls()
            try body(host)
        }
    }

    private static func probe(_ host: FakeHost) throws -> HostProbe { try HostProbe.parse(try host.run(HostScript.probe()).stdout) }

    @Test func stagesBesideWhatRuns() throws {
        try Self.standing { host in
            for _ in 1...2 {
                let answer = try SetupTests.run(Sample.stage(), on: host)
                #expect(HostScript.stagedDigest(in: answer) == Self.digest)
            }
            let probe = try Self.probe(host)
            #expect(probe.stagedVersion == Sample.newer && probe.stagedSHA256 == Self.digest && probe.binaryVersion == Sample.version)
            #expect(host.calls(of: "systemctl", "restart").isEmpty && host.state(HostPath.stagedBinary)?.mode == 0o755)
        }
    }

    @Test func stagesNoOtherBytes() throws {
        try Self.standing { host in
            let outcome = try host.run(Sample.script(Sample.stage(expected: "00ff")))
            #expect(outcome.status == 80 && host.read(HostPath.stagedBinary) == nil)
            try host.write("/state/free", "1000")
            #expect(try host.run(Sample.script(Sample.stage())).status == 74)
        }
    }

    @Test(arguments: Role.allCases) func swapsOnceAndKeepsTheFormer(role: Role) throws {
        try Self.standing(role) { host in
            try SetupTests.run(Sample.stage(), on: host)
            let order = Sample.upgrade(role, digest: Self.digest)
            try SetupTests.run(order, on: host)
            #expect(host.calls(of: "systemctl", "restart") == [["systemctl", "restart", "--no-block", role.unit]])
            let probe = try Self.probe(host)
            #expect(probe.binaryVersion == Sample.newer && probe.formerVersion == Sample.version && probe.stagedVersion == nil)
            // Run again, while the process is newer than the file.
            try host.forgetCalls()
            try host.write("/state/systemctl-show.out", "Fri 2100-01-01 00:00:00 UTC\n")
            try SetupTests.run(order, on: host)
            #expect(host.calls(of: "systemctl", "restart").isEmpty)
            // It was cut before the restart.
            try host.write("/state/systemctl-show.out", "Thu 2026-01-01 00:00:00 UTC\n")
            try SetupTests.run(order, on: host)
            #expect(host.calls(of: "systemctl", "restart").count == 1)
        }
    }

    @Test func nothingIsSwappedThatIsNotThere() throws {
        try Self.standing { host in
            let outcome = try host.run(Sample.script(Sample.upgrade(.agent, digest: Self.digest)))
            #expect(outcome.status == 91)
            #expect(try Self.probe(host).binaryVersion == Sample.version)
            #expect(host.calls(of: "systemctl", "restart").isEmpty)
        }
    }

    @Test func theFormerComesBack() throws {
        try Self.standing { host in
            try SetupTests.run(Sample.stage(), on: host)
            try SetupTests.run(Sample.upgrade(.agent, digest: Self.digest), on: host)
            let revert = Action.revertK3s(RevertK3s(node: "demo-n1", from: Sample.newer, to: Sample.version, journal: nil))
            for _ in 1...2 { try SetupTests.run(revert, on: host) }
            let probe = try Self.probe(host)
            #expect(probe.binaryVersion == Sample.version && probe.formerVersion == nil)
        }
    }

    @Test func aSnapshotOfSQLiteComesWholeAndK3sStartsAgain() throws {
        try Self.standing(.server) { host in
            try host.write("/var/lib/rancher/k3s/server/db/state.db", "pages")
            let order = Action.takeSnapshot(TakeSnapshot(node: "demo-n1", version: Sample.version, goal: Sample.newer))
            for _ in 1...2 {
                let outcome = try host.run(Sample.script(order))
                #expect(outcome.status == 0)
            }
            #expect(host.calls(of: "systemctl", "stop").count == 2 && host.calls(of: "systemctl", "start").count >= 2)
            #expect(host.read("/var/lib/exedev-k8s/snapshot/db.tar.gz") == nil)
        }
    }

    /// etcd goes on while its snapshot is taken.
    @Test func aSnapshotOfEtcdStopsNothing() throws {
        try Self.standing(.server) { host in
            let verb = "etcd-snapshot) echo copy >\"${6:-/nowhere}/exedev-k8s-n1-1\" ;;"
            let k3s = FakePrograms.k3s.replacing("case $1 in", with: "case $1 in\n" + verb)
            try host.install(["k3s": k3s], in: "/usr/local/bin")
            try host.write("/var/lib/rancher/k3s/server/db/etcd/member/snap/db", "pages")
            let order = Action.takeSnapshot(TakeSnapshot(node: "demo-n1", version: Sample.version, goal: Sample.newer))
            let outcome = try host.run(Sample.script(order))
            #expect(outcome.status == 0 && outcome.stdout.contains("kind=etcd") && outcome.stdout.hasSuffix("copy\n"), "\(outcome)")
            #expect(host.calls(of: "systemctl", "stop").isEmpty)
        }
    }

    /// A reader compares what came with what the server counted.
    @Test func aCutSnapshotIsNone() throws {
        let copy = Array("bytes\n\nof a copy".utf8)
        let head = Array("banner\n=== exedev-k8s output\nkind=sqlite\nsha256=\(hex(sha256(copy)))\nbytes=\(copy.count)\n\n".utf8)
        let reading = try SnapshotReading(head + copy)
        #expect(Array(reading.bytes) == copy && reading.kind == .sqlite && reading.sha256 == hex(sha256(copy)))
        for bad in [head + copy.dropLast(), Array(head.dropLast()) + copy, copy, []] {
            #expect(throws: ReadingError.self) { try SnapshotReading(Array(bad)) }
        }
    }

    @Test(arguments: [("|", "yes"), ("true|", "cordoned-before"), ("true|yes", "yes")])
    func evacuatesUnderAMarkOfItsOwn(seen: String, mark: String) throws {
        try KubectlTests.withK3s { host in
            try host.write("/state/kubectl-get.out", seen)
            let outcome = try host.run(Sample.script(Sample.evacuate(drains: true)))
            #expect(try outcome.status == 0 && DrainReading.parse(outcome.stdout) == .drained)
            #expect(KubectlTests.asked("annotate", on: host).first?.contains("exedev.dev/maintenance=\(mark)") == true)
            #expect(KubectlTests.asked("drain", on: host).count == 1)
            let alone = try host.run(Sample.script(Sample.evacuate(drains: false)))
            #expect(try alone.status == 0 && DrainReading.parse(alone.stdout) == .drained)
            #expect(KubectlTests.asked("drain", on: host).count == 1 && KubectlTests.asked("cordon", on: host).count >= 2)
        }
    }

    @Test(arguments: [("true|yes", true), ("true|cordoned-before", false), ("true|", false), ("|", false)])
    func onlyOurCordonIsLifted(seen: String, isLifted: Bool) throws {
        try KubectlTests.withK3s { host in
            try host.write("/state/kubectl-get.out", seen)
            let outcome = try host.run(Sample.script(.uncordon(Uncordon(node: hostile, after: .maintenance))))
            #expect(outcome.status == 0 && KubectlTests.asked("uncordon", on: host).isEmpty != isLifted)
            #expect(KubectlTests.asked("annotate", on: host).last?.contains("exedev.dev/maintenance-") == true)
        }
    }

    @Test func aServerIsReadyFirst() throws {
        try KubectlTests.withK3s { host in
            try host.write("/state/kubectl-get.status", "1")
            let outcome = try host.run(Sample.script(.uncordon(Uncordon(node: hostile, after: .maintenance, isServer: true))))
            #expect(outcome.status != 0 && KubectlTests.asked("uncordon", on: host).isEmpty)
            #expect(KubectlTests.asked("--raw=/readyz", on: host).count == 1)
        }
    }
}
