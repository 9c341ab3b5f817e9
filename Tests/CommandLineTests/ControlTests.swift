import ExeDev
import Foundation
import Shell
import TestSupport
import Testing

@testable import CommandLine

/// `exedev-ctl`: what is typed, what is sent, what is shown.
@Suite struct ControlTests {
    /// The line that arguments make, as `exedev-ctl` sends it.
    private static func line(_ words: [String]) throws -> String {
        let (command, rest) = try ControlHelp.command(words)
        let lobby = try #require(Lobby.command(of: command.path.split(separator: " ").map(String.init)))
        let arguments = try Arguments(rest, options: command.options, passesOn: command.isOpen, home: "/home/kim")
        return lobby.line(in: arguments, try lobby.operands(in: arguments)).line
    }

    /// Every command of the lobby once, with what it sends.
    static let lines: [(typed: String, sent: String)] = [
        ("ls -l web-*", "ls -l 'web-*'"), ("--json ls --group tag", "ls --group=tag"), ("--transport ssh --token-file t whoami", "whoami"),
        (
            "new --tag a --tag=b --name web-one --no-email --env MODE=x --cpu 2",
            "new --name=web-one --cpu=2 --tag=a --tag=b --env=MODE=x --no-email"
        ), ("rm one two --yes", "rm one two"), ("restart one", "restart one"), ("pause one", "pause one"), ("resume one", "resume one"),
        ("rename one two", "rename one two"), ("cp one two --copy-tags=false", "cp --copy-tags=false one two"),
        ("tag -d one ci", "tag -d one ci"), ("comment one -- -x", "comment -- one -x"),
        ("resize one --memory 8GB", "resize --memory=8GB one"),
        ("egress one all", "egress one all"), ("stat --range=7d one", "stat --range=7d one"), ("vm-logs one", "vm-logs one"),
        ("grant-support-root one on", "grant-support-root one on"), ("share show one", "share show one"),
        ("share port one 8080", "share port one 8080"), ("share set-public one --yes", "share set-public one"),
        ("share set-private one", "share set-private one"),
        ("share add one kim@example.com --root", "share add --root one kim@example.com"),
        ("share remove one kim@example.com", "share remove one kim@example.com"), ("share add-link one", "share add-link one"),
        ("share remove-link one abc", "share remove-link one abc"),
        ("share receive-email one on --reply-policy owner", "share receive-email --reply-policy=owner one on"),
        ("share access allow one --x=1", "share access allow one --x=1"), ("whoami", "whoami"), ("ssh-key list", "ssh-key list"),
        ("ssh-key add --tag ci KEY", "ssh-key add --tag=ci KEY"), ("ssh-key remove old", "ssh-key remove old"),
        ("ssh-key rename a b", "ssh-key rename a b"),
        ("ssh-key generate-api-key --cmds=ls,new", "ssh-key generate-api-key --cmds=ls,new"), ("exe0-to-exe1 TOKEN", "exe0-to-exe1 TOKEN"),
        ("set-region fra", "set-region fra"), ("doc proxy", "doc proxy"), ("browser --qr", "browser --qr"),
        ("defaults read dev.exe", "defaults read dev.exe"), ("defaults write dev.exe a b", "defaults write dev.exe a b"),
        ("defaults delete dev.exe a", "defaults delete dev.exe a"), ("domain add one a.example", "domain add one a.example"),
        ("domain ls -a", "domain ls -a"), ("domain rm one a.example", "domain rm one a.example"),
        ("integrations list --usage", "integrations list --usage"),
        ("integrations add github --name=x", "integrations add github --name=x"),
        ("integrations remove x", "integrations remove x"), ("integrations test x", "integrations test x"),
        ("integrations edit x --y z", "integrations edit x --y z"), ("integrations rename x y", "integrations rename x y"),
        ("integrations attach x tag:ci --for=1h", "integrations attach --for=1h x tag:ci"),
        ("integrations detach x tag:ci", "integrations detach x tag:ci"), ("integrations catalog", "integrations catalog"),
        ("integrations setup github", "integrations setup github"), ("pool list --usage", "pool list --usage"),
        ("pool new fast --cpus=8", "pool new --cpus=8 fast"), ("pool adopt --vm one --pool fast", "pool adopt --vm=one --pool=fast"),
        ("pool detach --vm=one --poolless", "pool detach --vm=one --poolless"), ("pool resize fast --cpus=4", "pool resize --cpus=4 fast"),
        ("pool rename a b", "pool rename a b"), ("pool delete fast --force", "pool delete --force fast"),
        ("pool hosts fast", "pool hosts fast"),
        ("team members", "team members"), ("team vm ls -l", "team vm ls -l"), ("team remove kim --x", "team remove kim --x"),
        ("team transfer kim", "team transfer kim"), ("team disable", "team disable"), ("team role kim admin", "team role kim admin"),
        ("billing plan", "billing plan"), ("billing usage", "billing usage"), ("billing invoices --x", "billing invoices --x"),
        ("invite kim@example.com", "invite kim@example.com"), ("shelley install one", "shelley install one"),
    ]

