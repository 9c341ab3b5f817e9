import Foundation
import Testing

@testable import CommandLine
@testable import Live

@Suite struct HistoryTests {
    static func record(_ effect: Int, _ node: String, _ step: String, _ change: (String, String), _ reason: String) -> AuditRecord {
        AuditRecord(
            time: "2026-11-24T05:12:0\(effect).123Z", verb: "apply", run: "3f2a9c01b7de", plan: "basis", effect: effect, node: node,
            step: step,
            before: change.0, after: change.1, reason: reason)
    }

    static let effects: [AuditRecord] = {
        var created = record(1, "web-n1", "createVM", ("no VM", "2 cpu, 4GB, exeuntu"), "no VM has this name")
        (created.outcome, created.seconds) = (.done, 0.449)
        var prepared = record(2, "web-n1", "prepare", ("host not seen", "overlay, k3s v1.34.9+k3s1 for an agent"), "the host is bare")
        (prepared.outcome, prepared.seconds, prepared.error) = (.failed, 12.96, "the download broke\nafter 3 tries")
        var removed = record(3, "web-n2", "removeVM", ("VM running", "no VM"), "not asked for any more")
        (removed.verb, removed.run) = ("destroy", "aa00aa00aa00")
        return [created, prepared, removed]
    }()

    @Test func rendersATable() {
        let text = HistoryDocument(cluster: "demo", Self.effects).text
        #expect(
            text == """
                TIME                  RUN                   NODE    STEP          OUTCOME             CHANGE                                                  REASON
                2026-11-24T05:12:01Z  apply 3f2a9c01b7de    web-n1  create VM     done in 0.4 s       no VM → 2 cpu, 4GB, exeuntu                             no VM has this name
                2026-11-24T05:12:02Z  apply 3f2a9c01b7de    web-n1  prepare host  failed in 13.0 s    host not seen → overlay, k3s v1.34.9+k3s1 for an agent  the host is bare; the download broke; after 3 tries
                2026-11-24T05:12:03Z  destroy aa00aa00aa00  web-n2  remove VM     no answer recorded  VM running → no VM                                      not asked for any more
                """)
        #expect(HistoryDocument(cluster: "demo", []).text == "Nothing is recorded.")
    }

    @Test func saysThatNothingMatches() {
        let text = HistoryDocument(cluster: "demo", Self.effects, node: "web-n9", since: "2026").text
        #expect(text == "Nothing matches --node, --since; 3 steps are recorded.")
        #expect(HistoryDocument(cluster: "demo", [], node: "web-n9").text == "Nothing is recorded.")
    }

    /// Earlier versions recorded what hosts said as it came.
    @Test func doesNothingToATerminal() {
        var odd = Self.effects[1]
        (odd.error, odd.node) = ("\u{1b}[2Jgone", "web\u{202e}")
        let text = HistoryDocument(cluster: "demo", [odd]).text
        #expect(text.contains("\\u{1b}[2Jgone") && text.contains("web\\u{202e}") && !text.contains("\u{1b}"))
    }

    @Test func rendersJSON() {
        let json = HistoryDocument(cluster: "demo", Self.effects, node: "web-n2").prettyJSON
        #expect(
            json == """
                {
                  "cluster" : "demo",
                  "effects" : [
                    {
                      "after" : "no VM",
                      "before" : "VM running",
                      "effect" : 3,
                      "node" : "web-n2",
                      "plan" : "basis",
                      "reason" : "not asked for any more",
                      "run" : "aa00aa00aa00",
                      "step" : "removeVM",
                      "time" : "2026-11-24T05:12:03.123Z",
                      "verb" : "destroy",
                      "version" : 1
                    }
                  ],
                  "formatVersion" : 1
                }
                """)
    }

    @Test func picks() {
        func picked(node: String? = nil, run: String? = nil, since: String? = nil) -> [Int] {
            HistoryDocument(cluster: "demo", Self.effects, node: node, run: run, since: since).effects.map(\.effect)
        }
        #expect(picked() == [1, 2, 3])
        #expect(picked(node: "web-n1") == [1, 2])
        #expect(picked(run: "3f2a") == [1, 2] && picked(run: "f2a") == [])
        #expect(picked(since: "2026-11-24T05:12:02.000Z") == [2, 3])
        #expect(picked(node: "web-n1", since: "2026-11-24T05:12:02.000Z") == [2])
    }

    @Test(arguments: [
        ("90s", "2026-11-18T11:05:10.000Z"), ("30m", "2026-11-18T10:36:40.000Z"), ("1.5h", "2026-11-18T09:36:40.000Z"),
        ("7d", "2026-11-11T11:06:40.000Z"), ("2026-11-24T05:00:00Z", "2026-11-24T05:00:00.000Z"),
        ("2026-11-24T05:00:00.500Z", "2026-11-24T05:00:00.500Z"), ("2026-11-24T05:00:00+02:00", "2026-11-24T03:00:00.000Z"),
        ("2026-11-24", "2026-11-24T00:00:00.000Z"), ("infs", "1970-01-01T00:00:00.000Z"),
    ])
    func readsSince(text: String, moment: String) throws {
        #expect(try Verb.moment(text, now: 1_795_000_000) == moment)
    }

    @Test(arguments: ["", "yesterday", "5", "-5m", "s", "nans"])
    func refusesOtherTimes(text: String) {
        #expect(throws: UsageError.self) { try Verb.moment(text, now: 0) }
    }
}
