import Foundation
import Testing

@testable import Simulation

/// Machines that only exist as names; sshd answers on those that are told to.
private actor PaperMachines: Machines {
    private(set) var running: Set<String> = []
    private let answers: Bool

    init(answers: Bool = true) { self.answers = answers }

    func create(_ vm: VirtualMachine) { running.insert(vm.name) }
    func remove(_ vm: VirtualMachine) { running.remove(vm.name) }
    func restart(_ vm: VirtualMachine) {}
    func answersSSH(_ vm: VirtualMachine) -> Bool { answers }
}

private func platform(_ machines: PaperMachines = PaperMachines(), foreign: Set<String> = []) -> Platform {
    Platform(
        Platform.State(), machines: machines, sshPort: 2242, owner: Platform.Owner(email: "o@example.com", publicKey: "k"),
        foreignNames: { foreign }, save: { _ in })
}

struct LexerTests {
    @Test(arguments: [
        ("a  b\tc", ["a", "b", "c"]),
        (#"'a b' "c d""#, ["a b", "c d"]),
        (#"'it'"'"'s'"#, ["it's"]),
        (#""\$x \"q\" \n""#, [#"$x "q" \n"#]),
        ("$HOME *", ["$HOME", "*"]),
        ("''", [""]),
        ("", []),
    ])
    func words(line: String, words: [String]) throws {
        #expect(try Lexer.words(of: line) == words)
    }

    @Test(arguments: ["'a", #""a"#, #"a\"#])
    func unbalanced(line: String) {
        #expect(throws: Lexer.Unbalanced.self) { try Lexer.words(of: line) }
    }
}

struct TokenTests {
    /// Vector made with `ssh-keygen -Y sign` from the seed 00..1f.
    static let vector =
        "exe0.eyJleHAiOjIwMDAwMDAwMDAsImNtZHMiOlsibHMiLCJuZXciLCJybSJdfQ.U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgA6EHv_POEL4dcN0Y50vA"
        + "mWfk1jCbpQ1fHdyGZBJVMbgAAAAKdjBAZXhlLmRldgAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUxOQAAAEBYt2gfmEzKodpm85_F5n1PN1P0rU8_Jd8Y"
        + "ESsX1E2v_aqaP2wxZYG9gPKwyjMWWwW-pCRC7CdMXvMMvMQpdVML"

    @Test func readsTheVector() throws {
        let token = try Token(Self.vector)
        #expect(token.commands == ["ls", "new", "rm"])
        #expect(token.expires == 2_000_000_000)
        #expect(token.signature.count == 180)
        #expect(token.isValid(at: 1_999_999_999))
        #expect(!token.isValid(at: 2_000_000_000))
    }

    @Test(arguments: [
        #"{"exp":1.5}"#, #"{"exp":1}"#, #"{"other":1}"#, #" {}"#, #"{"exp":2000000000,"exp":2000000001}"#, #"{"cmds":"ls"}"#, "[]",
    ])
    func refuses(payload: String) {
        #expect(throws: Token.Malformed.self) { try Token("exe0.\(Base64URL.encode(Data(payload.utf8))).AAAA") }
    }

    @Test func emptyPayloadMeansDefaults() throws {
        let token = try Token("exe0.\(Base64URL.encode(Data("{}".utf8))).AAAA")
        #expect(token.commands.contains("new") && !token.commands.contains("rm"))
    }
}

struct PlatformTests {
    @Test func listMatchesByPrefixAndGlob() async {
        let platform = platform()
        for name in ["web-one", "web-one-b", "db-one"] { _ = await platform.run(["new", "--name=\(name)"]) }
        func names(_ pattern: String) async -> Int {
            await platform.run(["ls", pattern]).body.components(separatedBy: "vm_name").count - 1
        }
        #expect(await names("web-one") == 2)
        #expect(await names("*-one") == 2)
        #expect(await names("none1") == 0)
        #expect(await platform.run(["ls", "none1"]).status == 200)
    }

    @Test func newHasNoStatusAndListHasNoPort() async {
        let platform = platform()
        let made = await platform.run(["new", "--name=web-one"])
        #expect(made.body.contains(#""ssh_port":2242"#) && !made.body.contains("status"))
        let listed = await platform.run(["ls"])
        #expect(listed.body.contains(#""status":"running""#) && !listed.body.contains("ssh_port") && !listed.body.contains("tags"))
    }

    @Test func everyThirdRowHasNoHost() async {
        let platform = platform()
        for name in ["web-a", "web-b", "web-c"] { _ = await platform.run(["new", "--name=\(name)"]) }
        #expect(await platform.run(["ls", "web-c"]).body.contains(#""ssh_dest":"exedev@127.42.1.4","ssh_user":"exedev""#))
        #expect(await !platform.run(["ls", "web-c"]).body.contains("ssh_host"))
    }

    @Test func namesAreTakenByOneselfAndByOthers() async {
        let platform = platform(foreign: ["other-vm"])
        _ = await platform.run(["new", "--name=web-one"])
        for name in ["web-one", "other-vm"] {
            let reply = await platform.run(["new", "--name=\(name)"])
            #expect(reply == .failure(422, "VM name \"\(name)\" is not available"))
        }
    }

    @Test(arguments: ["abc", "Web-one", "1web-one", "web--one", "web-one-"])
    func badNames(name: String) async {
        #expect(await platform().run(["new", "--name=\(name)"]).status == 422)
    }

    @Test func removeAnswers200EvenWhenAllFailed() async {
        let reply = await platform().run(["rm", "gone-vm"])
        #expect(reply.status == 200)
        let lines = reply.body.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0] == #"{"error":"VM \"gone-vm\" not found"}"#)
        #expect(lines[1].hasPrefix(#"{"deleted":[],"failed":["gone-vm"]"#))
    }

    @Test func shareFailsUntilSSHAnswers() async {
        let silent = platform(PaperMachines(answers: false))
        _ = await silent.run(["new", "--name=web-one"])
        #expect(await silent.run(["share", "show", "web-one"]) == .failure(422, "failed to connect to VM: connection refused"))
        let ready = platform()
        _ = await ready.run(["new", "--name=web-one"])
        #expect(await ready.run(["share", "port", "web-one", "6443"]).body.contains(#""port":6443"#))
    }

    @Test func tagsAddAndRemove() async {
        let platform = platform()
        _ = await platform.run(["new", "--name=web-one", "--tag=a"])
        #expect(await platform.run(["tag", "web-one", "b"]).body.contains(#"["a","b"]"#))
        #expect(await platform.run(["tag", "-d", "web-one", "a"]).body.contains(#"["b"]"#))
        #expect(await platform.run(["tag", "web-one", "9x"]).status == 422)
    }

    @Test func unknownCommandIs404() async {
        #expect(await platform().run(["{\"command\":\"ls\"}"]).status == 404)
    }
}
