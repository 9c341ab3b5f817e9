import ExeDev
import Foundation
import Testing

/// What exe.dev, or what stands between it and us, may answer. Nothing of it may be taken for less VMs than there are, or for done.
@Suite struct HostileReplyTests {
    private static let row = #"{"vm_name":"a","status":"running","ssh_dest":"a.exe.xyz"}"#

    @Test(arguments: [
        #"{"vms":[]}"# + "\n" + #"{"vms":[\#(row)]}"#, #"{"vms":[\#(row)],"vms":[]}"#, #"{"vms":[\#(row)],"\u0076ms":[]}"#,
        #"{"vms":[\#(row),\#(row)]}"#, #"{"vms":[{"vm_name":"a","vm_name":"b","ssh_dest":"h"}]}"#,
        #"{"vms":[{"vm_name":"a\u001b[2J","ssh_dest":"h"}]}"#, #"{"vms":[{"vm_name":"a b","ssh_dest":"h"}]}"#,
        #"{"vms":[{"vm_name":"a","ssh_dest":"h x"}]}"#, #"{"vms":[{"vm_name":"a","ssh_dest":"h","ssh_port":70000}]}"#,
        #"{"vms":[{"vm_name":"a","ssh_dest":"h","ssh_port":"none"}]}"#, #"{"vms":null}"#, "null", "7",
    ]) func isNoList(body: String) async {
        let error = await #expect(throws: ExeDevError.self) { try await ScriptedTransport(200, body).client.list() }
        let text = error.map { "\($0)" } ?? ""
        #expect(!text.isEmpty && text.allSatisfy { $0.isASCII && !$0.isNewline || $0 == "…" }, "\(text)")
        for dump in ["Optional(", "CodingKeys", "Swift.", "Error(", "debugDescription"] { #expect(!text.contains(dump), "\(text)") }
    }

    /// A name twice in two objects, and in a value, is no name twice.
    @Test func equalKeysOfDifferentObjectsAreUsual() async throws {
        let body = #"{"vms":[\#(Self.row),{"vm_name":"b","status":"status","tags":["vms","vms"],"ssh_dest":"b:\"{"}],"x":{"vms":1}}"#
        #expect(try await ScriptedTransport(200, body).client.list().vms.map(\.name) == ["a", "b"])
    }

    @Test func aRowWithoutAStatusIsNotTakenForStarting() async throws {
        let body = #"{"vms":[{"vm_name":"a","ssh_dest":"h"}]}"#
        #expect(try await ScriptedTransport(200, body).client.list().vms[0].status == .unknown("without a status"))
    }

    @Test(arguments: ["null", "[]", "7", #""ok""#, "true"]) func isNoAnswerToAChange(body: String) async {
        let transport = ScriptedTransport(200, body)
        for command in [ExeDevCommand.shareSetPublic("a"), .raw("share set-public a"), .raw("restart a")] {
            let error = await #expect(throws: ExeDevError.self) { try await transport.client.exec(command) }
            #expect(error?.remedy == .observeAgain, "whether it was done is not known")
        }
        let error = await #expect(throws: ExeDevError.self) { try await transport.client.restart("a") }
        #expect(error?.remedy == .observeAgain)
    }

    @Test func anEmptyAnswerSaysNothingOfAChange() async throws {
        let error = await #expect(throws: ExeDevError.self) { try await ScriptedTransport(200, " \n").client.exec(.raw("restart a")) }
        #expect(error?.remedy == .observeAgain)
        #expect(try await ScriptedTransport(200, "").client.exec(.raw("share show a")) == "")
    }

    @Test(arguments: [#"{"error":{"code":7,"message":"no"}}"#, #"{"error":null}"#, #"{"error":["no"]}"#, #"{"error":""}"#])
    func isAnErrorOfAnyShape(body: String) async {
        for line in ["whoami", "share set-public a"] {
            await #expect(throws: ExeDevError.self) { try await ScriptedTransport(200, body).client.exec(.raw(line)) }
        }
    }

    @Test(arguments: [
        "share show a", "ssh-key list", "team members", "ls", "whoami", "new --help",
        "share port --help", "ssh --help", "'ls' web-one", "ls\tweb-one", "team --help",
    ]) func readsAreTriedAgain(line: String) {
        #expect(!ExeDevCommand.raw(line).isMutating)
    }

    /// `--help` is a word of the lobby's own command, and neither a text, nor a flag's value, nor the remote command's.
    @Test(arguments: [
        "share set-public a", "ssh-key remove a", "team invite a", "rm a", "showcase", "comment a 'see --help for more'",
        "ssh a 'tool --help'", "ssh a tool --help", "ssh -l --help a", "comment -- a --help",
        "new --comment --help", "team add --name --help",
        "'rm' a", "rm\ta", "'ls web' --help=1", "'share show' a", "rm 'a --help", #"comment a "x --help""#,
    ]) func changesAreNot(line: String) {
        #expect(ExeDevCommand.raw(line).isMutating)
    }

    /// Only a VM that is not there is gone.
    @Test(arguments: [
        ("not found", true), (#"VM "a" not found"#, true), ("VM a not found.", true), ("a not found", true), (#"VM "b" not found"#, false),
        ("its disk was not found", false), ("not found: the host of a", false), ("image a not found yet", false),
    ]) func aReasonIsReadAsAWhole(reason: String, isGone: Bool) async throws {
        let quoted = reason.replacing("\"", with: "\\\"")
        let body = #"{"deleted":[],"failed":["a"],"errors":{"a":"\#(quoted)"}}"#
        #expect(try await ScriptedTransport(200, body).client.remove(["a"]).notFound == (isGone ? ["a"] : []))
    }

    /// The command ran and did nothing; a `new` that was refused so is no VM that may come yet.
    @Test(arguments: [422, 404]) func whatFindsNoVMHasDoneNothing(status: Int) async {
        let transport = ScriptedTransport(status, #"{"error":"VM \"a\" not found"}"#)
        for command in [ExeDevCommand.raw("restart a"), .tag("a", tags: ["t"], remove: false), .shareSetPublic("a")] {
            let error = await #expect(throws: ExeDevError.self) { try await transport.client.exec(command) }
            #expect(error?.remedy == .retry(after: nil), "\(command)")
        }
    }

    /// An error at 422 may be JSON of any form, and one document of several.
    @Test(arguments: [
        #"{"error":"no disk"}"# + "\n" + #"{"deleted":[],"failed":["a"]}"#, #"{"error":"no disk","code":7}"#,
        "\n" + #"{"error":"no disk"}"# + "\r\n",
    ]) func theErrorIsShownAndNotItsDocument(body: String) async {
        let error = await #expect(throws: ExeDevError.self) { try await ScriptedTransport(422, body).client.exec(.raw("restart a")) }
        #expect(error.map { "\($0)" } == "exe.dev restart: no disk")
    }

    @Test func severalErrorsAreAllShown() async throws {
        let body = #"{"error":"no disk"}"# + "\n" + #"{"error":"no host"}"#
        for status in [200, 422] {
            let error = await #expect(throws: ExeDevError.self) { try await ScriptedTransport(status, body).client.exec(.raw("rm a b")) }
            #expect(error.map { "\($0)" } == "exe.dev rm: no disk; no host")
        }
        let mixed = #"{"error":"VM \"b\" not found"}"# + "\n" + #"{"deleted":["a"],"failed":[]}"#
        #expect(try await ScriptedTransport(200, mixed).client.exec(.raw("rm a b"), mixed: true) == mixed, "what was done is shown too")
        #expect(ExeDevAnswer(mixed).complaint(about: .raw("rm a b")) == "exe.dev rm: VM \"b\" not found")
        await #expect(throws: ExeDevError.self) { try await ScriptedTransport(200, mixed).client.exec(.raw("rm a b")) }
    }

    @Test func a404ThatSaysNotFoundIsGone() async throws {
        #expect(try await ScriptedTransport(404, #"{"error":"VM \"a\" not found"}"#).client.remove(["a"]).notFound == ["a"])
        await #expect(throws: ExeDevError.self) { try await ScriptedTransport(404, "404 page not found").client.remove(["a"]) }
    }

    @Test func aFullPlanHasItsOwnAdvice() async {
        let text = "You have reached the maximum number of VMs allowed on your plan. Delete an existing VM to create a new one."
        let vm = NewVM(name: "a", image: "i", cpu: 1, memory: "1GB", disk: "10GB", tags: [])
        await #expect(throws: ExeDevError.quotaReached(text)) {
            try await ScriptedTransport(422, #"{"error":"\#(text)"}"#).client.create(vm)
        }
    }

    /// A typed command ends in the same error as a command of a fleet.
    @Test(arguments: [
        ("new --name=web-n1", #"VM name "web-n1" is not available"#, ExeDevError.nameUnavailable("web-n1")),
        ("new --image x --name web-n1", "this name is not available", .nameUnavailable("web-n1")),
        ("cp web-n1 web-n2", "VM name is not available", .nameUnavailable("web-n2")),
        ("rename web-n1 web-n2", "not available", .nameUnavailable("web-n2")),
        ("new", "the image is not available", .refused(verb: "new", "the image is not available")),
        ("comment web-n1 'not available'", "not available", .refused(verb: "comment", "not available")),
        ("cp web-n1", "You have reached the maximum number of VMs.", .quotaReached("You have reached the maximum number of VMs.")),
        ("rm web-n1", "maximum number of VMs", .refused(verb: "rm", "maximum number of VMs")),
    ]) func typedCommandsAreToldTheSame(line: String, text: String, error: ExeDevError) async throws {
        let body = String(decoding: try JSONEncoder().encode(["error": text]), as: UTF8.self)
        await #expect(throws: error) { try await ScriptedTransport(422, body).client.exec(.raw(line)) }
    }

    @Test(arguments: [
        (200, #"{"plan":"Personal","max_vms":50}"#, 50), (200, #"{"plan":"Personal"}"#, nil), (200, "Personal", nil),
        (200, "", nil), (403, #"{"error":"not permitted"}"#, nil),
    ]) func theLimitOfThePlanIsReadWhereItIsTold(status: Int, body: String, limit: Int?) async {
        #expect(await ScriptedTransport(status, body).client.planLimit() == limit)
    }

    /// Terminals and logs get one line of it, without control characters.
    @Test(arguments: [400, 401, 403, 404, 422]) func whatAnErrorSaysIsCleaned(status: Int) async {
        let transport = ScriptedTransport(status, "\u{1b}[2J\u{202e}evil\nsecond line" + String(repeating: "x", count: 9000))
        let error = await #expect(throws: ExeDevError.self) { try await transport.client.exec(.raw("restart a")) }
        let text = error.map { "\($0)" } ?? ""
        #expect(
            text.count <= 400 && text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 0x202e } && text.contains("\\u{1b}"),
            "\(text)")
    }
}
