import ExeDev
import FleetCore
import Foundation
import K3s
import Live
import TestSupport
import Testing
import Tokens

@testable import CommandLine

/// Tokens that are signed here, by the judge that exe.dev uses: `ssh-keygen`.
@Suite struct TokenVerbTests {
    static let now = 1_790_000_000

    @Test(arguments: [
        (["--cmds=ls,share show", "--exp=2000000000"], #"{"exp":2000000000,"cmds":["ls","share show"]}"#),
        (["--cmds=ls", "--cmds", "new, rm", "--exp=never"], #"{"cmds":["ls","new","rm"]}"#),
        ([], #"{"exp":1792592000}"#), (["--exp=12h"], #"{"exp":1790043200}"#), (["--exp=2026-12-31"], #"{"exp":1798675200}"#),
        (["--exp=2026-12-31T12:00:00Z", "--nbf=1d"], #"{"exp":1798718400,"nbf":1790086400}"#),
        (["--ctx={\"user\": [1]}", "--exp=never"], #"{"ctx":{"user": [1]}}"#), (["--permissions={}"], "{}"),
        (["--exp=1y"], #"{"exp":1821536000}"#),
    ])
    func permissionsAreCompact(words: [String], payload: String) throws {
        let arguments = try Arguments(words, options: ControlCommand.tokenMint.options)
        let made = try TokenRequest(arguments, now: Self.now).payload()
        #expect(String(decoding: made, as: UTF8.self) == payload)
        _ = try Permissions(made)
    }

    @Test(arguments: [
        (["--exp=soon"], "--exp takes a span"), (["--exp=7"], "years 2000"), (["--permissions={}", "--cmds=ls"], "is the whole"),
        (["--cmds="], "names no command"), (["--cmds=,"], "names no command"), (["--nbf=1.5d"], "--nbf takes a span"),
        (["--exp=2026-12-31 23:59"], "--exp takes a span"), (["--exp=2026-12-31T23:59Z"], "--exp takes a span"),
        (["--exp=2026-12-31x"], "--exp takes a span"), (["--exp=2026-13-31"], "--exp takes a span"),
        (["--exp=2027-02-30"], "--exp takes a span"), (["--nbf=2027-02-29T12:00:00Z"], "--nbf takes a span"),
        ([#"--ctx=1,"cmds":["rm"]"#], "one JSON value"),
    ])
    func badRequestsAreExplained(words: [String], because: String) throws {
        let arguments = try Arguments(words, options: ControlCommand.tokenMint.options)
        #expect {
            try TokenRequest(arguments, now: Self.now)
        } throws: { "\($0)".contains(because) }
    }

    /// A folder with a key of each kind; `ssh-keygen` is the judge in both directions.
    private static func folder() throws -> String {
        let folder = FileManager.default.temporaryDirectory.path() + "exedev-tokens-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    private static func program(_ words: [String], in folder: String, input: String? = nil) async throws -> ChildProcess.Ended {
        try await ChildProcess(words, environment: environment, folder: folder, input: input).ended()
    }

    private static let environment = ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent"]

    @Test(arguments: ["ed25519", "rsa", "ecdsa"]) func sshKeygenTakesWhatIsSigned(kind: String) async throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let key = folder + "/key"
        #expect(try await Self.program(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key], in: folder).status == 0)
        let program = SignatureProgram(environment: Self.environment)
        let permissions = try Permissions(Data(#"{"exp":2000000000,"cmds":["ls"]}"#.utf8))
        let token = try SignedToken(permissions, program.sign(permissions, namespace: SignedToken.lobby, key: key))
        #expect(try program.isGood(token) && SignedToken(token.text) == token)

        let line = try String(contentsOfFile: key + ".pub", encoding: .utf8)
        #expect(line.hasPrefix(token.signature.publicLine))
        try "owner \(line)".write(toFile: folder + "/signers", atomically: false, encoding: .utf8)
        try token.signature.armored.write(toFile: folder + "/signature", atomically: false, encoding: .utf8)
        let verify = [
            "ssh-keygen", "-Y", "verify", "-f", folder + "/signers", "-I", "owner", "-n", "v0@exe.dev", "-s", folder + "/signature",
        ]
        #expect(try await Self.program(verify, in: folder, input: String(decoding: permissions.payload, as: UTF8.self)).status == 0)
        #expect(try await Self.program(verify, in: folder, input: "{}").status != 0)

        let other = try SignedToken(Permissions(Data("{}".utf8)), token.signature)
        #expect(try !program.isGood(other), "another one's permissions under the signature")
    }

    @Test func aKeyInTheAgentSigns() async throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (key, socket) = (folder + "/key", folder + "/agent")
        let started = try await Self.program(["ssh-agent", "-a", socket], in: folder)
        let id = try #require(Int32(started.out.split(separator: ";")[2].split(separator: "=").last ?? ""))
        // It has our blocked signals.
        defer { kill(id, SIGKILL) }
        _ = try await Self.program(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], in: folder)
        let environment = Self.environment.merging(["SSH_AUTH_SOCK": socket]) { $1 }
        _ = try await ChildProcess(["ssh-add", "-q", key], environment: environment, folder: folder).ended()
        try FileManager.default.removeItem(atPath: key)
        let permissions = try Permissions(Data("{}".utf8))
        let program = SignatureProgram(environment: environment)
        let token = try SignedToken(permissions, program.sign(permissions, namespace: SignedToken.proxy(of: "web-one"), key: key + ".pub"))
        #expect(try program.isGood(token) && token.signature.namespace == "v0@web-one.exe.xyz")
        #expect(throws: StateError.self) {
            try SignatureProgram(environment: Self.environment).sign(permissions, namespace: SignedToken.lobby, key: key + ".pub")
        }
    }

    /// A token that a new key has signed.
    private static func token(_ permissions: String, _ namespace: String) async throws -> ExeDevToken {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let key = folder + "/key"
        #expect(try await program(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], in: folder).status == 0)
        let permissions = try Permissions(Data(permissions.utf8))
        let signature = try SignatureProgram(environment: environment).sign(permissions, namespace: namespace, key: key)
        return try ExeDevToken(SignedToken(permissions, signature).text, from: "here")
    }

    @Test func aReportNamesWhatNothingTakes() async throws {
        let program = SignatureProgram(environment: Self.environment)
        let old = try await TokenReport(Self.token("{}", "v1@exe.dev"), fleet: nil, now: Self.now, program)
        #expect(old.problems == ["nothing takes tokens for v1@exe.dev: exe.dev's are for v0@exe.dev, a VM's for v0@VM.exe.xyz"])
        for namespace in ["v0@web-one.exe.xyz", "v0@web-one.xterm.exe.xyz"] {
            let report = try await TokenReport(Self.token("{}", namespace), fleet: nil, now: Self.now, program)
            #expect(report.problems.isEmpty && report.commands == nil && !report.text.contains("may run"), "\(report.text)")
        }
    }

    @Test func anExchangeFitsItsToken() async throws {
        let (own, vm) = (try await Self.token("{}", SignedToken.lobby), try await Self.token("{}", SignedToken.proxy(of: "web-one")))
        try ControlCommand.check(own, isFor: nil)
        try ControlCommand.check(vm, isFor: "web-one")
        try ControlCommand.check(ExeDevToken("exe1.abc", from: "here"), isFor: "web-one")
        for (token, wish, advice) in [
            (own, "web-one" as String?, "exedev-ctl token mint --vm=web-one makes the right one"),
            (vm, nil, "exedev-ctl token mint makes the right one; --vm=web-one exchanges this one"),
            (vm, "web-two", "exedev-ctl token mint --vm=web-two makes the right one"),
        ] {
            let failure = #expect(throws: Failure.self) { try ControlCommand.check(token, isFor: wish) }
            #expect(failure.map { "\($0)" }?.contains(advice) == true, "\(String(describing: failure))")
        }
    }

    @Test(arguments: [
        #"{"ssh_keys":[{"name":"a","public_key":"x","fingerprint":"SHA256:1"},{"name":"a","fingerprint":"SHA256:2","tag":"t"}]}"#,
        #"[{"name":"a","fingerprint":"SHA256:1"},{"name":"a","fingerprint":"SHA256:2"}]"#,
        #"{"name":"a","fingerprint":"SHA256:1"}"# + "\n" + #"{"name":"a","fingerprint":"SHA256:2"}"#,
    ])
    func keysAreReadInWhateverShape(answer: String) {
        #expect(KeyRow.all(in: answer) == [KeyRow(name: "a", fingerprint: "SHA256:1"), KeyRow(name: "a", fingerprint: "SHA256:2")])
        #expect(KeyRow.all(in: "no keys").isEmpty)
    }

    @Test func aReportNamesWhatIsWrong() async throws {
        let vector = try ExeDevToken(
            "exe0.eyJleHAiOjIwMDAwMDAwMDAsImNtZHMiOlsibHMiLCJuZXciLCJybSJdfQ.U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgA6EHv_POEL4d"
                + "cN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbgAAAAKdjBAZXhlLmRldgAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUxOQAAAEBYt2gfmEzKodpm85_F5n1P"
                + "N1P0rU8_Jd8YESsX1E2v_aqaP2wxZYG9gPKwyjMWWwW-pCRC7CdMXvMMvMQpdVML", from: "here")
        let program = SignatureProgram(environment: Self.environment)
        let report = try TokenReport(vector, fleet: nil, now: Self.now, program)
        #expect(
            report.problems.isEmpty && report.commands == ["ls", "new", "rm"] && report.signedBy?.hasPrefix("ssh-ed25519 SHA256:") == true)
        #expect(report.text.contains("ends:       2033-05-18T03:33:20Z (in 2430 days)"))
        #expect(try TokenReport(vector, fleet: nil, now: 2_000_000_000, program).problems == ["it has ended"])
        #expect(try TokenReport(ExeDevToken("exe1.abc", from: "here"), fleet: nil, now: 0, program).text.contains("opaque"))
    }
}

/// What a token may is read before the first step is sent.
@Suite struct TokenCheckTests {
    private static let fleet = FleetFile.parse(
        """
        {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1"}, pools: {
         web: {nodes: 1, comment: "shop", share: {port: 8080, public: true, users: ["kim@example.com"]}}}, policy: {prune: true}}
        """, file: "fleet.json"
    ).fleet!

    private static func check(_ permissions: String) throws -> TokenCheck {
        TokenCheck(permissions: try Permissions(Data(permissions.utf8)))
    }

    private static var plan: Plan {
        let create = CreateVM(node: "demo-web-n1", vm: fleet.nodes[0].vm, ownerTag: "fleet-demo")
        let remove = RemoveVM(node: "demo-old-n1")
        return Plan(
            cluster: "demo",
            items: [
                .init(node: "demo-web-n1", pool: "web", decision: .act(.createVM(create), .vmMissing), then: [.prepare, .install, .share]),
                .init(node: "demo-old-n1", pool: "old", decision: .act(.removeVM(remove), .notInFleetFile), then: []),
            ])
    }

    @Test func namesWhatIsMissingAndForWhat() throws {
        let refusal = try #require(try Self.check("{}").refusal(of: Self.plan, Self.fleet))
        #expect(
            refusal.message == "the API token may not run rm (demo-old-n1); share add (demo-web-n1); share port (demo-web-n1); "
                + "share set-public (demo-web-n1)")
        let all = #"{"cmds":["ls","new","rm","share show","share port","share set-public","share add"]}"#
        #expect(try Self.check(all).refusal(of: Self.plan, Self.fleet) == nil)
        #expect(refusal.advice?.contains("token mint --exp=30d --cmds='ls,new,restart,resize,tag,rm,comment,share show,share port") == true)
    }

    @Test func aTokenThatEndsWithinTheHourIsWarnedOf() throws {
        let check = try Self.check(#"{"exp":2000000000}"#)
        #expect(check.warning(now: 1_999_990_000) == nil)
        #expect(check.warning(now: 1_999_998_000) == "the API token ends at 2033-05-18T03:33:20Z (in 33 minutes)")
        #expect(try Self.check("{}").warning(now: 0) == nil)
    }

    @Test func theLeastThatAFleetNeeds() {
        #expect(
            TokenNeeds.commands(of: Self.fleet) == [
                "ls", "new", "restart", "resize", "tag", "rm", "comment", "share show", "share port", "share set-public", "share add",
                "share remove",
            ])
        #expect(
            TokenNeeds.request(["ls", "share show"], tag: "fleet-demo")
                == "exedev-ctl token request --transport=ssh --tag=fleet-demo --cmds='ls,share show' --exp=30d --out=token")
    }
}
