import K3s
import Testing

@testable import FleetCore

/// What a VM answers to the `share.probe` of its pool: the last thing that a node is settled by, and nothing else.
@Suite struct AnswerTests {
    private static let (web, mate) = (Situation.web, Situation.mate)

    private static func situation() throws -> Situation { try Situation(probe: "{path: \"/healthz\", status: 204}") }

    private static func answers(_ answer: ShareAnswer) -> @Sendable (inout Situation) -> Void {
        { situation in
            guard let question = situation.facts.desired(web)?.question else { return }
            situation.facts.observed.answers[question] = answer
        }
    }

    private static func failing(_ also: @escaping @Sendable (inout Situation) -> Void) -> @Sendable (inout Situation) -> Void {
        { situation in
            answers(.status(502))(&situation)
            also(&situation)
        }
    }

    static let rows = [
        Row("not asked yet", "wait AwaitingShareProbe") { _ in },
        Row("asked a while ago", "settled") { $0.facts.notes[web, default: .init()].hasAnswered = true },
        Row("as asked", "settled", answers(.status(204))),
        Row("another good status is not the one", "wait ShareProbeFails", answers(.status(200))),
        Row("gateway", "wait ShareProbeFails", answers(.status(502))),
        Row("silence", "wait ShareProbeFails", answers(.silent("no answer in 10 s"))),
        Row("no key", "wait ShareProbeFails", answers(.unasked("there is no SSH key"))),
        Row(
            "this run knows better", "wait ShareProbeFails",
            failing { $0.facts.notes[web, default: .init()].hasAnswered = true }),
        Row("the other one has its own", of: mate, "wait AwaitingShareProbe", answers(.status(204))),
        Row("a pool without one", of: Situation.server, "settled") { _ in },
        // Everything else of the node comes first.
        Row("labels", "act patchNode LabelsOrTaintsDiffer", failing { $0.node { $0.labels["tier"] = "back" } }),
        Row("sharing", "act share SharingDiffers", failing { $0.instance { $0.sharing = .known(.initial) } }),
        Row("not ready", "wait NodeNotReady", failing { $0.node { $0.ready = .notReady(reason: "KubeletNotReady") } }),
        Row("image", "blocked ImageChanged", failing { $0.instance { $0.spec?.image = "debian" } }),
    ]

    @Test(arguments: rows) func table(row: Row) throws {
        var situation = try Self.situation()
        row.arrange(&situation)
        #expect(situation.decision(row.node) == row.want)
    }

    /// In the time that a start may take, and then it is said so; whatever it lasts, no step comes of it.
    @Test(arguments: [(179.0, "wait ShareProbeFails"), (180, "blocked WaitTimedOut"), (90_000, "blocked WaitTimedOut")])
    func isGivenUpInTime(seconds: Double, want: String) throws {
        var situation = try Self.situation()
        Self.answers(.status(502))(&situation)
        situation.facts.notes[Self.web, default: .init()].troubledSince = Situation.now - seconds
        #expect(situation.decision(Self.web) == want)
        #expect(Planner.plan(situation.facts).actions == [])
    }

    /// Of a pool of which one node may be down another one is reconfigured meanwhile, and upgraded.
    @Test func takesNoPlaceFromOthers() throws {
        var situation = try Self.situation()
        Self.answers(.status(502))(&situation)
        situation.facts.notes[Self.web, default: .init()].troubledSince = Situation.now - 1000
        situation.instance(Self.mate) { $0.configuration = .digest("another") }
        #expect(situation.decision(Self.mate) == "act install ConfigurationChanged")
        #expect(situation.decision(Self.web) == "blocked WaitTimedOut")
    }

    @Test func whatTheFileAsksAnewIsAskedAnew() throws {
        var situation = try Self.situation()
        let old = ShareQuestion(vm: Self.web, probe: ShareProbe(path: "/other", status: 204), isPublic: true)
        situation.facts.observed.answers[old] = .status(204)
        #expect(situation.decision(Self.web) == "wait AwaitingShareProbe")
    }
}
