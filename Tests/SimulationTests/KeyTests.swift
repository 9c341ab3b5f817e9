import Foundation
import Shell
import Testing
import Tokens

@testable import Simulation

/// SSH keys, tokens that exe.dev makes, and the scope of a tag.
struct KeyTests {
    private static let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"

    private func value(_ key: String, _ reply: Reply) -> String {
        reply.body.components(separatedBy: "\"\(key)\":\"").dropFirst().first?.components(separatedBy: "\"").first ?? ""
    }

    @Test func aKeyComesGoesAndIsRenamed() async {
        let platform = platform()
        let added = await platform.run(["ssh-key", "add", Self.line + " laptop"])
        #expect(added.status == 200 && value("name", added) == "laptop" && value("fingerprint", added).hasPrefix("SHA256:"))
        #expect(await platform.run(["ssh-key", "add", Self.line]).status == 422)
        #expect(await platform.run(["ssh-key", "add", "nonsense"]).status == 422)
        #expect(await platform.run(["ssh-key", "rename", "laptop", "desk"]).status == 200)
        #expect(await platform.run(["ssh-key", "list"]).body.contains("\"name\":\"desk\""))
        #expect(await platform.key(line: Self.line) != nil)
        #expect(await platform.run(["ssh-key", "remove", value("fingerprint", added)]).status == 200)
        #expect(await platform.key(line: Self.line) == nil)
        #expect(await platform.run(["ssh-key", "remove", "desk"]) == .failure(422, "SSH key \"desk\" not found"))
    }

    /// Who logs in on a VM: the account's keys, and those for its tag or for it, also when they come after it.
    @Test func aVMAdmitsTheKeysThatAreForIt() async throws {
        let machines = PaperMachines()
        let platform = platform(machines, owner: "ssh-ed25519 OWNER")
        func admitted(_ name: String) async -> String {
            await machines.keys[name, default: []].map { $0.split(separator: " ")[1].lowercased() }.joined(separator: " ")
        }
        _ = try await platform.say("new --name=web-one --tag=ci")
        _ = try await platform.say("ssh-key generate-api-key --label=none")
        for (line, one, two) in [
            ("new --name=web-two", "owner", "owner"), ("ssh-key add 'ssh-ed25519 AAAA all'", "owner aaaa", "owner aaaa"),
            ("ssh-key add --tag=ci 'ssh-ed25519 BBBB ci'", "owner aaaa bbbb", "owner aaaa"),
            ("ssh-key add --vm=web-two 'ssh-ed25519 CCCC two'", "owner aaaa bbbb", "owner aaaa cccc"),
            ("tag web-two ci", "owner aaaa bbbb", "owner aaaa bbbb cccc"), ("tag -d web-one ci", "owner aaaa", "owner aaaa bbbb cccc"),
            ("ssh-key remove simulator", "aaaa", "aaaa bbbb cccc"), ("rename web-two web-ten", "aaaa", "aaaa bbbb cccc"),
            ("ssh-key remove all", "", "bbbb cccc"), ("ssh-key remove two", "", "bbbb"),
            ("cp web-ten web-two", "", "bbbb"),
        ] {
            #expect(try await platform.say(line).status == 200, "\(line)")
            let now = [await admitted("web-one"), await admitted("web-two")]
            #expect(now == [one, two], "\(line)")
        }
        #expect(await admitted("v2") == "bbbb", "what a copy inherits is by its tags too")
    }

    @Test func aTagScopedKeySeesItsOwn() async throws {
        let platform = platform()
        _ = await platform.run(["new", "--name=other-one"])
        let made = await platform.run(["ssh-key", "generate-api-key", "--tag=ci", "--label=ci"])
        let principal = try #require(await platform.principal(exe1: value("token", made), now: 1_800_000_000))
        #expect(principal.tag == "ci" && principal.allows("rm") && !principal.allows("billing plan"))
        #expect(await platform.run(["new", "--name=own-one"], tag: "ci").body.contains(#""tags":["ci"]"#))
        #expect(await platform.run(["ls"], tag: "ci").body.components(separatedBy: "vm_name").count == 2)
        for words in [["restart", "other-one"], ["share", "show", "other-one"], ["comment", "other-one", "x"]] {
            #expect(await platform.run(words, tag: "ci") == .failure(422, "VM \"other-one\" not found"))
        }
        #expect(await platform.run(["rm", "other-one"], tag: "ci").body.contains(#""not_found":["other-one"]"#))
        #expect(await platform.run(["new", "--name=other-one"], tag: "ci") == .failure(422, "VM name \"other-one\" is not available"))
        #expect(await platform.run(["tag", "own-one", "x"], tag: "ci").status == 403)
        #expect(await platform.run(["ls"]).body.components(separatedBy: "vm_name").count == 3)
    }

    /// A default name is not that of another key, also after one has gone.
    @Test func defaultLabelsDiffer() async throws {
        let platform = platform()
        func label() async throws -> String { value("label", try await platform.say("ssh-key generate-api-key")) }
        var labels = [try await label(), try await label()]
        _ = try await platform.say("ssh-key remove api-key-1")
        labels += [try await label(), try await label()]
        #expect(labels == ["api-key-1", "api-key-2", "api-key-1", "api-key-3"])
        #expect(value("name", try await platform.say("ssh-key add 'ssh-ed25519 AAAA'")) == "key-1")
    }

