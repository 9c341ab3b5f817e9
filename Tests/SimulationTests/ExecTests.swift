import Foundation
import Shell
import Spawn
import Testing
import Tokens

@testable import HTTPServer
@testable import Simulation

/// `POST /exec` around the commands: the limit of time, and whose token may what.
@Suite struct ExecTests {
    /// A service with keys of its own; `sleep` says how time passes.
    private struct Served {
        let state: StateDirectory
        let token: String
        let platform: Platform
        let service: ExecService

        init(
            _ machines: PaperMachines = PaperMachines(),
            sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
        ) throws {
            state = StateDirectory(path: NSTemporaryDirectory() + "exec-\(UUID().uuidString.prefix(8))")
            let settings = try state.open()
            token = settings.token
            platform = SimulationTests.platform(machines, owner: settings.publicKey)
            service = ExecService(platform: platform, state: state, signatures: Signatures(state: state), sleep: sleep)
        }

        func say(_ line: String, token: String? = nil) async -> (status: Int, body: String) {
            let response = await service.answer(
                HTTPRequest(
                    method: "POST", path: "/exec", headers: ["authorization": "Bearer \(token ?? self.token)"], body: Data(line.utf8),
                    peer: "127.0.0.1"))
            return (response.status, String(decoding: response.body, as: UTF8.self))
        }

        func faults(_ text: String) throws { try state.write(Data(text.utf8), to: state.faults) }

        func end() { try? FileManager.default.removeItem(atPath: state.path) }
    }

    private static let late = #"{"error":"command timed out"}"# + "\n"

