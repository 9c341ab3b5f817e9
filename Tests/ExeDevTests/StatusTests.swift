import ExeDev
import Testing

/// Each status of `POST /exec` with its documented body (facts/exedev.md §2.3): what a read and a change make of it.
@Suite struct StatusTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var status: Int
        var body: String
        var headers: [String: String] = [:]
        /// What is said of `ls`.
        var says: String
        var read: String
        /// `restart`, where it differs.
        var change: String?
        var check = "api"
        /// A part of it, of what the operator is asked.
        var advice = ""
        var testDescription: String { "\(status) \(body)" }
    }

    static let cases: [Case] = [
        Case(status: 200, body: "", says: "the answer cannot be read: it is empty", read: "retry", change: "observe"),
        Case(status: 200, body: #"{"error":"unknown command"}"#, says: "exe.dev did not take ls (404): unknown command", read: "operator"),
        Case(
            status: 400, body: #"{"error":"unbalanced quotes"}"#, says: "exe.dev did not take ls (400): unbalanced quotes",
            read: "operator", advice: "quoting of the command line"),
        Case(
            status: 401, body: #"{"error":"token expired"}"#, says: "exe.dev refused the API token (401): token expired", read: "operator",
            check: "token"),
        Case(
            status: 403, body: #"{"error":"not allowed by cmds"}"#, says: "the API token may not run ls (403): not allowed by cmds",
            read: "operator", check: "permissions"),
        Case(
            status: 404, body: #"{"error":"unknown command"}"#, says: "exe.dev did not take ls (404): unknown command", read: "operator",
            advice: "newer version"),
        Case(status: 404, body: "404 page not found", says: "exe.dev did not take ls (404): 404 page not found", read: "operator"),
        Case(status: 405, body: #"{"error":"POST only"}"#, says: "exe.dev did not take ls (405): POST only", read: "operator"),
        Case(
            status: 413, body: #"{"error":"body too large"}"#, says: "exe.dev did not take ls (413): body too large", read: "operator",
            advice: "64 KiB"),
        Case(status: 422, body: #"{"error":"no disk left"}"#, says: "exe.dev ls: no disk left", read: "operator"),
        Case(
            status: 422, body: #"{"error":"VM \"x\" not found"}"#, says: #"exe.dev ls: VM "x" not found"#, read: "retry", check: "quota"),
        Case(
            status: 422, body: #"{"error":"failed to connect to VM: connection refused"}"#,
            says: "exe.dev ls: failed to connect to VM: connection refused", read: "retry", check: "hosts"),
        Case(
            status: 422, body: #"{"error":"VM \"x\" is not running.\n\nTo see why it failed, run:\n  ssh exe.dev vm-logs x"}"#,
            says: #"exe.dev ls: VM "x" is not running."#, read: "retry", check: "hosts"),
        Case(
            status: 429, body: #"{"error":"slow down"}"#, headers: ["retry-after": "7"], says: "exe.dev ls: too many requests (429)",
            read: "retry in 7.0 seconds"),
        Case(
            status: 429, body: "", headers: ["retry-after": "soon"], says: "exe.dev ls: too many requests (429)", read: "retry"),
        Case(
            status: 500, body: #"{"error":"internal"}"#, says: "exe.dev ls: server error (500)", read: "retry", change: "observe"),
        Case(status: 502, body: "<html>", says: "exe.dev ls: server error (502)", read: "retry", change: "observe"),
        Case(
            status: 504, body: #"{"error":"command timed out"}"#,
            says: "exe.dev ls: the command took longer than exe.dev allows (504)", read: "retry", change: "observe"),
        Case(status: 302, body: "", says: "exe.dev did not take ls (302): ", read: "operator", advice: "EXE_DEV_ENDPOINT"),
        // Over SSH these have no status of their own.
        Case(
            status: 422, body: #"{"error":"command timed out"}"#,
            says: "exe.dev ls: the command took longer than exe.dev allows (504)", read: "retry", change: "observe"),
        Case(status: 422, body: #"{"error":"Slow down.\n"}"#, says: "exe.dev ls: too many requests (429)", read: "retry"),
        Case(
            status: 422, body: #"{"error":"no VM slow down"}"#, says: "exe.dev ls: no VM slow down", read: "operator",
            advice: "exec 'ls --help'"),
        Case(
            status: 422, body: #"{"error":"failed to connect to VM: context deadline exceeded"}"#,
            says: "exe.dev ls: failed to connect to VM: context deadline exceeded", read: "retry", check: "hosts"),
    ]

    @Test(arguments: cases) func isReadByAReadAndByAChange(_ test: Case) async {
        for (line, remedy) in [("ls", test.read), ("restart x", test.change ?? test.read)] {
            let error = await #expect(throws: ExeDevError.self) {
                let client = ScriptedTransport(test.status, test.body, headers: test.headers).client
                // A list is read as such; of a change the answer is looked at as it comes.
                if line == "ls" { _ = try await client.list() } else { _ = try await client.exec(.raw(line)) }
            }
            guard let error else { continue }
            let says = line == "ls" ? test.says : test.says.replacing("ls", with: "restart")
            #expect("\(error)".contains(says), "\(error)")
            #expect(Self.word(error.remedy) == remedy, "\(line)")
            #expect(error.doctorCheck == test.check)
            let advice = test.advice.replacing("ls", with: line == "ls" ? "ls" : "restart")
            #expect(advice.isEmpty || error.remedy.advice?.contains(advice) == true, "\(error.remedy)")
        }
    }

    private static func word(_ remedy: ExeDevError.Remedy) -> String {
        switch remedy {
        case .retry(let after?): "retry in \(after)"
        case .retry: "retry"
        case .observeAgain: "observe"
        case .askOperator, .nameTaken: "operator"
        }
    }
}
