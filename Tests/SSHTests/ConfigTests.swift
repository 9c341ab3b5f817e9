import FleetCore
import Foundation
import Reconciler
import TestSupport
import Testing

@testable import Live
@testable import SSH

/// `ssh {config: …}`: OpenSSH reads its own configuration, and what it says is honoured.
@Suite(.serialized) struct ConfigTests {
    /// A folder with a state directory and an `ssh_config`.
    private struct Desk {
        let folder: String

        init(_ config: String) throws {
            folder = NSTemporaryDirectory() + "desk-" + UUID().uuidString
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try config.write(toFile: folder + "/ssh_config", atomically: true, encoding: .utf8)
        }

        func entrance(_ settings: SSHSettings? = nil, environment: [String: String] = [:], needsKey: Bool = true) throws -> Entrance {
            let settings = settings ?? SSHSettings(keyFile: nil, user: nil, hostKeys: .standard, config: .file("ssh_config"))
            let state = try StateDirectory(base: folder + "/state", cluster: "demo")
            let basic = ["HOME": folder, "PATH": "/usr/bin:/bin"]
            return try Entrance(
                identity: Identity(
                    settings: settings, folder: folder, state: state, environment: basic.merging(environment) { $1 }),
                needsKey: needsKey)
        }
    }

    private static func address(_ host: String, port: Int? = nil, user: String? = nil) -> ObservedVM.Address {
        ObservedVM.Address(host: host, port: port, user: user)
    }

    /// A host that only OpenSSH's file knows: its name, port, key, user and known_hosts.
    @Test func entersAsOpenSSHWould() async throws {
        let sshd = try RealSSHD()
        let desk = try Desk(
            """
            Host *.exe.xyz
              HostName 127.0.0.1
              Port \(sshd.port)
              User \(sshd.target.user)x
              IdentityFile \(sshd.folder)/us%%r
              IdentityFile \(sshd.folder)/user
              UserKnownHostsFile /nowhere/at all \(sshd.folder)/kn own
              HostKeyAlias proxy
            """)
        try sshd.line("proxy").write(toFile: sshd.folder + "/kn own", atomically: true, encoding: .utf8)
        let (target, access) = try await desk.entrance().entry(to: Self.address("web.exe.xyz", user: "exedev"))
        #expect(target == SSHTarget(host: "127.0.0.1", port: sshd.port, user: sshd.target.user + "x", hostKeyAlias: "proxy"))
        #expect(access.keys.keys.map(\.source) == [sshd.folder + "/user"])
        var ours = target
        ours.user = sshd.target.user
        let client = SSHClient(loop: SSHLoop(), access: access, connectsPerMinute: 600)
        #expect(try await client.sh(ours, "echo well").stdout == Array("well\n".utf8))
        await client.closeAll()
    }

