import FleetCore
import Foundation
import K3s
import Testing

@testable import Simulation

/// The shipped planner and loop in a world with virtual time, in every scenario. What becomes of them when something goes wrong is tried by
/// `WireTests.ProofTests` with the optimised program.
@Suite struct ScenarioTests {
    static let names = Scenario.all().map(\.name)

    private static func stage(_ name: String) throws -> Stage {
        try Stage(try #require(Scenario.all().first { $0.name == name }))
    }

    @Test(arguments: names) func theSameSeedTakesTheSameWay(name: String) throws {
        let stage = try Self.stage(name)
        let first = Trial(stage, seed: 7, faults: []).run()
        #expect(first.isGood, "\(first.violations)")
        // The order of a hash table is that of its address: each further run finds other memory.
        var (clutter, random) = ([[Int: Int]](), Randomness(seed: 7))
        for _ in 1...3 {
            for size in 1...200 { clutter.append(Dictionary(uniqueKeysWithValues: (0..<size).map { ($0, $0) })) }
            clutter = clutter.filter { _ in random.chance(2) }
            #expect(first.trace == Trial(stage, seed: 7, faults: []).run().trace)
        }
    }

    /// What is kept of a cluster's nodes for the next reading is what a reading from nothing says.
    @Test(arguments: names) func keptReadingsAreLikeNewOnes(name: String) throws {
        let stage = try Self.stage(name)
        for seed: UInt64 in 1...4 {
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

/// What a list shows late is not asked for again.
@Suite struct ResizeRegressionTests {
    @Test func aDiskIsAskedForOnce() throws {
        let stage = try Stage(try #require(Scenario.all().first { $0.name == "larger disks" }))
        for fault in [Fault(.crashBefore, at: .effect(0)), Fault(.slow(90), at: .effect(0)), Fault(.staleList(4), at: .read(0))] {
            let verdict = Trial(stage, seed: 7, faults: [fault]).run()
            let sent = verdict.end.effects.filter { $0.kind == .resizeVM }
            #expect(verdict.isGood && sent.count <= 4, "\(fault): \(sent.map(\.words))")
        }
    }
}
