package import FleetCore

/// A rule that was taken away, and the trial that noticed: with the rule, and without those that cover it, the same trial is good.
package struct GuardProof: Sendable {
    package var rule: SafetyRule
    package var scenario: String
    package var seed: UInt64
    package var faults: [Fault]
    /// Seconds until the service manager starts a program again that has died.
    package var restartsAfter: Double
    /// The first thing that went wrong without the rule.
    package var violation: String
}

package enum RuleTable {
    /// Rules whose absence does no harm that an oracle sees, because the next read mends it: a test of their own holds them.
    package static let provedElsewhere: [SafetyRule: String] = [
        .outdatedRead: "ReconcilerTests.RunTests.aListFromBeforeAChangeIsThrownAway"
    ]

    /// Rules about what a dead process had sent, which arrives within two minutes: the program is started again at once.
    private static let ofTheDead: Set<SafetyRule> = [.newestOrder]

    /// Rules about one step, which only scenarios with that step can miss: those come first.
    private static let steps: [SafetyRule: StepKind] = [.flushFirst: .flushDisk]

    /// The trial that notices when a second run on the same machine is not kept out by the fleet's lock.
    package static func proofOfTheLock(_ stages: [Stage]) -> (faults: [Fault], violation: String)? {
        for stage in stages {
            for effect in stage.effects.indices {
                var trial = Trial(stage, seed: 7, faults: [Fault(.secondRun, at: .effect(effect))])
                guard trial.run().isGood else { continue }
                trial.ignoresLock = true
                let without = trial.run()
                if let violation = without.violations.first(where: { $0.hasPrefix("S11 the lock is held") }) {
                    return (trial.faults, violation)
                }
            }
        }
        return nil
    }

    /// The first trial that notices the absence of `rule`: of a scenario without faults, with one, or with those of a seed.
    package static func proof(of rule: SafetyRule, stages: [Stage], seeds: ClosedRange<UInt64>) -> GuardProof? {
        for stage in stages {
            if let proof = proof(rule, stage, seed: 7, faults: []) { return proof }
        }
        for stage in stages where steps[rule].map({ step in stage.effects.contains { $0.kind == step } }) ?? false {
            for fault in stage.failedEffects {
                if let proof = proof(rule, stage, seed: 7, faults: [fault]) { return proof }
            }
        }
        for stage in stages where rule == .newHold {
            for faults in stage.takeovers {
                if let proof = proof(rule, stage, seed: 7, faults: faults) { return proof }
            }
        }
        for stage in stages where ofTheDead.contains(rule) {
            for fault in stage.crashes {
                if let proof = proof(rule, stage, seed: 7, faults: [fault], restartsAfter: 1) { return proof }
            }
        }
        for stage in stages {
            for fault in stage.singleFaults {
                if let proof = proof(rule, stage, seed: 7, faults: [fault]) { return proof }
            }
        }
        for stage in stages {
            for faults in stage.takeovers {
                if let proof = proof(rule, stage, seed: 7, faults: faults) { return proof }
            }
        }
        for seed in seeds {
            let schedule = Schedule(seed: seed, stages: stages)
            if let proof = proof(rule, schedule.stage, seed: seed, faults: schedule.faults) { return proof }
        }
        return nil
    }

    private static func proof(
        _ rule: SafetyRule, _ stage: Stage, seed: UInt64, faults: [Fault], restartsAfter: Double = Trial.pause
    ) -> GuardProof? {
        var trial = Trial(stage, seed: seed, faults: faults)
        trial.restartsAfter = restartsAfter
        trial.disabledRules = rule.cover.union([rule])
        let without = trial.run()
        guard !without.isGood else { return nil }
        trial.disabledRules = rule.cover
        guard trial.run().isGood else { return nil }
        return GuardProof(
            rule: rule, scenario: stage.scenario.name, seed: seed, faults: faults, restartsAfter: restartsAfter,
            violation: without.violations.first ?? "")
    }
}
