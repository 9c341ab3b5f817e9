import FleetCore
import Foundation
import K3s
import Testing

@testable import Simulation

/// The shipped planner and loop in a world with virtual time: nothing that goes wrong once keeps a fleet from its end, and no oracle is hurt
/// on the way.
@Suite struct ScenarioTests {
    static let names = Scenario.all().map(\.name)

    private static func stage(_ name: String) throws -> Stage {
        try Stage(try #require(Scenario.all().first { $0.name == name }))
    }

    @Test(arguments: names) func theSameSeedTakesTheSameWay(name: String) throws {
        let stage = try Self.stage(name)
        let (first, second) = (Trial(stage, seed: 7, faults: []).run(), Trial(stage, seed: 7, faults: []).run())
        #expect(first.isGood && first.trace == second.trace, "\(first.violations)")
    }

    @Test(arguments: names) func goesOnAfterACrashAtEveryEffectAndEverySave(name: String) throws {
        let stage = try Self.stage(name)
        let effects = stage.effects.indices.flatMap { number in
            [Fault.Kind.crashBefore, .crashAfter, .crashAfterReply].map { Fault($0, at: .effect(number)) }
        }
        let saves = (0..<stage.saves).flatMap { number in
            [Fault.Kind.crashInWrite, .crashAfterWrite].map { Fault($0, at: .save(number)) }
        }
        try expectGood(stage, effects + saves)
    }

    /// An exe.dev that answers 500, a host or a server that does not answer: at every read.
    @Test(arguments: names) func doesNoHarmWhenAReadFails(name: String) throws {
        let stage = try Self.stage(name)
        try expectGood(
            stage, stage.reads.indices.map { Fault(stage.reads[$0] == .vms ? .api(.status500) : .unreachable, at: .read($0)) })
    }

    /// exe.dev's list as it was, with a VM left out, or empty: at every list.
    @Test(arguments: names) func doesNoHarmWhenAListLies(name: String) throws {
        let stage = try Self.stage(name)
        let lists = stage.reads.indices.filter { stage.reads[$0] == .vms }
        try expectGood(
            stage,
            lists.flatMap { number in
                [Fault.Kind.staleList(1), .staleList(3), .emptyList, .partialList(0), .partialList(1), .partialList(2)].map {
                    Fault($0, at: .read(number))
                }
            })
    }

    private func expectGood(_ stage: Stage, _ faults: [Fault]) throws {
        var broken: [String] = []
        for fault in faults {
            let verdict = Trial(stage, seed: 7, faults: [fault]).run()
            if !verdict.isGood { broken.append("\(fault): \(verdict.violations.prefix(2))\n\(verdict.plans.last ?? "")") }
        }
        #expect(broken.isEmpty, "\(stage.scenario.name): \(broken.count) of \(faults.count):\n\(broken.prefix(3).joined(separator: "\n"))")
    }

    /// What is kept of a cluster's nodes for the next reading is what a reading from nothing says.
    @Test(arguments: names) func keptReadingsAreLikeNewOnes(name: String) throws {
        let stage = try Self.stage(name)
        for seed: UInt64 in 1...20 {
            let schedule = Schedule(seed: seed, stages: [stage])
            var end = schedule.run().end
            for number in end.clusters.indices {
                for after in [0.0, 10, 100] {
                    let fresh = try JSONDecoder().decode(ClusterModel.self, from: JSONEncoder().encode(end.clusters[number]))
                    var copy = fresh
                    #expect(end.clusters[number].readings(now: end.now + after) == copy.readings(now: end.now + after), "seed \(seed)")
                }
            }
        }
    }
}
