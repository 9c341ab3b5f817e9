package import FleetCore
import K3s

/// A scenario with the world it starts in and what a run without faults does: made once, tried many times.
package struct Stage: Sendable {
    package var scenario: Scenario
    package var start: WorldState
    /// What a run without faults sent, read and wrote.
    package var effects: [Effect] = []
    package var reads: [Look] = []
    package var saves = 0
    package var asks = 0
    /// How the world looks after it.
    package var ending: Ending?

    package struct Failure: Error, CustomStringConvertible { package var description: String }

    package init(_ scenario: Scenario) throws {
        self.scenario = scenario
        start = WorldState(seed: 1)
        if let before = scenario.before {
            var setUp = Trial(self, seed: 1, faults: [])
            setUp.scenario = Scenario("set-up", before: nil, after: before)
            let verdict = setUp.run()
            guard verdict.isGood else { throw Failure(description: "\(scenario.name), set-up: \(verdict.violations)\n\(verdict.plans)") }
            start = verdict.end
            start.beginTrial()
        }
        let calm = Trial(self, seed: 1, faults: []).run()
        guard calm.isGood else { throw Failure(description: "\(scenario.name), without faults: \(calm.violations)\n\(calm.plans)") }
        (effects, reads, saves, asks) = (calm.end.effects, calm.end.reads, calm.end.saves, calm.end.asks)
        ending = calm.end.ending
    }

    /// What two runs of a scenario must agree on however they went: addresses, dates and order are left out.
    package struct Ending: Sendable, Hashable {
        package var lines: [String] = []

        func lines(notIn other: Ending) -> [String] { lines.filter { !other.lines.contains($0) } }
    }
}

extension WorldState {
    /// Forgets the past of the set-up, and nothing that is in the world.
    mutating func beginTrial() {
        (effects, reads, saves, faults, struck, violations, inFlight) = ([], [], 0, [:], [], [], [:])
        (processes, frozen, answers, outage, asks, leases) = ([], [], [:], nil, 0, [:])
        desks[1] = Desk()
        desks[0].lockHolder = nil
        trace = TraceHash()
        (memory.leaving, memory.failures, memory.told) = ([], [:], [])
    }

    var ending: Stage.Ending {
        var lines: [String] = []
        for machine in machines {
            lines.append(
                "vm \(machine.name) \(machine.tags.sorted()) \(machine.share) \(machine.isStopped) \(machine.disk.enabled as Role?)"
                    + " \((machine.disk.setup?.extra ?? [:]).sorted { $0.key < $1.key }) \(machine.disk.setup?.version.description ?? "-")")
        }
        if let api = apiServer {
            for node in clusters[api.cluster].readings(now: now) {
                let notes = node.annotations.filter { $0.key.hasPrefix("exedev.dev/") }.sorted { $0.key < $1.key }
                lines.append(
                    "node \(node.name) \(node.ready.words) \(node.labels.sorted { $0.key < $1.key }) \(node.taints.sorted())"
                        + " \(notes) \(node.unschedulable)")
            }
            lines.append("passwords \(clusters[api.cluster].passwords.keys.sorted())")
        }
        guard let disk else { return .init(lines: lines + ["no ledger"]) }
        // A record of a VM that is gone stays for a while.
        for (name, record) in disk.vms.sorted(by: { $0.key < $1.key }) where machine(name) != nil || record.creating != nil {
            lines.append("ledger \(name) \(record.creating != nil) \(record.removal as Ledger.RemovalStep?) \(record.share as Share?)")
        }
        // Not the digests: one whose answer was lost is recorded with the next host.
        lines.append("founder \(disk.founder ?? "-")")
        return .init(lines: lines)
    }
}
