package import FleetCore

/// A scenario and what goes wrong in it, all drawn from one seed.
package struct Schedule: Sendable {
    package var stage: Stage
    package var seed: UInt64
    package var faults: [Fault]
    private var restartsAfter: Double
    private var isUnattended = false

    package init(stage: Stage, seed: UInt64, faults: [Fault], restartsAfter: Double = Trial.pause) {
        (self.stage, self.seed, self.faults, self.restartsAfter) = (stage, seed, faults, restartsAfter)
    }

    package init(seed: UInt64, stages: [Stage]) {
        var random = Randomness(seed: seed)
        self.init(stage: stages[random.below(stages.count)], seed: seed, faults: [])
        let count = 1 + random.below(6)
        for _ in 0..<count { faults.append(Self.fault(in: stage, &random)) }
        restartsAfter = Self.pick([1, 10, 30, Trial.pause], &random)
        isUnattended = random.chance(3)
    }

    package func run(disabledRules: Set<SafetyRule> = [], isVerbose: Bool = false) -> Trial.Verdict {
        var trial = Trial(stage, seed: seed, faults: faults)
        (trial.disabledRules, trial.isVerbose) = (disabledRules, isVerbose)
        (trial.restartsAfter, trial.isUnattended) = (restartsAfter, isUnattended)
        return trial.run()
    }

    /// Faults lengthen a run, so points beyond that of the calm one are drawn too.
    private static func fault(in stage: Stage, _ random: inout Randomness) -> Fault {
        switch random.below(11) {
        case 10: Fault(ask(&random), at: .ask(random.below(stage.asks + 2)))
        case 0: Fault(read(&random), at: .read(random.below(stage.reads.count + 20)))
        case 1: Fault(random.chance(2) ? surrounding(stage, &random) : read(&random), at: .read(random.below(stage.reads.count + 20)))
        case 2: Fault(save(&random), at: .save(random.below(stage.saves + 10)))
        default: Fault(effect(stage, &random), at: .effect(random.below(stage.effects.count + 8)))
        }
    }

    private static func read(_ random: inout Randomness) -> Fault.Kind {
        switch random.below(8) {
        case 7: .slow(pick([8, 25], &random))
        case 0: .api(pick(APIFault.allCases, &random))
        case 1: .staleList(1 + random.below(5))
        case 2: .partialList(random.below(12))
        case 3: .emptyList
        case 4: .unreachable
        case 5: .refused
        default: .apiServerDown
        }
    }

    private static func ask(_ random: inout Randomness) -> Fault.Kind {
        pick([.unreachable, .refused, .apiServerDown, .host(.cutAfter), .pause(50), .pause(3600)], &random)
    }

    private static func save(_ random: inout Randomness) -> Fault.Kind {
        pick([.crashInWrite, .crashAfterWrite, .diskFull], &random)
    }

    private static func effect(_ stage: Stage, _ random: inout Randomness) -> Fault.Kind {
        switch random.below(20) {
        case 18: .slow(pick([20, 90, 150], &random))
        case 19: .slowThere(pick([20, 90, 150], &random))
        case 0: .crashAndDamage
        case 1: .crashBefore
        case 2: .crashAfter
        case 3: .crashAfterReply
        case 4, 5, 6: .api(pick(APIFault.allCases, &random))
        case 7, 8: .host(pick(HostFault.allCases, &random))
        default: surrounding(stage, &random)
        }
    }

    private static func surrounding(_ stage: Stage, _ random: inout Randomness) -> Fault.Kind {
        switch random.below(16) {
        case 14: .rebuiltByOthers(random.below(10))
        case 15: .flapping(random.below(10))
        case 12 where stage.scenario.isMendable: random.chance(2) ? .handShare(random.below(10)) : .handEdit(random.below(10))
        case 0: .silence(random.below(10))
        case 1: .rival
        case 2: .pause(pick([5, 45, 90, 3600], &random))
        case 3: .outage(pick([60, 3600], &random))
        case 4: .clockJump(pick([3600, -3600, Fault.year, -Fault.year], &random))
        case 5: .secondRun
        case 6: .vanish(random.below(10))
        case 7: .reboot(random.below(10))
        case 8: .powerCut(random.below(10))
        case 9: .dark(pick([20, 120, 600], &random))
        case 10: .apiOutage(pick([20, 120, 600], &random))
        case 11 where stage.scenario.hasSeveralServers: random.chance(2) ? .twoJoins : .learnerStuck(pick([30, 120], &random))
        case 13 where stage.scenario.hasDead && stage.scenario.ending == .settled: .revival
        case 11: .throttle(1 + random.below(12))
        default: stage.scenario.edits.isEmpty ? .pause(30) : .edit(random.below(stage.scenario.edits.count))
        }
    }

    private static func pick<T>(_ all: [T], _ random: inout Randomness) -> T { all[random.below(all.count)] }
}

extension Schedule {
    /// The same failure with fewer faults: the shortest prefix that still fails, in the order in which they struck, then without each
    /// that is not needed.
    package func shrunk(disabledRules: Set<SafetyRule> = []) -> Schedule {
        var smallest = self
        let struck = run(disabledRules: disabledRules).end.struck
        for length in 0...struck.count {
            let candidate = with(Array(struck.prefix(length)))
            guard !candidate.run(disabledRules: disabledRules).isGood else { continue }
            smallest = candidate
            break
        }
        for fault in smallest.faults {
            let candidate = with(smallest.faults.filter { $0 != fault })
            if candidate.faults.count < smallest.faults.count, !candidate.run(disabledRules: disabledRules).isGood { smallest = candidate }
        }
        return smallest
    }

    package func with(_ faults: [Fault]) -> Schedule {
        var copy = self
        copy.faults = faults
        return copy
    }
}
