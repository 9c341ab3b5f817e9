import FleetCore
import Foundation
import Glibc
import K3s
import Reconciler
import Shell
import Testing

/// A script whose connection was cut may still run when the next one starts.
@Suite(.enabled(if: FakeHost.works, needsHost)) struct LockTests {
    @Test(arguments: [
        Sample.prepare(.agent), Action.install(Install(Sample.setup(.agent), digest: "d", version: Sample.version)),
        .stop(Stop(node: "demo-n1", role: .agent)),
    ])
    func waitsForTheOneAtWork(order: Action) throws {
        try FakeHost.with { host in
            if case .install = order { try #require(try host.run(Sample.script(Sample.prepare(.agent))).status == 0) }
            try host.forgetCallsIfAny()
            let lock = open(host.root + HostPath.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            try #require(flock(lock, LOCK_EX) == 0)
            let released = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                // What it has called when it comes to the lock, it called before it. A script that never comes to it has ended by then.
                let end = ContinuousClock.now + .seconds(70)
                while host.calls(of: "flock").isEmpty, ContinuousClock.now < end { usleep(1000) }
                released.signal()
                close(lock)
            }
            let outcome = try host.run(Sample.script(order))
            released.wait()
            #expect(outcome.status == 0, "\(outcome.stderr)")
            let names = host.calls.map { $0[0] }
            let at = try #require(names.firstIndex(of: "flock"))
            #expect(names[..<at].allSatisfy { $0 == "hostname" }, "\(names)")
        }
    }

    /// kubectl's tries of a drain must not outlast its connection, nor go on beside the uncordon after it.
    @Test(.timeLimit(.minutes(1))) func nothingOutlastsItsConnection() throws {
        try KubectlTests.withK3s { host in
            try host.install(["k3s": FakePrograms.program(": >/state/cut; exec sleep 100")], in: "/usr/local/bin")
            let drain = Sample.script(.drain(Drain(node: "demo-n2", isSilent: false)))
            let outcome = try host.feed(HostScript.addressed(drain, to: "demo-n1").bytes { _ in "" }, .cut)
            #expect(outcome.status == 128 + SIGTERM || outcome.status == -SIGTERM, "\(outcome)")
            // The kernel releases it when the last one that has it ends.
            let lock = open(host.root + HostPath.nodeLocks + "/demo-n2.lock", O_RDWR | O_CLOEXEC)
            #expect(flock(lock, LOCK_EX) == 0)
            close(lock)
        }
    }

    /// `timeout` makes a process group of its own where it is not told to stay.
    @Test(.timeLimit(.minutes(1))) func aLoginToTheOverlayEndsWithItsConnection() throws {
        try FakeHost.with { host in
            let hanging = "case $1 in up) : >/state/cut; exec sleep 100 ;; ip) exit 1 ;; esac"
            try host.install(["tailscale": FakePrograms.program(hanging)], in: "/fake")
            let prepare = Sample.script(Sample.prepare(.agent))
            let outcome = try host.feed(HostScript.addressed(prepare, to: "demo-n1").bytes { _ in "secret" }, .cut)
            #expect(outcome.status == 128 + SIGTERM || outcome.status == -SIGTERM, "\(outcome)")
            let lock = open(host.root + HostPath.lock, O_RDWR | O_CLOEXEC)
            #expect(flock(lock, LOCK_EX) == 0)
            close(lock)
        }
    }

    @Test(arguments: [
        Action.cordon(Cordon(node: "demo-n2")), .drain(Drain(node: "demo-n2", isSilent: false)), .uncordon(Uncordon(node: "demo-n2")),
        .deleteNode(DeleteNode(node: "demo-n2", ifSilent: true)), .purgeIdentity(PurgeIdentity(node: "demo-n2", sparing: "100.64.0.2")),
    ])
    func changesOfOneNodeExcludeOneAnother(order: Action) throws {
        try KubectlTests.withK3s { host in
            try host.install(["flock": "#!/bin/sh\nexit 1\n"], in: "/fake")
            let outcome = try host.run(Sample.script(order))
            #expect(outcome.status == 1 && outcome.stderr == "another script is at work on the node demo-n2 here\n", "\(outcome)")
            #expect(host.calls(of: "k3s").isEmpty)
            let mode = try FileManager.default.attributesOfItem(atPath: host.root + HostPath.nodeLocks)[.posixPermissions] as? Int
            #expect(mode == 0o700 && host.state(HostPath.nodeLocks + "/demo-n2.lock") != nil)
        }
    }

    /// Nothing that the script starts and leaves behind keeps the lock.
    @Test func isFreeAfterwards() throws {
        try FakeHost.with { host in
            for order in [Sample.prepare(.server), .install(Install(Sample.setup(.server), digest: "d", version: Sample.version))] {
                let outcome = try host.run(Sample.script(order))
                #expect(outcome.status == 0, "\(outcome.stderr)")
                let lock = open(host.root + HostPath.lock, O_RDWR | O_CLOEXEC)
                #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
                close(lock)
            }
        }
    }
}

extension FakeHost {
    fileprivate func forgetCallsIfAny() throws { if read("/log/calls") != nil { try forgetCalls() } }
}
