import Digest
import FleetCore
import Foundation
import K3s
import Reconciler
import Testing

/// A host on which an order must stop, and how.
struct Provocation: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var status: Int32
    var message: String
    var order = Sample.prepare()
    /// Seconds by which the controller's clock is ahead.
    var ahead = 0.0
    var arrange: @Sendable (FakeHost) throws -> Void
}

@Suite(.enabled(if: FakeHost.works, needsHost)) struct RefusalTests {
    static let github = "https://github.com/k3s-io/k3s/releases/download/v1.34.9%2Bk3s1"
    static let digest = sha256Hex(FakePrograms.k3s)

    static let ofTheHost = [
        Provocation(testDescription: "arm", status: 70, message: "the host is aarch64, not x86_64") {
            try $0.write("/state/machine", "aarch64")
        },
        Provocation(testDescription: "no systemd", status: 71, message: "the host does not run systemd") { try $0.remove("/run/systemd") },
        Provocation(testDescription: "no curl", status: 72, message: "the host lacks curl") { try $0.remove("/fake/curl") },
        Provocation(testDescription: "no tailscale", status: 73, message: "the host lacks tailscale") { try $0.remove("/fake/tailscale") },
        Provocation(testDescription: "no place for programs", status: 84, message: "/usr/local/bin cannot be written") {
            // Root may write whatever is no read-only file system, as that one is.
            try $0.remove("/usr/local/bin")
            try FileManager.default.createSymbolicLink(atPath: $0.root + "/usr/local/bin", withDestinationPath: "/proc/sys")
        },
        Provocation(testDescription: "full disk", status: 74, message: "only 1048575 KiB are free on /var/lib") {
            try $0.write("/state/free", "1048575")
        },
        Provocation(testDescription: "slow clock", status: 75, message: "the host's clock differs by -", ahead: 400) { _ in },
        Provocation(testDescription: "fast clock", status: 75, message: "the host's clock differs by ", ahead: -400) { _ in },
        Provocation(testDescription: "another cluster's", status: 76, message: "the host belongs to another cluster") {
            try $0.write(HostPath.cluster, "c2")
        },
        Provocation(testDescription: "an agent", status: 77, message: "the host is set up as an agent") {
            try $0.write("/etc/systemd/system/k3s-agent.service", "")
        },
        Provocation(testDescription: "a server", status: 77, message: "the host is set up as a server", order: Sample.prepare(.agent)) {
            try $0.write("/etc/systemd/system/k3s.service", "")
        },
        Provocation(
            testDescription: "pods' range in use", status: 82, message: "10.244.0.0/16 overlaps the route 10.244.7.0/24 of the host"
        ) { try $0.write("/state/routes", "default via 10.42.0.1 dev eth0\n10.244.7.0/24 dev eth1\n") },
        Provocation(
            testDescription: "services' range in use", status: 82, message: "10.245.0.0/16 overlaps the route 10.245.9.9 of the host"
        ) { try $0.write("/state/routes", "10.42.0.0/16 dev eth0\n10.244.0.0/24 dev cni0\n10.245.9.9 dev eth1\n") },
        Provocation(testDescription: "no login", status: 78, message: "tailscale up failed") {
            try $0.write("/state/tailscale-up.status", "1")
        },
        Provocation(testDescription: "no address", status: 78, message: "the overlay has no address") {
            try $0.write("/state/overlay-after-login", "")
        },
    ]

    static let ofTheRelease = [
        Provocation(testDescription: "no checksum", status: 79, message: "no checksum at \(github)") {
            try $0.remove("/mirror/sha256sum-amd64.txt")
        },
        Provocation(testDescription: "no binary", status: 79, message: "no binary at \(github)") { try $0.remove("/mirror/k3s") },
        Provocation(testDescription: "cut binary", status: 79, message: "no binary at \(github)") { try $0.write("/mirror/k3s.cut", "") },
        Provocation(testDescription: "no installer", status: 79, message: "no installer for the release") {
            try $0.remove("/mirror/install.sh")
        },
        Provocation(testDescription: "cut download of the installer", status: 79, message: "no installer for the release") {
            try $0.write("/mirror/install.sh.cut", "")
        },
        Provocation(testDescription: "cut installer", status: 80, message: "the installer is cut short") {
            try $0.write("/mirror/install.sh", "#!/bin/sh\nif true; then\n    echo half\n")
        },
        Provocation(
            testDescription: "not what was published", status: 80,
            message: "the binary's checksum is \(digest), the release says \(String(repeating: "a", count: 64))"
        ) { try $0.publish(k3s: FakePrograms.k3s, digest: String(repeating: "a", count: 64)) },
        Provocation(
            testDescription: "not what an earlier host got", status: 80,
            message: "the release's checksum is \(digest) and was 00ff on an earlier host", order: Sample.prepare(expected: "00ff")
        ) { _ in },
    ]

    static let ofTheInstaller = [
        Provocation(
            testDescription: "another range than the installer's server was founded with", status: 85,
            message: "the cluster was founded with service-cidr 10.99.0.0/16, and the ledger says 10.245.0.0/16",
            order: .install(Install(Sample.setup(), digest: "d", version: Sample.version))
        ) {
            try $0.write("/var/lib/rancher/k3s/server/db/state.db", "data")
            try $0.write(HostPath.config, "cluster-cidr: \"10.244.0.0/16\"\nservice-cidr: \"10.99.0.0/16\"\n")
        },
        Provocation(
            testDescription: "arguments of others beside the installer's", status: 86,
            message: "k3s takes arguments from /etc/rancher/k3s/config.yaml.d/a.yaml /etc/default/k3s-agent too",
            order: .install(Install(Sample.setup(), digest: "d", version: Sample.version))
        ) {
            try $0.write("/etc/rancher/k3s/config.yaml.d/a.yaml", "debug: true\n")
            try $0.write("/etc/default/k3s-agent", "K3S_DEBUG=true\n")
        },
        Provocation(
            testDescription: "never prepared", status: 81, message: "the k3s installer failed",
            order: .install(Install(Sample.setup(), digest: "d", version: Sample.version))
        ) {
            _ in
        },
        Provocation(
            testDescription: "installer fails", status: 81, message: "the k3s installer failed",
            order: .install(Install(Sample.setup(), digest: "d", version: Sample.version))
        ) {
            try $0.write(HostPath.installer, "exit 3\n")
        },
        Provocation(
            testDescription: "no unit", status: 81, message: "the k3s installer left no unit",
            order: .install(Install(Sample.setup(), digest: "d", version: Sample.version))
        ) {
            try $0.write(HostPath.installer, "exit 0\n")
        },
        Provocation(
            testDescription: "not enabled", status: 81, message: "the k3s installer did not enable the unit",
            order: .install(Install(Sample.setup(), digest: "d", version: Sample.version))
        ) { try $0.write(HostPath.installer, ": >/etc/systemd/system/k3s.service\n") },
    ]

    @Test(arguments: ofTheHost + ofTheRelease + ofTheInstaller)
    func refuses(_ case: Provocation) throws {
        try FakeHost.with { host in
            try `case`.arrange(host)
            let outcome = try host.run(Sample.script(`case`.order, time: Sample.now + `case`.ahead))
            #expect(outcome.status == `case`.status)
            let last = outcome.stderr.split(separator: "\n").last.map(String.init) ?? ""
            #expect(last == `case`.message || `case`.ahead != 0 && last.hasPrefix(`case`.message))
            #expect(host.leftovers.isEmpty)
            #expect(host.state(HostPath.binary) == nil || `case`.testDescription.contains("installer"))
            #expect(host.calls(of: "systemctl", "restart").isEmpty)
            if (70...77).contains(`case`.status) { #expect(host.calls(of: "tailscale", "up").isEmpty) }
        }
    }

    /// k3s runs with what stood in the file when it started.
    @Test(arguments: [true, false], [true, false]) func whatWasEditedSinceTheStartIsNoEvidence(isEdited: Bool, isOfBefore: Bool) throws {
        try FakeHost.with { host in
            var founded = Sample.setup()
            founded.serviceCIDR = "10.99.0.0/16"
            try host.write("/var/lib/rancher/k3s/server/db/state.db", "data")
            try host.write(HostPath.config, founded.configFile())
            // An earlier release noted the digests of bytes.
            let sum = sha256Hex(isEdited ? "before" : isOfBefore ? founded.configFile() : founded.lastingSettings)
            try host.write(HostPath.started, "\(sum)  \(HostPath.config)\n")
            let outcome = try host.run(Sample.script(.install(Install(Sample.setup(), digest: "d", version: Sample.version))))
            #expect(outcome.status == (isEdited ? 81 : 85), "81: it went on to the installer, which is not there")
            #expect(host.read(HostPath.config)?.contains("10.99.0.0/16") == !isEdited)
        }
    }

    /// The good binary stays when the next one is bad.
    @Test(arguments: ofTheRelease)
    func keepsWhatWasThere(_ case: Provocation) throws {
        try FakeHost.with { host in
            try host.write(HostPath.binary, "old", mode: 0o755)
            try host.write(HostPath.installer, "old", mode: 0o700)
            let before = (host.state(HostPath.binary), host.state(HostPath.installer))
            try `case`.arrange(host)
            #expect(try host.run(Sample.script(`case`.order)).status == `case`.status)
            if !`case`.testDescription.contains("installer") { #expect(host.state(HostPath.binary) == before.0) }
            #expect(host.state(HostPath.installer) == before.1)
            #expect(host.leftovers.isEmpty)
        }
    }

    @Test(arguments: Int32(70)...86)
    func isExplained(status: Int32) {
        let explains = HostFailure.advice(exitStatus: status) != nil
        #expect(explains == ![78, 79, 81].contains(status), "a retry helps with these three alone")
    }
}
