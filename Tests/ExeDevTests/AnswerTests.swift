import ExeDev
import Testing

/// What an answer with status 200 proves: everything was done, something was not, or nobody knows.
@Suite struct AnswerTests {
    private static let unknown = "it is not known whether it was done; look before you send it again"
    private static let torn = "the answer cannot be read: " + unknown
    private static let silent = "exe.dev rm: the answer does not say what became of a: " + unknown

    static let removals: [(String, String, String?)] = [
        ("rm a", #"{"deleted":[],"failed":["a"]}"#, "exe.dev rm: not done for a"), ("rm a", #"{"deleted":["a"],"failed":[]}"#, nil),
        ("rm --yes a 'b'", #"{"deleted":["a","b"],"failed":null,"not_found":[],"errors":{}}"#, nil),
        ("rm a", #"{"deleted":["a"]}"# + "\n", nil), ("rm 'a-*'", #"{"deleted":["a-1","a-2"]}"#, nil),
        ("rm a", "<html>busy</html>", "exe.dev rm: \(torn)"), ("rm a", #"{"deleted":["a""#, "exe.dev rm: \(torn)"),
        ("rm a", #"{"error":"x"}"# + "\n" + #"{"deleted":["#, "exe.dev rm: \(torn)"), ("rm a", "\u{fffd}\u{fffd}", "exe.dev rm: \(torn)"),
        ("rm a", "{}", silent), ("rm a", #"{"deleted":[]}"#, silent), ("rm a", #"{"deleted":["ab"]}"#, silent),
        ("rm a", #"{"deleted":"a"}"#, silent),
        ("rm b a", #"{"deleted":["b"]}"#, silent),
        ("rm a", #"{"deleted":[],"failed":[],"not_found":["a"]}"#, "exe.dev rm: not done for a (not found)"),
        ("rm a", #"{"deleted":["a"],"failed":[],"errors":{"a":"busy"}}"#, "exe.dev rm: not done for a (busy)"),
        ("rm a b", #"{"deleted":["b"],"failed":["a"],"errors":{"a":"busy"}}"#, "exe.dev rm: not done for a (busy)"),
        ("rm a", #"{"deleted":[],"failed":{"a":"busy"}}"#, "exe.dev rm: not done for a (busy)"),
        ("rm a", #"{"deleted":["a"],"failed":"a"}"#, "exe.dev rm: not done for a"),
        ("rm a", #"{"failed":[{"vm_name":"a","error":"busy"}]}"#, "exe.dev rm: not done for a (busy)"),
        ("rm a", #"{"deleted":["a"],"failed":2}"#, "exe.dev rm: not done for what was asked for"),
        ("rm a b", #"{"deleted":[],"failed":["b"]}"#, "exe.dev rm: not done for b; " + silent.dropFirst("exe.dev rm: ".count)),
    ]

    static let changes: [(String, String, String?)] = [
        ("new", #"{"vm_name":"a","error":"no share"}"#, "exe.dev new: no share"),
        ("pool adopt --vm=a", #"{"status":"failed"}"#, "exe.dev pool adopt: not done for what was asked for"),
        ("restart a", #"{"status":"error","message":"no host"}"#, "exe.dev restart: not done for what was asked for (no host)"),
        ("cp a b", #"{"name":"b","state":"Failed"}"#, "exe.dev cp: not done for what was asked for"),
        ("restart a", #"{"status":"restarted","vm_name":"a"}"#, nil), ("restart a", "done", "exe.dev restart: \(torn)"),
        ("restart a", "{}", "exe.dev restart: the answer says nothing: " + unknown),
        ("domain add a b", #"{"error":"DNS","vm_name":"a","domain":"b"}"#, "exe.dev domain add: DNS"),
        ("pool new a", "done", nil), ("pool new a", "<HTML>busy", "exe.dev pool new: \(torn)"),
        ("ssh-key remove a", "<!DOCTYPE html>", "exe.dev ssh-key remove: \(torn)"), ("vm-logs a", "[    0.000000] Linux version", nil),
        ("doc proxy", "[Docs](x)", nil), ("pool new a", #"{"pool":"#, "exe.dev pool new: \(torn)"), ("browser", "https://exe.dev/x", nil),
        ("grant-support-root a on", "root access", nil), ("frob", "[1,", "exe.dev frob: \(torn)"),
        ("share add-link --qr a", "a code", nil), ("restart --help", "usage", nil), ("ssh a 'echo {'", "{", nil),
    ]

    static let reads: [(String, String, String?)] = [
        ("ls a", #"{"vms":[]}"#, "there is no VM a"), ("ls", #"{"vms":[]}"#, nil), ("ls a", #"{"vms":[{"vm_name":"a"}]}"#, nil),
        ("ls a", "{}", "exe.dev ls: the answer is no list of VMs"), ("ls a", "", "exe.dev ls: the answer cannot be read"),
        ("ls a", "null", "exe.dev ls: the answer is no list of VMs"), ("ls", #"{"vms":null}"#, "exe.dev ls: the answer is no list of VMs"),
        ("ls a", "<html>", "exe.dev ls: the answer cannot be read"), ("ls", #"{"vms":[{"vm"#, "exe.dev ls: the answer cannot be read"),
        ("ls a", #"[{"error":"denied"}]"#, "exe.dev ls: denied"), ("ls a", "[]", "exe.dev ls: the answer is no list of VMs"),
        ("ls a", #"{"vms":[{"vm_name":"ab"}]}"#, "there is no VM a; only others are shown"),
        ("ls 'a*'", #"{"vms":[{"vm_name":"ab"}]}"#, nil),
        ("ls 'b?'", #"{"vms":[{"vm_name":"ab"}]}"#, "there is no VM b?; only others are shown"),
        ("ls --group tag", #"{"vms":[]}"#, nil), ("ls --group=tag", #"{"groups":[]}"#, nil),
        ("ls -l --json a", #"{"vms":[]}"#, "there is no VM a"),
        ("ls --group tag a", #"{"groups":[{"tag":"x","vms":[{"vm_name":"a"}]}]}"#, nil), ("'ls' a", #"{"vms":[]}"#, "there is no VM a"),
        ("ls\ta", #"{"vms":[]}"#, "there is no VM a"), ("ls a", #"{"vms":[],"shared_vms":[{"vm_name":"a"}]}"#, nil),
        ("ls a", #"{"vms":null,"shared_vms":[{"vm_name":"a"}]}"#, nil), ("ls --help", #"{"usage":"ls"}"#, nil), ("whoami", "{}", nil),
        ("whoami", "<html>", "exe.dev whoami: the answer cannot be read"), ("doc x", "a page", nil),
        ("stat a", #"{"name":"a","status":"failed","points":null}"#, nil), ("ssh-key list", "[]", nil),
        ("ssh-key list", "", "exe.dev ssh-key list: the answer cannot be read"),
    ]

    @Test(arguments: removals + changes + reads) func saysWhetherEverythingWasDone(line: String, body: String, complaint: String?) {
        #expect(ExeDevAnswer(body).complaint(about: .raw(line)) == complaint)
    }

    /// What cannot be read says nothing of a change; bytes of no text neither.
    @Test(arguments: ["<html>", #"{"deleted":["a""#, #"{"vm_name":"a","co"#]) func isNoAnswerToAChange(body: String) async {
        let error = await #expect(throws: ExeDevError.self) {
            try await ScriptedTransport(200, body).client.exec(.raw("rm a"), mixed: true)
        }
        #expect(error?.remedy == .observeAgain)
        let bytes = HTTPReply(status: 200, headers: [:], body: [0xff, 0xfe], isTruncated: false)
        await #expect(throws: ExeDevError.self) { try await ScriptedTransport([.success(bytes)]).client.exec(.raw("rm a"), mixed: true) }
    }

    /// Who does not look at the answer is told.
    @Test(arguments: [#"{"status":"error","message":"no host"}"#, #"{"vm_name":"a","failed":["no host"]}"#])
    func whatFailedIsRefused(body: String) async {
        let error = await #expect(throws: ExeDevError.self) { try await ScriptedTransport(200, body).client.exec(.shareSetPublic("a")) }
        #expect(error.map { "\($0)" }?.contains("no host") == true && error?.remedy.advice != nil, "\(String(describing: error))")
    }

    /// Commands whose answers are texts, or not documented.
    @Test(arguments: ["pool new a", "browser", "frob", "ssh a 'echo {'"]) func isPassedOn(line: String) async throws {
        let text = line.hasPrefix("ssh") ? "{" : "done"
        #expect(try await ScriptedTransport(200, text).client.exec(.raw(line)) == text)
    }
}