    /// Over one jump host and over two.
    @Test(arguments: [1, 2]) func goesOverAJumpHost(hops: Int) async throws {
        let (jump, sshd) = (try RealSSHD(), try RealSSHD())
        for host in [jump, sshd] { _ = try await host.client().sh(host.target, "true") }
        let desk = try Desk(
            """
            Host *.exe.xyz
              ProxyJump \(hops == 2 ? "other," : "")\(jump.target.user)@jump:\(jump.port)
              IdentityFile \(sshd.folder)/user
              Port \(sshd.port)
              HostName 127.0.0.1
            Host jump other
              HostName 127.0.0.1
              IdentityFile \(jump.folder)/user
              UserKnownHostsFile \(jump.folder)/known
            Host other
              Port \(jump.port)
            Host *
              UserKnownHostsFile \(sshd.folder)/known
            """)
        try sshd.line("exe.dev").write(toFile: sshd.folder + "/known", atomically: true, encoding: .utf8)
        try ["jump", "other", "127.0.0.1"].map { try jump.line("[\($0)]:\(jump.port)") }.joined(separator: "\n").write(
            toFile: jump.folder + "/known", atomically: true, encoding: .utf8)
        let (target, access) = try await desk.entrance().entry(to: Self.address("web.exe.xyz", user: sshd.target.user))
        let client = SSHClient(loop: SSHLoop(), access: access, connectsPerMinute: 600)
        #expect(try await client.sh(target, "echo well").stdout == Array("well\n".utf8))
        let bytes = (0..<(4 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try await client.sh(target, "", stdin: bytes, command: "cat").stdout == bytes)
        let log = try String(contentsOfFile: jump.folder + "/log", encoding: .utf8)
        #expect(log.split(separator: "Accepted publickey").count == hops + 2, "ours and one for each hop: \(log)")
        await client.closeAll()
    }

    /// What OpenSSH says on the way is the reason.
    @Test func saysWhyThereIsNoWay() async throws {
        let desk = try Desk("Host *.exe.xyz\n  ProxyJump nobody@127.0.0.1:1\n  IdentityFile \(NSTemporaryDirectory())/none\n")
        let sshd = try RealSSHD()
        let environment = ["EXE_DEV_SSH_KEY": sshd.folder + "/user"]
        let (target, access) = try await desk.entrance(environment: environment).entry(to: Self.address("web.exe.xyz"))
        let client = SSHClient(loop: SSHLoop(), access: access, connectsPerMinute: 600)
        let error = await #expect(throws: SSHError.self) { try await client.sh(target, "true") }
        #expect("\(error!)".contains("Connection refused") && error?.advice == nil, "\(error!)")
    }

    @Test(arguments: [
        ("ProxyCommand nc %h %p", "has ProxyCommand nc %h %p for web.exe.xyz, which is not used here"),
        ("IdentityFile ~/%C", "has %C, which is not known here"),
        ("IdentityFile ${NOWHERE_SET}/key", "has ${NOWHERE_SET}, and the environment variable NOWHERE_SET is not set"),
        // These OpenSSH checks while it reads.
        ("UserKnownHostsFile ${NOWHERE_SET}/known", "env var ${NOWHERE_SET} has no value"),
        ("IdentityAgent ${NOWHERE_SET}/agent", "env var ${NOWHERE_SET} has no value"),
        ("IdentityFile /k/${HOME", "has a ${ without its }"),
        ("Nonsense yes", "ssh -G web.exe.xyz` failed"),
    ])
    func refusesByName(line: String, words: String) async throws {
        let entrance = try Desk("Host *\n  \(line)\n").entrance()
        let error = await #expect(throws: EffectError.self) { _ = try await entrance.entry(to: Self.address("web.exe.xyz")) }
        #expect(error?.message.contains(words) == true, "\(error!)")
        guard case .askOperator? = error?.remedy else {
            Issue.record("\(error!)")
            return
        }
    }

    private static func config(_ lines: String..., environment: [String: String] = [:]) throws(StateError) -> SSHConfig {
        let basic = ["HOME": "/home/ann", "KEYS": "/k e%d", "SOCK": "/run/agent"]
        return try SSHConfig(
            (["hostname web.example.org", "port 2222", "user ann"] + lines).joined(separator: "\n"), of: "web",
            environment: basic.merging(environment) { $1 }, localUser: "ann")
    }

    /// As OpenSSH 9.2 does after `-G`; the value of a variable is not expanded again.
    @Test(arguments: [
        ("${KEYS}/id", "/k e%d/id"), ("%d/.ssh/%n", "/home/ann/.ssh/web"), ("~/%r@%h:%p", "/home/ann/ann@web.example.org:2222"),
        ("/a/$KEYS/%%", "/a/$KEYS/%"), ("/${HOME}${SOCK}/%u", "//home/ann/run/agent/ann"), ("/%k", "/web"), ("/k$", "/k$"),
    ]) func expandsAsOpenSSHDoes(written: String, path: String) throws {
        #expect(try Self.config("identityfile \(written)").keyFiles == [path])
        #expect(try Self.config("userknownhostsfile \(written) ${KEYS}/b %d/c").knownHostsFiles == [path, "/k e%d/b", "/home/ann/c"])
        #expect(try Self.config("identityagent \(written)").agentSocket == path)
    }

    @Test(arguments: [("none", ""), ("SSH_AUTH_SOCK", nil), ("$SOCK", "/run/agent"), ("$NOWHERE_SET", ""), ("~/s", "/home/ann/s")])
    func findsTheAgent(written: String, socket: String?) throws {
        #expect(try Self.config("identityagent \(written)").agentSocket == socket)
    }

    /// What OpenSSH itself checks must be known to it too.
    @Test func variablesReachOpenSSH() async throws {
        let sshd = try RealSSHD()
        let desk = try Desk("Host *\n  IdentityAgent ${DESK}/none\n  IdentityFile ${DESK}/user\n")
        let entry = try await desk.entrance(environment: ["DESK": sshd.folder]).entry(to: Self.address("web.exe.xyz"))
        #expect(entry.access.keys.keys.map(\.source) == [sshd.folder + "/user"])
    }

    /// exe.dev's routing name and the fleet file come before OpenSSH's configuration, which comes before exe.dev's `ssh_user`.
    @Test(
        arguments: [("vm+web", nil, "vm+web"), ("vm+web", "ann", "vm+web"), ("root", "ann", "ann"), ("root", nil, "bob")]
            as [(String, String?, String)])
    func choosesTheUser(named: String, file: String?, chosen: String) async throws {
        let sshd = try RealSSHD()
        let desk = try Desk("Host *\n  User bob\n  IdentityFile \(sshd.folder)/user\n")
        let settings = SSHSettings(keyFile: nil, user: file, hostKeys: .standard, config: .file("ssh_config"))
        let entry = try await desk.entrance(settings).entry(to: Self.address("web.exe.xyz", user: named))
        #expect(entry.target.user == chosen && entry.target.hostKeyAlias == "exe.dev")
    }

    /// The fleet file's key and host keys are used, whatever OpenSSH's configuration says.
    @Test func theFleetFileComesFirst() async throws {
        let sshd = try RealSSHD()
        let desk = try Desk("Host *\n  IdentityFile \(sshd.folder)/stranger\n  UserKnownHostsFile /nowhere\n")
        try FileManager.default.copyItem(atPath: sshd.folder + "/user", toPath: desk.folder + "/id")
        let settings = SSHSettings(
            keyFile: "~/id", user: nil, hostKeys: .fingerprints(["SHA256:x"]), config: .file(desk.folder + "/ssh_config"))
        let entry = try await desk.entrance(settings).entry(to: Self.address("web.exe.xyz"))
        #expect(entry.access.keys.keys.map(\.source) == [desk.folder + "/id"] && entry.access.hostKeys.canVouch(for: entry.target))
    }

    /// OpenSSH, and what its configuration runs, get no secret of ours.
    @Test func openSSHGetsNoSecret() async throws {
        let sshd = try RealSSHD()
        let secrets = ["EXE_DEV_API_KEY", "TS_AUTHKEY", "CREDENTIALS_DIRECTORY"]
        let exec = secrets.map { "Match exec \"test x$\($0) != x\"\n  User leaked\n" }.joined()
        let desk = try Desk(exec + "Match exec \"test x$HOME != x\"\n  User bob\nHost *\n  IdentityFile \(sshd.folder)/user\n")
        let environment = Dictionary(uniqueKeysWithValues: secrets.map { ($0, "secret") })
        let entry = try await desk.entrance(environment: environment).entry(to: Self.address("web.exe.xyz"))
        #expect(entry.target.user == "bob")
    }

    /// That no key is let in is told apart from a host that does not answer.
    @Test func refusedKeysHaveTheirOwnRemedy() {
        let refusal = SSHError.authenticationRefused(target: "exedev@h:22", user: "exedev", offered: ["ED25519 SHA256:x (/id)"], unused: [])
        guard case .refused(.hostRefused(let words, let advice)) = Hosts.effect(refusal, mutates: false).remedy else {
            Issue.record("\(Hosts.effect(refusal, mutates: false))")
            return
        }
        #expect(words == "exedev@h:22 refused exedev with ED25519 SHA256:x (/id)" && advice.contains("ssh-key add"))
        #expect(Hosts.effect(.timedOut(target: "h", during: "login"), mutates: false).remedy == .retry(after: nil))
    }

    /// A configuration may run programs, and those may wait.
    @Test func saysThatOpenSSHDoesNotEnd() async throws {
        let desk = try Desk("Match exec \"sleep 60\"\n  User bob\n")
        let asked = OpenSSH(file: desk.folder + "/ssh_config", environment: ["PATH": "/usr/bin:/bin"], seconds: 1)
        let error = await #expect(throws: StateError.self) { _ = try await asked.config(of: "web.exe.xyz", port: nil, user: nil) }
        #expect(error?.message == "`ssh -G web.exe.xyz`, which tells how web.exe.xyz is reached, did not end in 1 s")
        #expect(error?.advice?.contains("run it by hand") == true)
    }

    /// A daemon starts without one, says so, and goes on when it is there.
    @Test func theKeyMayComeLater() async throws {
        let sshd = try RealSSHD()
        let desk = try Desk("")
        let settings = SSHSettings(keyFile: nil, user: nil, hostKeys: .fingerprints(["SHA256:x"]))
        #expect(throws: StateError.self) { try desk.entrance(settings) }
        let entrance = try desk.entrance(settings, needsKey: false)
        let error = await #expect(throws: EffectError.self) { _ = try await entrance.entry(to: Self.address("web.exe.xyz")) }
        #expect(error?.message == "there is no SSH key" && error?.advice?.contains("ssh.keyFile") == true, "\(error!)")
        #expect(entrance.missingKey()?.message == "there is no SSH key")
        try FileManager.default.createDirectory(atPath: desk.folder + "/.ssh", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: sshd.folder + "/user", toPath: desk.folder + "/.ssh/id_ed25519")
        #expect(entrance.missingKey() == nil)
        let entry = try await entrance.entry(to: Self.address("web.exe.xyz"))
        #expect(entry.access.keys.keys.map(\.source) == [desk.folder + "/.ssh/id_ed25519"])
    }

    @Test func withoutItOpenSSHIsNotAsked() async throws {
        let sshd = try RealSSHD()
        let settings = SSHSettings(keyFile: sshd.folder + "/user", user: nil, hostKeys: .standard)
        let entry = try await Desk("Nonsense").entrance(settings).entry(to: Self.address("web.exe.xyz", port: 2222))
        #expect(entry.target == SSHTarget(host: "web.exe.xyz", port: 2222, user: "exedev", hostKeyAlias: "exe.dev"))
    }

    /// A VM that nobody could enter is not created: known_hosts must list the proxy, or a name of the VM.
    @Test(arguments: [("", false), ("exe.dev", true), ("web.exe.xyz", true), ("*.exe.xyz", true), ("db.exe.xyz,[exe.dev]:2222", false)])
    func knowsWhetherANewVMCouldBeProved(names: String, isKnown: Bool) async throws {
        let sshd = try RealSSHD()
        let desk = try Desk("")
        try FileManager.default.createDirectory(atPath: desk.folder + "/.ssh", withIntermediateDirectories: true)
        let line = names.isEmpty ? "" : try sshd.line(names)
        try line.write(toFile: desk.folder + "/.ssh/known_hosts", atomically: true, encoding: .utf8)
        let settings = SSHSettings(keyFile: sshd.folder + "/user", user: nil, hostKeys: .standard)
        let entry = try await desk.entrance(settings).entry(to: Self.address("web.exe.xyz"))
        #expect(entry.access.hostKeys.canVouch(for: entry.target) == isKnown)
    }
}