    /// The limit passes while the machine is made; the command is not told, and ends.
    @Test func whatTakesTooLongGoesOn() async throws {
        let gate = Gate()
        let served = try Served(PaperMachines(gate: gate), sleep: { await gate.isOpen ? try await Task.sleep(for: $0) : () })
        defer { served.end() }
        let answer = await served.say("new --name=web-one")
        #expect(answer.status == 504 && answer.body == Self.late)
        await gate.open()
        while await !served.say("ls").body.contains(#""status":"running""#) { await Task.yield() }
        #expect(await served.say("new --name=web-one").status == 422, "its name is taken by one's own VM")
    }

    /// The pause of the fault ends after that of the limit.
    @Test func aLatencyBeyondTheLimitIsA504AndTheCommandIsDone() async throws {
        let gate = Gate()
        let served = try Served(sleep: { $0 > .seconds(60) ? await gate.pass() : () })
        defer { served.end() }
        try served.faults(#"{"rules":[{"command":"tag","fault":"latency","milliseconds":90000}],"limit":30000}"#)
        _ = await served.platform.run(["new", "--name=web-one"])
        #expect(await served.say("tag web-one late").status == 504)
        #expect(try await served.platform.say("ls").body.contains("tags") == false)
        await gate.open()
        while try await !served.platform.say("ls").body.contains(#""tags":["late"]"#) { await Task.yield() }
    }

    @Test(arguments: [("ls", "{}", 30.0), ("cp", "{}", 330), ("new", #"{"limit":2000}"#, 2), ("ssh", "{}", nil as Double?)])
    func limits(command: String, faults: String, seconds: Double?) async throws {
        let served = try Served()
        defer { served.end() }
        let given = try JSONDecoder().decode(Faults.self, from: Data(faults.utf8))
        #expect(await served.service.limit(of: command, given) == seconds.map { .milliseconds(Int($0 * 1000)) })
    }

    private static func value(_ key: String, _ text: String) -> String {
        text.components(separatedBy: "\"\(key)\":\"").dropFirst().first?.components(separatedBy: "\"").first ?? ""
    }

    /// Which commands a token may, by what it was made with; of those that it may not, a 403 before anything else.
    @Test(arguments: [
        ("--tag=ci", ["ls", "share add-link own-one", "stat own-one", "doc", "ssh-key list", "rename own-one own-two", "rm own-two"]),
        ("--tag=ci --cmds=ls,'share show'", ["ls", "share show own-one"]),
        (#"--tag=ci --cmds "ls,share show""#, ["ls"]),
        ("", ["ls", "help", "whoami", "team", "share show own-one"]),
    ])
    func aTokenMay(flags: String, allowed: [String]) async throws {
        let served = try Served()
        defer { served.end() }
        _ = await served.say("new --name=own-one --tag=ci")
        let token = Self.value("token", await served.say("ssh-key generate-api-key \(flags)").body)
        for line in allowed { #expect(await served.say(line, token: token).status == 200, "\(line)") }
        let refused = [
            "tag own-one x", "domain ls -a", "billing plan", "team members", "set-region fra", "defaults read", "exe0-to-exe1 x",
        ]
        for line in refused where flags.contains("--tag") {
            let answer = await served.say(line, token: token)
            let command = try #require(Invocation.path(of: Lexer.words(of: line)))
            #expect(answer.status == 403 && answer.body.contains("command not allowed by token: \(command)"), "\(line): \(answer)")
        }
        let beyond = flags.contains("--cmds") || flags.isEmpty ? ["rm own-one", "restart own-one"] : []
        for line in beyond { #expect(await served.say(line, token: token).status == 403, "\(line)") }
    }

    /// What the lobby says over SSH without `--json` is no JSON.
    @Test func anAnswerForPeople() {
        let body = #"{"vms":[{"vm_name":"web-one","tags":["a","b"]},{"vm_name":"web-two"}],"n":2}"# + "\ntext\n"
        let text = "n: 2\nvms:\n  - tags:\n      - a\n      - b\n    vm_name: web-one\n  - vm_name: web-two\ntext\n"
        #expect(ReadableAnswer.text(body) == text)
        #expect(LobbyServer.asksForJSON("ls --json") && !LobbyServer.asksForJSON("comment web-one -- --json"))
    }

    @Test(arguments: [
        ("ssh", 422, "usage: ssh"), ("ssh -l root", 422, "usage: ssh"), ("ssh --help", 200, #""command":"ssh""#),
        ("ssh -x web-one", 422, "unknown flag: --x"), ("ssh -l root --json none-one id", 422, #"VM \"none-one\" not found"#),
        ("ssh --l=root -- none-one --help", 422, #"VM \"none-one\" not found"#),
    ])
    func sshWithoutAVM(line: String, status: Int, says: String) async throws {
        let served = try Served()
        defer { served.end() }
        let answer = await served.say(line)
        #expect(answer.status == status && answer.body.contains(says), "\(answer)")
    }

    /// The key of one VM, or of another one's tag, opens nothing else.
    @Test func keysOfAVMAreForItsProxyOnly() async throws {
        let served = try Served()
        defer { served.end() }
        _ = await served.say("new --name=web-one")
        let opaque = Self.value("token", await served.say("ssh-key generate-api-key --vm=web-one").body)
        #expect(await served.say("ls", token: opaque).status == 401)
        #expect(await served.say("ssh-key generate-api-key --vm=none-one").status == 422)
        #expect(await served.say("ssh-key generate-api-key --vm=web-one --tag=ci").body.contains("usage"))
        let key = served.state.path + "/other"
        try Subprocess.check("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "other", "-f", key])
        let line = try String(contentsOfFile: key + ".pub", encoding: .utf8).trimmingCharacters(in: .newlines)
        let signed = try Self.sign(#"{"cmds":["ls","rm"]}"#, key)
        #expect(await served.say("ls", token: signed).status == 401, "not registered")
        for (flags, status) in [("--vm=web-one", 401), ("--tag=ci", 200), ("", 200)] {
            #expect(await served.say("ssh-key add \(flags) '\(line)'").status == 200)
            let answer = await served.say("ls", token: signed)
            #expect(answer.status == status && answer.body.contains("web-one") == flags.isEmpty, "\(flags) \(answer)")
            #expect(await served.say("ssh-key remove other").status == 200)
        }
    }

    private static func sign(_ payload: String, _ key: String) throws -> String {
        let signed = try Subprocess.run(
            "ssh-keygen", ["-Y", "sign", "-q", "-n", "v0@exe.dev", "-f", key], input: Data(payload.utf8), quiet: true)
        let armored = String(decoding: signed.output, as: UTF8.self)
        return try SignedToken(Permissions(Data(payload.utf8)), SSHSignature(armored: armored)).text
    }
}