    /// The one that sends the command.
    @Test func oneKeyIsCurrent() async throws {
        let platform = platform(owner: "ssh-ed25519 OWNER")
        let added = try await platform.say("ssh-key add 'ssh-ed25519 AAAA laptop'")
        for (key, name) in [(nil, "simulator"), (value("fingerprint", added), "laptop")] {
            let rows = await platform.run(["whoami"], key: key).body.components(separatedBy: "},{")
            let current = rows.filter { $0.contains(#""current":true"#) }
            #expect(current.count == 1 && current[0].contains(#""name":"\#(name)""#), "\(rows)")
        }
    }

    @Test func anAPIKeyEndsWithItsTimeAndItsKey() async throws {
        let clock = PaperClock()
        let platform = platform(clock: clock)
        _ = await platform.run(["new", "--name=web-one"])
        let made = await platform.run(["ssh-key", "generate-api-key", "--cmds=ls,share show", "--exp=30d", "--label=x"])
        let (token, now) = (value("token", made), Int(clock.now))
        let principal = try #require(await platform.principal(exe1: token, now: now))
        #expect(principal.allows("share show") && !principal.allows("rm") && principal.tag == nil)
        #expect(await platform.principal(exe1: token, now: now + 31 * 86400) == nil)
        #expect(await platform.run(["ssh-key", "remove", "x"]).status == 200)
        #expect(await platform.principal(exe1: token, now: now) == nil)
        let ofVM = await platform.run(["ssh-key", "generate-api-key", "--vm=web-one"])
        #expect(value("namespace", ofVM) == "v0@web-one.exe.xyz")
        #expect(await platform.principal(exe1: value("token", ofVM), now: now) == nil, "it is for the VM's proxy")
    }

    /// Everything that is about a VM, of one that has another tag.
    @Test(arguments: [
        "restart", "pause", "resume", "rename other-one new-one", "cp", "comment other-one x", "resize other-one --cpu=4", "egress", "stat",
        "grant-support-root other-one on", "shelley install", "share show", "share port", "share set-public", "share set-private",
        "share add other-one a@example.org", "share remove other-one a@example.org", "share add-link", "share remove-link other-one x",
        "share receive-email", "ssh-key generate-api-key --vm=other-one", "ssh-key add --vm=other-one 'ssh-ed25519 AAAA x'",
    ])
    func aVMOfAnotherTagIsNotThere(line: String) async throws {
        let platform = platform()
        _ = await platform.run(["new", "--name=other-one", "--tag=other"])
        let whole = line.contains("other-one") ? line : line + " other-one"
        #expect(try await platform.say(whole, tag: "ci") == .failure(422, #"VM "other-one" not found"#))
        #expect(try await platform.say("ls", tag: "ci").body == #"{"vms":[]}"# + "\n")
        #expect(try await platform.say(whole, tag: "other").status != 422 || line == "resume" || line.contains("remove-link"))
    }

    /// What a tag-scoped key makes is of its tag.
    @Test func aTagIsNotEscaped() async throws {
        let platform = platform()
        for line in ["new --name=own-one", "cp --copy-tags=false own-one own-two"] {
            #expect(try await platform.say(line, tag: "ci").body.contains(#""tags":["ci"]"#))
        }
        #expect(try await platform.say("tag own-one x", tag: "ci") == .failure(403, "a tag-scoped key cannot change tags"))
        #expect(try await platform.say("tag --help", tag: "ci").body.contains("usage"))
        let made = try await platform.say("ssh-key generate-api-key --label=own", tag: "ci")
        #expect(await platform.principal(exe1: value("token", made), now: 1_800_000_000)?.tag == "ci")
        let refused = try await platform.say("ssh-key generate-api-key --tag=other", tag: "ci")
        #expect(refused == .failure(422, #"this key makes keys for the tag "ci" only"#))
        _ = try await platform.say("ssh-key generate-api-key --label=wide")
        #expect(try await platform.say("ssh-key remove wide", tag: "ci") == .failure(422, #"SSH key "wide" not found"#))
        #expect(try await platform.say("ssh-key rename wide narrow", tag: "ci").status == 422)
        #expect(try await platform.say("ssh-key remove own", tag: "ci").status == 200)
    }

    /// Both quotings of exe.dev's pages make the same key (facts/exedev.md §10.3), once a shell has taken its quotes away.
    @Test(arguments: [
        #"'--cmds="ls,share show"'"#, #"--cmds="'ls,share show'""#, "--cmds \"'ls,share show'\"", #""--cmds='ls,share show'""#,
    ])
    func quotedCommands(flag: String) async throws {
        let platform = platform()
        let sent = try Lexer.words(of: "ssh-key generate-api-key \(flag)").joined(separator: " ")
        let made = try await platform.say(sent)
        let principal = try #require(await platform.principal(exe1: value("token", made), now: 1_800_000_000))
        #expect(principal.permissions?.listed == ["ls", "share show"])
    }
}