    /// A script arrives as it was typed (facts/exedev.md §1.2).
    @Test func backslashesOfASetupScriptAreDoubled() throws {
        let words = ["new", "--name=abcde", "--setup-script=#!/bin/sh\nprintf 'a\\nb'", "--comment=a\\b"]
        let parsed = ExeDevCommand.raw(try Self.line(words)).parsed
        #expect(parsed.words == ["new", "--name=abcde", "--comment=a\\b", "--setup-script=#!/bin/sh\nprintf 'a\\\\nb'"])
    }

    @Test(arguments: lines) func sendsWhatIsTyped(typed: String, sent: String) throws {
        #expect(try Self.line(typed.split(separator: " ").map(String.init)) == sent)
    }

    @Test func everyCommandHasItsLine() {
        let sent = Set(Self.lines.compactMap { Lobby.command(of: $0.sent.split(separator: " ").map(String.init))?.path })
        #expect(Lobby.commands.map(\.path).filter { !sent.contains($0) } == ["help"], "exe.dev's help is exedev-ctl exec help")
    }

    @Test(arguments: [
        ("rm", "<vm>... is missing"), ("share add one", "<email|team> is missing"), ("restart one two", "did not expect two"),
        ("new --nam x", "did you mean --name"), ("share", "share needs one of show, port"), ("resart", "did you mean restart"),
        ("new --name", "--name needs a value"), ("ls -l=1", "-l is given or not; it does not take 1"),
        ("tag -d one ci -l", "unknown option -l"),
    ])
    func badUsageIsExplained(typed: String, because: String) {
        #expect {
            try Self.line(typed.split(separator: " ").map(String.init))
        } throws: { "\($0)".contains(because) }
    }

    /// Each has help of its own that works offline, and examples that parse.
    @Test(arguments: Control.commands.map(\.path)) func helpIsOffline(path: String) throws {
        let words = path.split(separator: " ").map(String.init)
        let help = try #require(try ControlHelp.asked(words + ["--help"]))
        #expect(help.hasPrefix("usage: exedev-ctl \(path)"))
        #expect(try ControlHelp.asked(["help"] + words) == help)
        let command = try ControlHelp.command(words).0
        for example in command.examples where !example.contains("'") && !example.contains("\"") {
            let (found, rest) = try ControlHelp.command(example.split(separator: " ").map(String.init))
            #expect(found.path == path, "\(example)")
            _ = try Arguments(rest, options: found.options, passesOn: found.isOpen, verbatimAfter: found.verbatimAfter)
        }
    }

    @Test func whatIsInACommandLineIsNotOurHelp() throws {
        #expect(try ControlHelp.asked(["exec", "ls --help"]) == nil)
        #expect(try ControlHelp.asked(["comment", "one", "help"]) == nil)
        #expect(try ControlHelp.asked(["share", "--help"])?.contains("share set-public") == true)
        #expect(throws: UsageError.self) { try ControlHelp.asked(["help", "nope"]) }
    }

    @Test func oneLetterIsNearNoOther() {
        #expect {
            try Arguments(["-p"], options: ControlCommand.scp.options)
        } throws: { "\($0)" == "unknown option -p" }
    }

    /// What is asked names what will be changed; nil where nothing is asked.
    @Test(
        arguments: [
            ("pool detach --vm=web-one", "What pool detach --vm=web-one does: the VM moves, and may be paid for by itself."),
            ("team disable", "What team disable does: the team ends."),
            ("rm one two", "What rm one two does: the VMs and their disks are gone; there is no undelete."),
            ("share add-link one", "What share add-link one does: the link opens the VM's port to everybody who has it."),
            ("share add one kim --root", "What share add --root one kim does: they may do and read everything on the VM."),
            ("share add one a@example.com", nil), ("share add one a@example.com --root=false", nil), ("ls one", nil),
        ] as [(String, String?)])
    func whatIsAskedNamesTheWholeLine(typed: String, question: String?) throws {
        let (command, rest) = try ControlHelp.command(typed.split(separator: " ").map(String.init))
        let lobby = try #require(Lobby.command(of: command.path.split(separator: " ").map(String.init)))
        let arguments = try Arguments(rest, options: command.options, passesOn: command.isOpen)
        #expect(lobby.question(arguments, try lobby.operands(in: arguments)) == question)
        #expect(question == nil || command.options.contains { $0.name == "yes" })
    }

    @Test(arguments: ["rm", "share set-public", "ssh-key remove", "pool delete", "restart", "domain rm"])
    func whatCannotBeTakenBackAsks(path: String) throws {
        let command = try ControlHelp.command(path.split(separator: " ").map(String.init)).0
        #expect(command.danger != nil && command.options.contains { $0.name == "yes" })
    }

    @Test func answersAreTables() {
        let list = #"{"vms":[{"vm_name":"web-one","status":"running","tags":["a","b"],"odd":7},{"vm_name":"db","status":"stopped"}]}"#
        let columns = Lobby.command(of: ["ls"])!.columns
        #expect(
            AnswerText(columns: columns).lines(of: [Data(list.utf8)]) == [
                "VM-NAME  STATUS   TAGS", "web-one  running  a,b", "db       stopped  -",
            ])
        let share = #"{"vm_name":"web-one","port":8080.0,"users":[{"email":"kim@example.com"}],"links":[],"sso":null}"#
        #expect(
            AnswerText(columns: []).lines(of: [Data(share.utf8)]) == [
                "vm_name: web-one", "port:    8080.0", "sso:     -", "", "users:", "EMAIL", "kim@example.com",
            ])
        #expect(AnswerText(columns: []).lines(of: [Data(#"[]"#.utf8)]) == ["-"])
        let wide = #"{"vms":[{"vm_name":"a","comment":"\#(String(repeating: "x", count: 900_000))"},{"vm_name":"b","comment":""}]}"#
        let table = AnswerText(columns: []).lines(of: [Data(wide.utf8)])
        #expect(table.allSatisfy { $0.count < 250 } && table[1].hasSuffix("x…") && table[2] == "b        -")
    }

    /// What bash offers behind each of these, by bash itself.
    @Test(arguments: [
        ("sha", "share"), ("share set-p", "set-public set-private"), ("share add one --r", "--root"), ("token ", "mint inspect"),
        ("new --sta", "--standalone"), ("pool delete x --f", "--force"),
        ("completion ", "bash zsh fish"), ("git-credential g", "get"),
    ])
    func bashCompletes(typed: String, offers: String) async throws {
        let folder = FileManager.default.temporaryDirectory.path() + "exedev-completion-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let words = typed.split(separator: " ", omittingEmptySubsequences: false).joined(separator: "\" \"")
        let script =
            ControlPages.bash
            + "\nCOMP_WORDS=(exedev-ctl \"\(words)\"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _exedev_ctl; echo \"${COMPREPLY[*]}\""
        let ended = try await ChildProcess(["bash"], environment: ["PATH": "/usr/bin:/bin"], folder: folder, input: script).ended()
        #expect(ended.err.isEmpty)
        for word in offers.split(separator: " ") {
            #expect(ended.out.split(whereSeparator: \.isWhitespace).contains(word), "\(ended.out)")
        }
    }

    @Test func theManPageHasEveryCommand() {
        let page = ControlPages.man
        for command in Control.commands { #expect(page.contains(".SS \(command.path.replacing("-", with: "\\-"))"), "\(command.path)") }
        #expect(page.split(separator: "\n").allSatisfy { !$0.hasPrefix("'") })
        #expect(ControlPages.fish.split(separator: "\n").allSatisfy { $0.hasPrefix("complete -c exedev-ctl") })
    }

    @Test(arguments: [
        ("web-one", "https://web-one.exe.xyz/"), ("web-one:3000/a?b=c", "https://web-one.exe.xyz:3000/a?b=c"),
        ("https://web-one.exe.xyz/x:y", "https://web-one.exe.xyz/x:y"),
    ])
    func anAddressBehindTheProxy(typed: String, url: String) throws { #expect(try ProxyAddress(typed).url == url) }

    @Test(arguments: [
        "", "/x", "web_one", "web-one:x", "web-one:70000", "evil.example.com", "a@b", "web-one.exe.xyz.evil.com", "http://web-one.exe.xyz/",
    ])
    func whatIsNoVMIsRefused(typed: String) { #expect(throws: UsageError.self) { try ProxyAddress(typed) } }

    @Test(
        arguments: [
            ("web-one:", "web-one", "."), ("web-one:~", "web-one", "."), ("web-one:~/", "web-one", "."), ("web-one:./~", "web-one", "./~"),
            ("web-one:/a b", "web-one", "/a b"), ("web-one:~/x", "web-one", "x"), ("./a:b", nil, "./a:b"),
            ("/a:b", nil, "/a:b"), ("plain", nil, "plain"),
        ] as [(String, String?, String)])
    func anEndOfACopy(typed: String, vm: String?, path: String) throws {
        let place = try CopyPlace(typed)
        #expect(place.vm == vm && place.path == path)
    }

    /// A URL that a repository names must not turn one host into another (git's credential protocol has one field a line).
    @Test(
        arguments: [
            ("protocol=https\nhost=web-one.exe.xyz\n\n", "web-one"), ("protocol=https\nhost=web-one.exe.xyz:3000\npath=r\n", "web-one"),
            ("capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=web-one.exe.xyz\npath=ä\n", "web-one"),
            ("protocol=http\nhost=web-one.exe.xyz\n", nil), ("protocol=https\nhost=evil.example\n", nil),
            ("protocol=https\nhost=evil.example\nusername=u\u{b}host=web-one.exe.xyz\n", nil),
            ("protocol=https\nhost=evil.example\nusername=u\rhost=web-one.exe.xyz\n", nil),
            ("protocol=https\nhost=evil.example\nusername=u\u{2028}host=web-one.exe.xyz\n", nil),
            ("protocol=https\nhost=evil.example\nhost=web-one.exe.xyz\n", nil), ("protocol=https\nhost=\n\n", nil),
            ("protocol=https\nhost=:\n", nil), ("protocol=https\nhost=evil.example/web-one.exe.xyz\n", nil), ("host\n", nil), ("", nil),
        ] as [(String, String?)])
    func gitIsAnsweredForAVMAlone(input: String, vm: String?) {
        #expect(ProxyAddress.asked(byGit: Array(input.utf8))?.vm == vm)
    }

    /// Wherever a redirect or another URL points, curl connects to the VM's proxy.
    @Test func curlReachesTheProxyAlone() throws {
        let address = try ProxyAddress("web-one:3000/a")
        #expect(
            address.curlSettings(token: "exe0.t", [:]) == [
                "header = \"X-Exedev-Authorization: Bearer exe0.t\"", "connect-to = \"::web-one.exe.xyz:\"", "proto = \"=https\"",
                "proto-redir = \"=https\"", "globoff",
            ])
        #expect(address.curlSettings(token: "exe0.t", [:]) == address.curlSettings(token: "exe0.t", ["EXE_DEV_PROXY": ""]))
        let simulated = address.curlSettings(token: "exe0.t", ["EXE_DEV_PROXY": "127.0.0.1:9", "EXE_DEV_PROXY_CA": "/ca"])
        #expect(simulated[1] == "connect-to = \"::127.0.0.1:9\"" && simulated.last == "cacert = \"/ca\"")
    }

    /// What sshd would run as `SHELL -c COMMAND`: the same output and status, and no success without the mark behind it.
    @Test(arguments: ["dash", "bash", "fish", "tcsh"].filter { FileManager.default.isExecutableFile(atPath: "/usr/bin/" + $0) })
    func theLoginShellRunsTheCommand(shell: String) async throws {
        let folder = FileManager.default.temporaryDirectory.path()
        let environment = ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "SHELL": "/usr/bin/" + shell]
        for command in [
            "[[ 1 == 1 ]] && echo yes", "echo {1..3}", "diff <(echo a) <(echo a)", "echo \"$SHELL\" 'a!b' ü '\\n' 100%; echo err >&2",
            "echo a\necho b\n\n", "exit 0", "exec true", "exit 7", "exec sh -c 'exit 3'", "-x", "nope!!", "printf '%s\\\\n' 'x y'",
        ] {
            func run(_ line: String) async throws -> ChildProcess.Ended {
                try await ChildProcess(["/usr/bin/" + shell, "-c", line], environment: environment, folder: folder).ended()
            }
            let (plain, framed) = (try await run(command), try await run(ofLoginShell(command) + " && printf '\\036END'"))
            #expect(framed.status == plain.status && framed.err == plain.err, "\(shell) \(command): \(plain.all) \(framed.all)")
            #expect(framed.out == plain.out + (plain.status == 0 ? "\u{1e}END" : ""), "\(shell) \(command)")
        }
    }

    /// Nothing else is sent than what was typed.
    @Test func bytesOfNoTextAreRefused() throws {
        #expect(try Control.text(Array("ä".utf8), of: "argument 1") == "ä")
        #expect {
            try Control.text([0x61, 0xff], of: "argument 2")
        } throws: { "\($0)" == "argument 2 is no UTF-8 text" }
    }

    /// Neither is sent: there is no token here, nor is one asked for.
    @Test(arguments: [["exec", ""], ["exec", " \t"], ["exec"], ["ls", "--transport", "foo"], ["ssh", "--transport=foo", "one"]])
    func anEmptyLineIsBadUsage(words: [String]) async throws {
        #expect(await Control.run(words.map { Array($0.utf8) }) == 64)
    }

    /// What is the remote command's is not ours.
    @Test func optionsBehindTheVMAreTheCommands() throws {
        let (command, rest) = try ControlHelp.command(["ssh", "-t", "web-one", "ls", "--key", "-l", "--json"])
        let arguments = try Arguments(rest, options: command.options, passesOn: command.isOpen, verbatimAfter: command.verbatimAfter)
        #expect(arguments.has("t") && arguments.operands == ["web-one", "ls", "--key", "-l", "--json"])
        #expect(try ControlHelp.asked(["ssh", "web-one", "ls", "--help"]) == nil)
        #expect(try ControlHelp.asked(["ssh", "--help"]) != nil)
    }
}
