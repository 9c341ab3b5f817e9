import FleetCore
import Foundation
import K3s
import Reconciler
import Shell
import Testing

@Suite(.enabled(if: FakeHost.works, needsHost)) struct SecretTests {
    /// Both steps that handle secrets, run twice, with everything that the host printed put together.
    static func setUp(_ role: Role, on host: FakeHost) throws -> String {
        var output = ""
        for order in [
            Sample.prepare(role), .install(Install(Sample.setup(role), digest: "d", version: Sample.version)), Sample.prepare(role),
            .install(Install(Sample.setup(role), digest: "d", version: Sample.version)),
        ] {
            let outcome = try host.run(Sample.script(order))
            try #require(outcome.status == 0, "\(outcome.stderr)")
            output += outcome.stdout + outcome.stderr
        }
        return output
    }

    @Test(arguments: Role.allCases)
    func nobodySeesThem(role: Role) throws {
        try FakeHost.with { host in
            let output = try Self.setUp(role, on: host)
            let observed = try ["calls", "environ", "modes", "installer"].map { try #require(host.read("/log/\($0)")) }
            #expect(observed.allSatisfy { !$0.isEmpty } && host.calls.count > 50)
            for fragment in Secrets.fragments {
                #expect(!output.contains(fragment))
                #expect(observed.allSatisfy { !$0.contains(fragment) })
            }
        }
    }

    @Test(arguments: Role.allCases)
    func arriveUnchangedInFilesOfTheirOwn(role: Role) throws {
        try FakeHost.with { host in
            _ = try Self.setUp(role, on: host)
            #expect(host.read("/state/authkey") == Secrets.values[.tailscaleAuthKey])
            let agentToken = try #require(Secrets.values[.agentToken])
            #expect(host.read(HostPath.agentToken) == (role == .agent ? "K10abc123::node:\(agentToken)" : agentToken))
            #expect(host.read(HostPath.token) == (role == .server ? Secrets.values[.serverToken] : nil))

            // No other file has them.
            let holders = host.files().filter { file in Secrets.fragments.contains { file.value.text?.contains($0) == true } }
            #expect(holders.keys.sorted() == [HostPath.agentToken] + (role == .server ? [HostPath.token] : []))
            #expect(holders.values.allSatisfy { $0.mode == 0o600 })
        }
    }

    /// `modes` has the mode of each file that stood in a tool's argument list when the tool was called.
    @Test(arguments: Role.allCases)
    func wereNeverReadableByOthers(role: Role) throws {
        try FakeHost.with { host in
            _ = try Self.setUp(role, on: host)
            let modes = try #require(host.read("/log/modes")).split(separator: "\n").map { $0.split(separator: " ") }
            let watched = modes.filter { $0[1].contains("token") || $0[1].contains("key") || $0[1].hasSuffix("new") }
            let names = Set(watched.map { String($0[1]) })
            #expect(names.isSuperset(of: [HostPath.agentToken, HostPath.agentToken + ".exedev-new", "/run/exedev-k8s-overlay-key"]))
            // The programs that we fetch and the texts that anyone may read become wider just before their rename.
            let open = [HostPath.binary, "/usr/local/bin/.k3s.new", HostPath.waitOverlay, "10-exedev.conf", HostPath.installer]
            for mode in watched where !open.contains(where: { mode[1].contains($0) }) { #expect(mode[0] == "600", "\(mode[1])") }
        }
    }

    @Test func tightensATokenThatOthersCouldRead() throws {
        try FakeHost.with { host in
            try host.write(HostPath.agentToken, Secrets.values[.agentToken]!, mode: 0o644)
            _ = try Self.setUp(.server, on: host)
            #expect(host.state(HostPath.agentToken)?.mode == 0o600)
        }
    }

    /// The shell receives SIGHUP while tailscale has the key, as when sshd stops.
    @Test func aHangUpLeavesNoKey() throws {
        try FakeHost.with { host in
            let tailscale = #"[ "$1" = up ] || exit 1; read -r _ _ _ shell _ <"/proc/$PPID/stat"; cp /run/*key /state; kill -HUP "$shell""#
            try host.install(["tailscale": FakePrograms.program(tailscale)], in: "/fake")
            #expect(try host.run(Sample.script(Sample.prepare())).status == 143)
            #expect(host.read("/state/exedev-k8s-overlay-key") == Secrets.values[.tailscaleAuthKey])
            #expect(host.leftovers.isEmpty)
        }
    }
}
