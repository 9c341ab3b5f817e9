import FleetCore
import Reconciler
import Synchronization
import Testing

@testable import Simulation

/// One start of the program in a simulated world, with all that it told and when.
struct Rehearsal {
    var plan: Plan?
    var ranOutOfTime = false
    /// By the world's clock.
    var told: [(at: Double, event: Event)] = []
    var end: WorldState
    /// What the oracles complained of.
    var violations: [String]

    /// `seconds`: when the run gives up. `meanwhile`: what happens in the world right after something was told.
    init(
        _ fleet: DesiredFleet, in start: WorldState, isAttended: Bool = true, disabledRules: Set<SafetyRule> = [], seconds: Double = 900,
        meanwhile: @escaping @Sendable (Event, inout WorldState) -> Void = { _, _ in }
    ) throws {
        let world = SimulatedWorld(start, disabledRules: disabledRules)
        let process = try #require(world.boot(.apply, fleet, isAttended: isAttended))
        let ledger = world.state.withLock { $0.ledger(for: fleet) }
        let told = Mutex<[(at: Double, event: Event)]>([])
        let reconciler = world.reconciler(for: fleet, process, isAttended: isAttended) { event in
            let now = world.state.withLock { state in
                meanwhile(event, &state)
                return state.now
            }
            told.withLock { $0.append((now, event)) }
        }
        let ran = world.run(process) { () async -> Reconciler.Result? in
            try? await reconciler.converge(process, ledger: ledger, memory: process, approved: nil, deadline: process.now + seconds)
        }
        process.end()
        let result = try #require(ran, "the run hangs")
        (plan, ranOutOfTime) = (result?.plan, result?.ranOutOfTime ?? false)
        (self.told, end, violations) = (told.withLock { $0 }, world.snapshot, world.violations)
        if disabledRules.isEmpty { #expect(violations == []) }
    }

    var effects: [String] { end.effects.map(\.words) }

    /// What the plan says of a node at the end.
    func decision(_ node: String) throws -> Decision {
        try #require(plan?.items.first { $0.node == node }?.decision)
    }

    func block(_ node: String) throws -> Reason {
        guard case .blocked(let reason) = try decision(node) else { throw NotBlocked(description: plan?.words ?? "no plan") }
        return reason
    }

    struct NotBlocked: Error, CustomStringConvertible { var description: String }
}

extension WorldState {
    /// A world in which `fleet` stands as it asks.
    static func standing(_ fleet: DesiredFleet) throws -> WorldState {
        try Stage(Scenario("standing", before: fleet, after: fleet)).start
    }

    var names: [String] { machines.map(\.name) }

    /// The Nodes of the cluster that answers.
    var nodes: ClusterModel.NodeList { apiServer.map { clusters[$0.cluster].nodes } ?? .init() }

    var passwords: [String: String] { apiServer.map { clusters[$0.cluster].passwords } ?? [:] }

    /// Lets the world alone for so long.
    mutating func pass(seconds: Double) {
        settle()
        now += seconds
        settle()
    }
}

extension Stage {
    /// One of the scenarios of the proof.
    static func named(_ name: String, web: Int = 2) throws -> Stage {
        try Stage(try #require(Scenario.all(web: web).first { $0.name == name }))
    }

    func trial(_ faults: [Fault] = [], disabledRules rule: SafetyRule? = nil) -> Trial.Verdict {
        var trial = Trial(self, seed: 7, faults: faults)
        trial.disabledRules = rule?.disabledRules ?? []
        return trial.run()
    }

    /// Tries each of `trials`; none may hurt an oracle, keep the scenario from its end, or leave what `isWrong` tells of.
    func survives(_ trials: [[Fault]], _ isWrong: (WorldState) -> String? = { _ in nil }) {
        var broken: [String] = []
        for faults in trials {
            let verdict = trial(faults)
            let complaints = verdict.violations + [isWrong(verdict.end)].compactMap(\.self)
            if !complaints.isEmpty { broken.append("\(faults): \(complaints.prefix(2))\n\(verdict.plans.last ?? "")") }
        }
        #expect(broken.isEmpty, "\(broken.count) of \(trials.count):\n\(broken.prefix(3).joined(separator: "\n"))")
        #expect(!trials.isEmpty)
    }

    /// Without `rule` the same trial hurts the oracle whose name begins so.
    func hurts(_ oracle: String, without rule: SafetyRule, _ faults: [Fault] = []) {
        let without = trial(faults, disabledRules: rule)
        #expect(without.violations.contains { $0.hasPrefix(oracle) }, "without \(rule): \(without.violations)")
    }

    func has(_ number: Int, _ step: StepKind) -> Bool { effects.indices.contains(number) && effects[number].kind == step }
}

extension SafetyRule {
    /// It and what covers it.
    var disabledRules: Set<SafetyRule> { cover.union([self]) }
}
