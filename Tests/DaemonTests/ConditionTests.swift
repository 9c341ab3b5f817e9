import FleetCore
import K3s
import Reconciler
import Testing

@testable import Daemon

@Suite struct ConditionTests {
    /// `Settled=True/AllNodesSettled …`, in the order in which they are told.
    private static func words(_ conditions: [Condition]) -> String {
        conditions.map { "\($0.type.rawValue)=\($0.status.rawValue)/\($0.reason)" }.joined(separator: " ")
    }

    private static let wait = Decision.wait(Wait(.k3sJoining(unit: nil, journal: nil), read: .cluster, every: 1))
    private static let block = Decision.blocked(.vmForeign(name: "demo-web-n1", tag: "fleet-demo"))
    private static let breaker = Decision.blocked(.vmsVanished(count: 2, of: 3))

    struct Row: CustomTestStringConvertible, Sendable {
        var name: String
        var tell: @Sendable (inout Story, DesiredFleet) throws -> Void
        var want: String
        var testDescription: String { name }
    }

    static let unknown = "Blocked=Unknown/NotLookedYet BreakerOpen=Unknown/NotLookedYet Degraded=Unknown/NotLookedYet"
    static let fine = "Blocked=False/NoNodeBlocked BreakerOpen=False/NoMassLoss Degraded=False/AllNodesReady"

    static let rows = [
        Row(
            name: "before the first pass", tell: { _, _ in }, want: "Settled=Unknown/NotLookedYet Progressing=True/NotLookedYet \(unknown)"),
        Row(
            name: "a settled pass", tell: { $0.pass(.passEnded(Samples.result($1), next: 300)) },
            want: "Settled=True/AllNodesSettled Progressing=False/AllNodesSettled \(fine)"),
        Row(
            name: "one waits", tell: { $0.pass(.passEnded(Samples.result($1, ["demo-web-n1": wait]), next: 5)) },
            want: "Settled=False/NodesNotSettled Progressing=True/NodesNotSettled \(fine)"),
        Row(
            name: "one is blocked", tell: { $0.pass(.passEnded(Samples.result($1, ["demo-web-n1": block]), next: 5)) },
            want: "Settled=False/NodesNotSettled Progressing=False/NodesBlocked Blocked=True/NodesBlocked BreakerOpen=False/NoMassLoss "
                + "Degraded=False/AllNodesReady"),
        Row(
            name: "the breaker is open",
            tell: {
                let gone: Set = ["demo-web-n1", "demo-web-n2"]
                $0.pass(.passEnded(Samples.result($1, ["demo-web-n1": breaker, "demo-web-n2": breaker], gone: gone), next: 5))
            },
            want: "Settled=False/NodesNotSettled Progressing=False/NodesBlocked Blocked=True/NodesBlocked BreakerOpen=True/VMsVanished "
                + "Degraded=True/NodesNotReady"),
        Row(
            name: "a step is begun in a fleet that was settled",
            tell: {
                $0.pass(.passEnded(Samples.result($1), next: 300))
                $0.pass(.event(.actionStarted(Samples.step, .labelsOrTaintsDiffer)))
            }, want: "Settled=False/ActionsUnderWay Progressing=True/ActionsUnderWay \(fine)"),
        Row(
            name: "a pass fails after a settled one",
            tell: {
                $0.pass(.passEnded(Samples.result($1), next: 300))
                $0.pass(.passFailed("exe.dev is down", next: 5))
            },
            want: "Settled=Unknown/PassFailed Progressing=False/PassFailed Blocked=False/NoNodeBlocked BreakerOpen=False/NoMassLoss "
                + "Degraded=True/PassFailed"),
        Row(
            name: "a new file is taken",
            tell: {
                $0.pass(.passEnded(Samples.result($1), next: 300))
                $0.note(.reloaded(try Samples.fleet(web: 3)))
            }, want: "Settled=Unknown/NotLookedYet Progressing=True/NotLookedYet \(fine)"),
        Row(
            name: "a new file that says the same",
            tell: {
                $0.pass(.passEnded(Samples.result($1), next: 300))
                $0.note(.reloaded($1))
            }, want: "Settled=True/AllNodesSettled Progressing=False/AllNodesSettled \(fine)"),
        Row(
            name: "a new file is refused",
            tell: {
                $0.pass(.passEnded(Samples.result($1), next: 300))
                $0.note(.reloadRefused("line 3: no"))
            },
            want: "Settled=True/AllNodesSettled Progressing=False/AllNodesSettled Blocked=False/NoNodeBlocked BreakerOpen=False/NoMassLoss "
                + "Degraded=True/FleetFileRefused"),
        Row(
            name: "told to stop",
            tell: {
                $0.pass(.passEnded(Samples.result($1, ["demo-web-n1": wait]), next: 300))
                $0.note(.stopping)
            }, want: "Settled=False/NodesNotSettled Progressing=False/Stopping \(fine)"),
    ]

    @Test(arguments: rows) func followsTheDaemon(row: Row) throws {
        let fleet = try Samples.fleet()
        var story = Story()
        story.note(.started(fleet, run: "r1"))
        try row.tell(&story, fleet)
        #expect(Self.words(story.status.conditions) == row.want)
    }

    @Test func tellsWhenAStatusChangedAndOfWhichFile() throws {
        let fleet = try Samples.fleet()
        var story = Story()
        func settled() throws -> Condition { try #require(story.status.conditions.first { $0.type == .settled }) }
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

    /// What was not read is not absent: one whose API does not answer lists no Nodes.
    @Test func tellsAbsentFromUnknown() throws {
        let fleet = try Samples.fleet()
        func node(_ change: (inout Observation) -> Void) -> [String] {
            var result = Samples.result(fleet)
            change(&result.observed)
            let node = StatusDocument(LastResult(result, fleet: fleet, time: Samples.now)).nodes[1]
            return [node.vm, node.node]
        }
        #expect(node { _ in } == ["running", "ready"])
        #expect(node { $0.vms = nil } == ["unknown", "ready"])
        #expect(node { $0.cluster = .unseen } == ["running", "unknown"])
        #expect(node { $0.cluster = .unreachable("no route") } == ["running", "unknown"])
        #expect(node { $0.cluster = .read(ClusterReading()) } == ["running", "unknown"])
        #expect(
            node {
                var reading = ClusterReading()
                reading.apiReady = true
                ($0.vms, $0.cluster) = ([:], .read(reading))
            } == ["absent", "absent"])
    }

    /// Nobody acts on what `status` sees by itself, and an operator is there to judge a loss.
    @Test func aLookAloneTellsOnlyWhatItCanKnow() throws {
        let fleet = try Samples.fleet()
        let document = StatusDocument(LastResult(Samples.result(fleet), fleet: fleet, time: Samples.now))
        #expect(Self.words(document.conditions) == "Settled=True/AllNodesSettled Blocked=False/NoNodeBlocked Degraded=False/AllNodesReady")
        #expect(document.conditions.allSatisfy { $0.lastTransitionTime == nil && $0.observedGeneration == nil })
        #expect(document.settled && document.time == "2026-11-18T11:06:40.000Z" && document.age(now: Samples.now + 2.5) == 2)
    }
}
