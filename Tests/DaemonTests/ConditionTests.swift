import FleetCore
import Reconciler
import Testing

@testable import Daemon

@Suite struct ConditionTests {
    /// `Settled=True/AllNodesSettled …`, in the order of the document.
    private static func words(_ conditions: [Condition]) -> String {
        conditions.map { "\($0.type.rawValue)=\($0.status.rawValue)/\($0.reason)" }.joined(separator: " ")
    }

    private static let wait = Decision.wait(Wait("k3s to join", look: .cluster, every: 1))
    private static let block = Decision.blocked(Block("the VM lacks the tag", advice: "rename it"))
    private static let breaker = Decision.blocked(Block("2 of 3 VMs are gone", advice: "wait", isBreaker: true))

    struct Row: CustomTestStringConvertible, Sendable {
        var name: String
        var events: @Sendable (inout Story, DesiredFleet) throws -> Void
        var want: String
        var testDescription: String { name }
    }

    static let unknown = "Blocked=Unknown/NotLookedYet BreakerOpen=Unknown/NotLookedYet Degraded=Unknown/NotLookedYet"
    static let fine = "Blocked=False/NoNodeBlocked BreakerOpen=False/NoMassLoss Degraded=False/AllNodesReady"

    static let rows = [
        Row(
            name: "before the first pass", events: { _, _ in },
            want: "Settled=Unknown/NotLookedYet Progressing=True/NotLookedYet \(unknown)"),
        Row(
            name: "a settled pass", events: { $0.pass(.passEnded(Samples.result($1), next: 300)) },
            want: "Settled=True/AllNodesSettled Progressing=False/AllNodesSettled \(fine)"),
        Row(
            name: "one waits", events: { $0.pass(.passEnded(Samples.result($1, ["demo-web-n1": wait]), next: 5)) },
            want: "Settled=False/NodesNotSettled Progressing=True/NodesNotSettled \(fine)"),
        Row(
            name: "one is blocked", events: { $0.pass(.passEnded(Samples.result($1, ["demo-web-n1": block]), next: 5)) },
            want: "Settled=False/NodesNotSettled Progressing=False/NodesBlocked Blocked=True/NodesBlocked BreakerOpen=False/NoMassLoss "
                + "Degraded=False/AllNodesReady"),
        Row(
            name: "the breaker is open",
            events: {
                let gone: Set = ["demo-web-n1", "demo-web-n2"]
                $0.pass(.passEnded(Samples.result($1, ["demo-web-n1": breaker, "demo-web-n2": breaker], gone: gone), next: 5))
            },
            want: "Settled=False/NodesNotSettled Progressing=False/NodesBlocked Blocked=True/NodesBlocked BreakerOpen=True/VMsVanished "
                + "Degraded=True/NodesNotReady"),
        Row(
            name: "a step is begun in a fleet that was settled",
            events: {
                $0.pass(.passEnded(Samples.result($1), next: 300))
                $0.pass(.event(.actionStarted(Samples.step, because: "labels differ")))
            }, want: "Settled=False/ActionsUnderWay Progressing=True/ActionsUnderWay \(fine)"),
        Row(
            name: "a pass fails after a settled one",
            events: {
                $0.pass(.passEnded(Samples.result($1), next: 300))
                $0.pass(.passFailed("exe.dev is down", next: 5))
            },
            want: "Settled=Unknown/PassFailed Progressing=False/PassFailed Blocked=False/NoNodeBlocked BreakerOpen=False/NoMassLoss "
                + "Degraded=True/PassFailed"),
        Row(
            name: "a new file is taken",
            events: {
                $0.pass(.passEnded(Samples.result($1), next: 300))
                $0.note(.reloaded(try Samples.fleet(web: 3)))
            }, want: "Settled=Unknown/NotLookedYet Progressing=True/NotLookedYet \(fine)"),
        Row(
            name: "a new file that says the same",
            events: {
                $0.pass(.passEnded(Samples.result($1), next: 300))
                $0.note(.reloaded($1))
            }, want: "Settled=True/AllNodesSettled Progressing=False/AllNodesSettled \(fine)"),
        Row(
            name: "a new file is refused",
            events: {
                $0.pass(.passEnded(Samples.result($1), next: 300))
                $0.note(.reloadRefused("line 3: no"))
            },
            want: "Settled=True/AllNodesSettled Progressing=False/AllNodesSettled Blocked=False/NoNodeBlocked BreakerOpen=False/NoMassLoss "
                + "Degraded=True/FleetFileRefused"),
        Row(
            name: "told to stop",
            events: {
                $0.pass(.passEnded(Samples.result($1, ["demo-web-n1": wait]), next: 300))
                $0.note(.stopping)
            }, want: "Settled=False/NodesNotSettled Progressing=False/Stopping \(fine)"),
    ]

    @Test(arguments: rows) func followsTheDaemon(row: Row) throws {
        let fleet = try Samples.fleet()
        var story = Story()
        story.note(.started(fleet, run: "r1"))
        try row.events(&story, fleet)
        #expect(Self.words(story.fleetStatus.conditions) == row.want)
    }

    @Test func tellsWhenAStatusChangedAndOfWhichFile() throws {
        let fleet = try Samples.fleet()
        var story = Story()
        func settled() throws -> Condition { try #require(story.fleetStatus.conditions.first { $0.type == .settled }) }
        story.note(.started(fleet, run: "r1"))
        #expect(try settled().lastTransitionTime == "2026-11-18T11:06:41.000Z" && settled().observedGeneration == 0)
        story.pass(.passEnded(Samples.result(fleet), next: 300))
        #expect(try settled().lastTransitionTime == "2026-11-18T11:06:43.000Z" && settled().observedGeneration == 1)
        story.pass(.passEnded(Samples.result(fleet), next: 300))
        #expect(try settled().lastTransitionTime == "2026-11-18T11:06:43.000Z")
        story.note(.reloaded(try Samples.fleet(web: 3)))
        #expect(try settled().lastTransitionTime == "2026-11-18T11:06:46.000Z" && settled().observedGeneration == 1)
        story.pass(.passEnded(Samples.result(fleet), next: 300))
        #expect(try settled().observedGeneration == 2)
    }

    @Test func namesAFewOfMany() throws {
        let fleet = try Samples.fleet(web: 7)
        let decisions = Dictionary(uniqueKeysWithValues: (1...7).map { ("demo-web-n\($0)", Self.wait) })
        let lastResult = LastResult(Samples.result(fleet, decisions, gone: ["demo-web-n7"]), fleet: fleet, time: 0)
        let some = (1...5).map { "demo-web-n\($0): waits: k3s to join" }.joined(separator: "; ")
        #expect(lastResult.settled.message == some + " and 2 more")
        #expect(lastResult.degraded.message == "1 of 8 nodes are not ready: demo-web-n7")
    }

    /// `status` without a daemon has no `Progressing` and no `BreakerOpen`.
    @Test func aLookAloneTellsOnlyWhatItCanKnow() throws {
        let fleet = try Samples.fleet()
        let document = StatusDocument(LastResult(Samples.result(fleet), fleet: fleet, time: Samples.now))
        #expect(Self.words(document.conditions) == "Settled=True/AllNodesSettled Blocked=False/NoNodeBlocked Degraded=False/AllNodesReady")
        #expect(document.conditions.allSatisfy { $0.lastTransitionTime == nil && $0.observedGeneration == nil })
        #expect(document.settled && document.time == "2026-11-18T11:06:40.000Z" && document.age(now: Samples.now + 2.5) == 2)
    }
}
