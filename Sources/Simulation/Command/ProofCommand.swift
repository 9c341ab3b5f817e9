import FleetCore
import Foundation

/// `exedev-sim fuzz` and `exedev-sim prove`: the shipped planner and loop in the world in memory, under faults.
enum ProofCommand {
    struct Options {
        var seeds: ClosedRange<UInt64> = 1...1000
        var nodes = 4
        var scenario: String?
        var rule: String?
        /// The K-th of N parts of the scenarios, or of the rules, so that N processes share the work.
        var part = (number: 1, of: 1)
        /// Of the pairs of crashes every N-th, of crashes every N/48-th, and of other single faults, where they are many, every N/8-th.
        var every = 1
    }

    static func options(_ words: [String]) -> Options? {
        var options = Options()
        var rest = words[...]
        while let word = rest.popFirst() {
            guard let value = rest.popFirst() else { return nil }
            switch word {
            case "--seeds":
                let ends = value.components(separatedBy: "..").compactMap { UInt64($0) }
                guard let first = ends.first, let last = ends.last, ends.count <= 2, first <= last else { return nil }
                options.seeds = first...last
            case "--nodes":
                guard let nodes = Int(value), nodes >= 4, nodes <= 500 else { return nil }
                options.nodes = nodes
            case "--every":
                guard let every = Int(value), every >= 1 else { return nil }
                options.every = every
            case "--scenario": options.scenario = value
            case "--rule": options.rule = value
            case "--part":
                let numbers = value.components(separatedBy: "/").compactMap { Int($0) }
                guard numbers.count == 2, numbers[0] >= 1, numbers[0] <= numbers[1] else { return nil }
                options.part = (numbers[0], numbers[1])
            default: return nil
            }
        }
        return options
    }

    static func run(_ verb: String, _ options: Options) throws -> Int32 {
        // Two of the nodes are the server and the batch agent.
        let stages = try Scenario.all(web: options.nodes - 2).filter { options.scenario == nil || $0.name == options.scenario }.map(
            Stage.init)
        guard !stages.isEmpty else { throw Stage.Failure(description: "there is no scenario of that name") }
        switch verb {
        case "fuzz": return fuzz(options, stages)
        case "guards": return guards(options, stages)
        default:
            let part = stages.enumerated().filter { $0.offset % options.part.of == options.part.number - 1 }.map(\.element)
            return prove(part, options)
        }
    }

    // MARK: random schedules

    private static func fuzz(_ options: Options, _ stages: [Stage]) -> Int32 {
        let clock = ContinuousClock()
        let began = clock.now
        var trace = TraceHash()
        var effects = 0
        for seed in options.seeds {
            let schedule = Schedule(seed: seed, stages: stages)
            let verdict = schedule.run()
            trace.add(verdict.trace.description)
            effects += verdict.end.effects.count
            guard verdict.isGood else {
                report(schedule)
                return 1
            }
        }
        let seconds = (clock.now - began) / .seconds(1)
        say(
            "\(options.seeds.count) schedules over \(options.nodes) nodes: no violation. \(effects) effects, trace \(trace), "
                + String(format: "%.0f schedules/s", Double(options.seeds.count) / seconds))
        return 0
    }

    /// Seed, the shortest prefix of faults that still fails, and the plan at each pass.
    private static func report(_ schedule: Schedule) {
        let small = schedule.shrunk()
        say("seed \(schedule.seed): \"\(schedule.stage.scenario.name)\" fails")
        say("faults: \(schedule.faults)\nenough: \(small.faults)")
        tell(small)
    }

    /// What goes wrong, the plan at each pass, and all that happened.
    private static func tell(_ schedule: Schedule) {
        let verdict = schedule.run(isVerbose: true)
        for violation in verdict.violations { say("  \(violation)") }
        for (number, plan) in verdict.plans.enumerated() { say("pass \(number + 1):\n\(plan)") }
        say(verdict.log.joined(separator: "\n"))
    }

    // MARK: safety rules

