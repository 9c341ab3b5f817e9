import FleetCore
import Testing

@testable import Daemon

@Suite struct TransitionsTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var notices: [Notice]
        /// The transitions of each notice: kind, and the node if there is one.
        var want: [[String]]

        init(_ name: String, _ steps: [(Notice, [String])]) {
            (testDescription, notices, want) = (name, steps.map(\.0), steps.map(\.1))
        }
    }

    static let rows: [Row] = [
        Row("settled is announced once", [(Say.started, []), (Say.waiting, []), (Say.settled, ["settled"]), (Say.settled, [])]),
        Row(
            "a repair is a drift, then settled",
            [(Say.settled, ["settled"]), (Say.repair, ["drifted a"]), (Say.repair, []), (Say.settled, ["settled"])]),
        Row("what cannot be mended is a drift", [(Say.settled, ["settled"]), (Say.waiting, ["drifted a"]), (Say.waiting, [])]),
        Row("the first work is no drift", [(Say.started, []), (Say.repair, []), (Say.settled, ["settled"])]),
        Row(
            "what a new file asks is no drift",
            [
                (Say.settled, ["settled"]), (.reloaded(Say.fleet), []), (Say.repair, []), (Say.waiting, []),
                (Say.settled, ["settled"]), (Say.repair, ["drifted a"]),
            ]),
        Row(
            "a new file that asks for nothing", [(Say.settled, ["settled"]), (.reloaded(Say.fleet), []), (Say.settled, [])]),
        Row(
            "a file that is refused changes nothing",
            [(Say.settled, ["settled"]), (.reloadRefused("x"), []), (Say.repair, ["drifted a"])]),
        Row(
            "a node is blocked once",
            [
                (Say.stuck, ["blocked a"]), (Say.stuck, []), (Say.waiting, []), (Say.stuck, ["blocked a"]), (Say.settled, ["settled"]),
            ]),
        Row(
            "another reason is announced",
            [(Say.stuck, ["blocked a"]), (Say.ended(["a": .blocked(.vmForeign(name: "a", tag: "fleet-demo"))]), ["blocked a"])]),
        Row(
            "a pass fails once, then recovers",
            [
                (Say.settled, ["settled"]), (Say.failed, ["passFailed"]), (.passFailed("other", next: 1), []),
                (Say.settled, ["recovered"]), (Say.failed, ["passFailed"]),
            ]),
        Row(
            "the breaker opens and closes",
            [
                (Say.settled, ["settled"]), (Say.massLoss, ["drifted a", "breakerOpen"]), (Say.massLoss, []),
                (Say.settled, ["breakerClosed", "settled"]),
            ]),
        Row(
            "a hold and its end",
            [(Say.settled, ["settled"]), (.paused(FleetPause(by: "a", since: 0, reason: "r")), ["paused"]), (.resumed, ["resumed"])]),
        Row("stopping is no transition", [(Say.settled, ["settled"]), (.stopping, [])]),
    ]

    @Test(arguments: rows)
    func tells(row: Row) {
        var transitions = Transitions()
        let announced = row.notices.map { transitions.note($0).map { $0.kind.rawValue + ($0.node.map { " " + $0 } ?? "") } }
        #expect(announced == row.want)
    }

    @Test func saysWhyAndWhatHelps() {
        var transitions = Transitions()
        #expect(
            transitions.note(Say.stuck) == [
                Transition(.blocked, node: "a", text: "a is blocked", Say.stuckReason)
            ])
        #expect(transitions.note(Say.failed) == [Transition(.passFailed, text: "the pass failed", reason: "exe.dev cannot be reached")])
        #expect(transitions.note(Say.massLoss).last?.advice == Say.breaker.advice)
    }

    @Test func tellsOfFewNodesAtOnce() {
        var transitions = Transitions()
        let block = Decision.blocked(.controlPlaneBlocked(server: "demo-cp-n1"))
        let many = Say.ended(Dictionary(uniqueKeysWithValues: (100..<200).map { ("n\($0)", block) }))
        let announced = transitions.note(many)
        #expect(announced.count == 17 && announced.last?.text == "84 more nodes are blocked" && announced.last?.node == nil)
        #expect(transitions.note(many) == [])
    }
}

@Suite struct LogChangesTests {
    @Test func saysOneEntryPerTransition() {
        var changes = LogChanges()
        func kinds(_ notice: Notice) -> [String] { changes.entries(notice).map { $0.kind.rawValue + ($0.node.map { " " + $0 } ?? "") } }
        #expect(kinds(Say.started) == ["started"])
        #expect(kinds(Say.waiting) == ["nodeWaiting a", "nodeSettled b", "fleetNotSettled"])
        #expect(kinds(Say.waiting) == [])
        #expect(kinds(Say.repair) == ["effectStarted a"])
        #expect(kinds(Say.settled) == ["nodeSettled a", "fleetSettled"])
        #expect(kinds(Say.settled) == [], "silence over a settled fleet")
        #expect(kinds(Say.repair) == ["effectStarted a"])
        #expect(kinds(Say.settled) == ["nodeSettled a", "fleetSettled"], "what was repaired within one pass is settled again")
        #expect(kinds(.event(.nodeSettled("a"))) == [])
        #expect(kinds(Say.failed) == ["passFailed"])
        #expect(kinds(Say.failed) == [])
        #expect(kinds(Say.settled) == ["fleetSettled"], "a recovery is logged")
        #expect(kinds(Say.massLoss) == ["breakerOpen", "nodeBlocked a", "nodeBlocked b", "fleetNotSettled"])
        #expect(kinds(Say.settled) == ["breakerClosed", "nodeSettled a", "nodeSettled b", "fleetSettled"])
        let blind = Notice.event(.readFailed(.vms, reason: "no route"))
        #expect(kinds(blind) == ["lookFailed"])
        #expect(kinds(blind) == [])
        #expect(kinds(Say.settled) == ["fleetSettled"])
        #expect(kinds(blind) == ["lookFailed"])
        #expect(kinds(.reloaded(Say.fleet)) + kinds(.reloadRefused("x")) + kinds(.stopping) == ["reloaded", "reloadRefused", "stopping"])
    }

    @Test func everyKindHasAnIDOfItsOwn() {
        let ids = Set(LogKind.allCases.map(\.messageID))
        #expect(ids.count == LogKind.allCases.count)
        #expect(ids.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) })
    }
}
