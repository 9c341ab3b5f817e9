import Foundation
import Shell
import Testing

@testable import Simulation

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

    /// exe.dev's pages quote a list with a blank in it in different ways (facts/exedev.md §10.3).
    @Test(arguments: [
        #"--cmds="new,share set-public""#, "'--cmds=new,share set-public'", "--cmds='new,share set-public'",
        #""--cmds=new,share set-public""#, #"--cmds "new,share set-public""#, "--cmds 'new,share set-public'",
    ])
    func aBlankInAFlagsValue(flag: String) throws {
        let line = flag.replacing("--cmds", with: "--message")
        let call = try #require(try Invocation(try Lexer.words(of: "share add web-one \(line) a@example.com")))
        #expect(call.value("message") == "new,share set-public" && call.words == ["web-one", "a@example.com"])
    }

    /// A local shell takes one pair of quotes away, the lobby the other.
    @Test(arguments: [
        #"ssh exe.dev ssh-key generate-api-key '--cmds="new,share set-public"'"#,
        #"ssh exe.dev ssh-key generate-api-key --cmds="'new,share set-public'""#,
        #"ssh exe.dev "ssh-key generate-api-key --cmds='new,share set-public'""#,
    ])
    func aBlankThroughAShell(line: String) throws {
        let sent = try Lexer.words(of: line).dropFirst(2).joined(separator: " ")
        #expect(try Lexer.words(of: sent) == ["ssh-key", "generate-api-key", "--cmds=new,share set-public"])
    }

    @Test(arguments: ["'a", #""a"#, #"a\"#])
    func unbalanced(line: String) {
        #expect(throws: Lexer.Unbalanced.self) { try Lexer.words(of: line) }
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

    @Test(arguments: CommandUsage.all.keys.sorted())
    func helpHasNoEffect(command: String) async {
        let machines = PaperMachines()
        let platform = platform(machines)
        _ = await platform.run(["new", "--name=web-one"])
        let before = await platform.run(["ls", "-l"])
        for line in [[command, "--help", "web-one", "9x"], [command, "web-one", "port", "--help"]] {
            let reply = await platform.run(line.flatMap { $0.split(separator: " ").map(String.init) })
            #expect(reply.status == 200 && reply.body.hasPrefix(#"{"command":"\#(command)","usage":"\#(command)"#), "\(reply.body)")
        }
        #expect(await platform.run(["ls", "-l"]) == before)
        #expect(await machines.running == ["web-one"])
    }

    @Test(arguments: CommandUsage.all.keys.sorted())
    func aFlagThatACommandDoesNotHaveIsRefused(command: String) async {
        let platform = platform()
        _ = await platform.run(["new", "--name=web-one"])
        let words = command.split(separator: " ").map(String.init)
        #expect(await platform.run(words + ["web-one", "--frob"]) == .failure(422, "unknown flag: --frob"))
        #expect(await platform.run(["ls"]).body.contains("web-one"))
        #expect(await platform.run(["new", "--name"]) == .failure(422, "flag needs an argument: --name"))
    }

    @Test func aFlagsValueMayBeTheNextWord() async {
        let reply = await platform().run(["new", "--name", "web-one", "--tag", "a,b", "--no-email"])
        #expect(reply.body.contains(#""vm_name":"web-one","tags":["a","b"]"#), "\(reply.body)")
    }

    @Test func aPausedVMIsNoRunningOne() async {
        let machines = PaperMachines()
        let platform = platform(machines)
        _ = await platform.run(["new", "--name=web-one"])
        #expect(await platform.run(["resume", "web-one"]) == .failure(422, #"VM "web-one" is not paused."#))
        #expect(await platform.run(["pause", "web-one"]).body == #"{"vm_name":"web-one","status":"paused"}"# + "\n")
        #expect(await machines.running.isEmpty)
        #expect(await platform.run(["ls"]).body.contains(#""status":"paused""#))
        #expect(await platform.run(["pause", "web-one"]) == .failure(422, #"VM "web-one" is not running."#))
        #expect(
            await platform.run(["resume", "web-one"]).body == #"{"vm_name":"web-one","status":"running","cold_booted":"false"}"# + "\n")
        #expect(await machines.running == ["web-one"])
        _ = await platform.run(["pause", "web-one"])
        _ = await platform.run(["restart", "web-one"])
        #expect(await platform.run(["ls"]).body.contains(#""status":"running""#))
    }

    @Test func statKnowsThreeRanges() async {
        let platform = platform()
        _ = await platform.run(["new", "--name=web-one"])
        #expect(await platform.run(["stat", "web-one", "--range=7d"]).body.contains(#""range":"7d""#))
        #expect(await platform.run(["stat", "web-one"]).body.contains(#""range":"24h""#))
        #expect(await platform.run(["stat", "web-one", "--range=8d"]).status == 422)
    }

    /// What runs at the first boot: of `new`, else of the account; of exeuntu alone.
    @Test func setupScripts() async throws {
        let machines = PaperMachines()
        let platform = platform(machines)
        _ = try await platform.say("defaults write dev.exe new.setup-script 'echo all'")
        for (line, script) in [
            (#"new --name=vm-aa '--setup-script=printf "a\\nb"\necho \t'"#, "printf \"a\\nb\"\necho \\t"),
            ("new --name=vm-ab '--setup-script=echo a\necho b'", "echo a\necho b"), ("new --name=vm-ac", "echo all"),
            ("new --name=vm-ad --image=debian:12 --setup-script=x", nil as String?),
        ] {
            _ = try await platform.say(line)
            let name = line.dropFirst("new --name=".count).prefix(5)
            #expect(await machines.setups[String(name)] == script, "\(line)")
        }
    }

    /// A serve that was killed in the middle of `rm`.
    @Test func whatNoVMOwnsAnyMoreIsEndedAtTheStart() async throws {
        let machines = PaperMachines()
        await machines.create(VirtualMachine(name: "gone-vm", index: 7, createdAt: ""), from: .image(setup: nil), keys: { [] })
        let platform = platform(machines)
        await platform.resume()
        #expect(await machines.running.isEmpty)
    }
}

struct HelpTests {
    @Test func aStateThatIsAFileIsSaid() async throws {
        let file = NSTemporaryDirectory() + "state-\(UUID().uuidString)"
        try "x".write(toFile: file, atomically: false, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        #expect(await SimulatorCommand.run(arguments: ["up", "--state", file]) == 1)
    }

    @Test(arguments: Faults.Kind.allCases) func everyFaultIsExplained(kind: Faults.Kind) {
        #expect(SimulatorCommand.help.contains("  \(kind.rawValue) "))
    }
}