    /// Takes each rule away in turn: somebody must notice.
    private static func guards(_ options: Options, _ stages: [Stage]) -> Int32 {
        // Most rules are missed in a short scenario too, and those have few trials.
        let stages = stages.sorted {
            ($0.effects.count + $0.reads.count, $0.scenario.name) < ($1.effects.count + $1.reads.count, $1.scenario.name)
        }
        var unproved: [SafetyRule] = []
        let part = options.part
        for (number, rule) in SafetyRule.allCases.enumerated() where number % part.of == part.number - 1 {
            guard options.rule == nil || options.rule == rule.rawValue else { continue }
            if let test = RuleTable.provedElsewhere[rule] {
                say("\(rule.rawValue) | \(test)")
                continue
            }
            guard let proof = RuleTable.proof(of: rule, stages: stages, seeds: options.seeds) else {
                unproved.append(rule)
                continue
            }
            say("\(rule.rawValue) | \(proof.scenario) | \(proof.faults) | seed \(proof.seed) | \(proof.violation.prefix(110))")
        }
        if options.rule == nil, part.number == 1 {
            guard let proof = RuleTable.proofOfTheLock(stages) else {
                say("nobody notices the absence of the fleet's lock")
                return 1
            }
            say("the fleet's lock | \(proof.faults) | \(proof.violation.prefix(110))")
        }
        guard unproved.isEmpty else {
            say("nobody notices the absence of: \(unproved.map(\.rawValue))")
            return 1
        }
        return 0
    }

    // MARK: every fault

    private static func prove(_ stages: [Stage], _ options: Options) -> Int32 {
        var failures = 0
        for stage in stages {
            say("\(stage.scenario.name): \(stage.effects.count) effects, \(stage.reads.count) reads, \(stage.saves) saves")
            for (name, cases, restartsAfter) in cases(of: stage, every: options.every) {
                failures += prove(name, cases, stage, restartsAfter: restartsAfter, isVerbose: options.scenario != nil)
            }
        }
        return failures == 0 ? 0 : 1
    }

    private typealias Cases = (name: String, faults: [[Fault]], restartsAfter: Double)

    private static func cases(of stage: Stage, every: Int) -> [Cases] {
        func pairs(_ rest: Int) -> [[Fault]] { stage.pairsOfCrashes.enumerated().filter { $0.offset % every == rest }.map(\.element) }
        func crashes(_ rest: Int) -> [[Fault]] {
            let stride = max(1, every / 48)
            return stage.crashes.enumerated().filter { $0.offset % stride == rest % stride }.map { [$0.element] }
        }
        func thinned<Value>(_ all: [Value]) -> [Value] {
            let stride = all.count < 50 ? 1 : max(1, every / 8)
            return all.enumerated().filter { $0.offset % stride == 0 }.map(\.element)
        }
        func single(_ name: String, _ faults: [Fault]) -> Cases { (name, thinned(faults).map { [$0] }, Trial.pause) }
        // Started again after a second: within the grace of a creation, a boot, the Lease and every back-off.
        return [
            ("crashes", crashes(0), Trial.pause), ("crashes, started again at once", crashes(1), 1),
            single("full disks", stage.fullDisks), single("failed reads", stage.failedReads), single("lying lists", stage.lyingLists),
            single("slow answers", stage.slowAnswers),
            single("slow effects", stage.slowEffects), single("failed effects", stage.failedEffects),
            single("failed asks for the Lease", stage.failedAsks), single("surroundings", stage.surroundings),
            ("takeovers", thinned(stage.takeovers), Trial.pause), ("pairs of crashes", pairs(0), Trial.pause),
            ("pairs of crashes, started again at once", pairs(every / 2), 1),
        ]
    }

    private static func prove(
        _ name: String, _ cases: [[Fault]], _ stage: Stage, restartsAfter: Double, isVerbose: Bool
    ) -> Int {
        var failures = 0
        for faults in cases {
            var trial = Trial(stage, seed: 7, faults: faults)
            trial.restartsAfter = restartsAfter
            let verdict = trial.run()
            guard !verdict.isGood else { continue }
            failures += 1
            if failures <= 3 { say("  FAILS \(faults): \(verdict.violations.prefix(2).joined(separator: "; "))") }
            if failures == 1, isVerbose { tell(Schedule(stage: stage, seed: 7, faults: faults, restartsAfter: restartsAfter)) }
        }
        say("  \(name): \(cases.count) trials, \(failures) fail")
        return failures
    }

    /// Written at once: a proof takes minutes, and somebody waits for its lines.
    private static func say(_ line: String) {
        try? FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
    }
}
