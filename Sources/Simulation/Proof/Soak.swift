import FleetCore
import Reconciler
import Synchronization

/// Pass after pass of the shipped loop over a fleet that is settled, in one process: each must read twice, at exe.dev and at the cluster, look into
/// each host and each VM's sharing once in a while, and do nothing else.
struct Soak {
    private let scenario: Scenario
    let world: SimulatedWorld
    /// What brought the fleet to where it is.
    let effectsBefore: Int
    private var inspected: Inspected = [:]

    init(nodes: Int) throws {
        // Two of the nodes are the server and the batch agent.
        var sketch = FleetSketch(web: nodes - 2)
        sketch.maxVMs = nodes
        let fleet = sketch.fleet()
        let founding = try Stage(Scenario("soak, first create", before: nil, after: fleet))
        effectsBefore = founding.effects.count
        scenario = Scenario("soak", before: fleet, after: fleet).unattended()
        let stage = try Stage(scenario)
        world = SimulatedWorld(stage.start)
    }

    /// One pass, five minutes after the one before. Nil, or what else it did than to read twice.
    mutating func pass() -> String? {
        // The world's own diary would grow with every pass.
        world.beginTrial()
        world.state.withLock { state in
            state.now += Trial.pause
            state.settle()
        }
        var course = Course(scenario: scenario, world: world)
        course.inspected = inspected
        let began = world.state.withLock { $0.now }
        let isSettled = course.pass()
        // Those of less than a quarter of an hour ago.
        let recent = inspected.filter { began - $0.value < 800 }
        inspected = course.inspected ?? [:]
        let violations = world.violations
        return world.state.withLock { state in
            var wrongs = course.complaints + violations
            if !isSettled { wrongs.append("it is not settled: \(course.outcomes.map(\.words))") }
            let looks = state.reads.filter { $0 != .vms && $0 != .cluster }
            let isTooMuch = looks.count > Set(looks).count || looks.contains { recent[$0] != nil }
            if state.reads.count != looks.count + 2 || isTooMuch { wrongs.append("reads: \(state.reads)") }
            if !state.effects.isEmpty { wrongs.append("effects: \(state.effects.map(\.words))") }
            // A run ends with writing down what it learnt.
            if state.saves > 1 { wrongs.append("the ledger was written \(state.saves) times") }
            return wrongs.isEmpty ? nil : wrongs.joined(separator: "; ")
        }
    }
}
