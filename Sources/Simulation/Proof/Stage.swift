package import FleetCore
import K3s

/// A scenario with the world it starts in and what a run without faults does: made once, tried many times.
package struct Stage: Sendable {
    package var scenario: Scenario
    package var start: WorldState
    /// What a run without faults sent, read and wrote.
    package var effects: [Effect] = []
    package var reads: [ReadTarget] = []
    package var saves = 0
    package var asks = 0
    /// How the world reads after it.
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
        (effects, reads) = (calm.end.effects, Array(calm.end.reads.prefix(calm.counts.reads)))
        (saves, asks) = (calm.counts.saves, calm.counts.asks)
        ending = calm.end.ending
    }

    /// What two runs of a scenario must agree on however they went: addresses, dates and order are left out.
    package struct Ending: Sendable, Hashable {
        enum Fact: Sendable, Hashable {
            case vm(String, tags: [String], Share, isStopped: Bool, enabled: Role?, extra: [String: ConfigValue], K3sVersion?)
            case node(NodeReading)
            case password(String)
            /// Of a VM that exists: a record of one that is gone stays for a while.
            case record(String, isCreating: Bool, LeaveStage?, Share?)
            /// As they count now.
            case size(String, cpu: String, memory: String, disk: String)
            /// Not the digests: one whose answer was lost is recorded with the next host.
            case ledger(founder: String?)

            var name: String {
                switch self {
                case .vm(let name, _, _, _, _, _, _), .password(let name), .record(let name, _, _, _), .size(let name, _, _, _): name
                case .node(let node): node.name
                case .ledger: ""
                }
            }
        }

        var facts: [Fact] = []

        /// The same, whatever k3s is configured with.
        var withoutConfigurations: Ending {
            Ending(
                facts: facts.map { fact in
                    guard case .vm(let name, let tags, let share, let isStopped, let enabled, _, let version) = fact else { return fact }
                    return .vm(name, tags: tags, share, isStopped: isStopped, enabled: enabled, extra: [:], version)
                })
        }

        var withoutSizes: Ending { Ending(facts: facts.filter { if case .size = $0 { false } else { true } }) }

        /// The same without what learns of these.
        func without(_ names: Set<String>) -> Ending {
            Ending(facts: facts.filter { !names.contains($0.name) })
        }

        /// The same, for any user that is let in.
        var withoutShares: Ending {
            Ending(
                facts: facts.compactMap { fact in
                    switch fact {
                    case .record: nil
                    case .vm(let name, let tags, _, let isStopped, let enabled, let extra, let version):
                        .vm(name, tags: tags, .initial, isStopped: isStopped, enabled: enabled, extra: extra, version)
                    default: fact
                    }
                })
        }

        func words(notIn other: Ending) -> [String] { facts.filter { !other.facts.contains($0) }.map { "\($0)" } }
    }
}

extension WorldState {
    /// Forgets the past of the set-up, and nothing that is in the world.
    mutating func beginTrial() {
        (effects, reads, saves, faults, struck, inFlight) = ([], [], 0, [], [], [:])
        (processes, frozen, answers, outage, asks, naps) = ([], [], [:], nil, 0, 0)
        for number in clusters.indices { clusters[number].leases = [:] }
        (dark, apiOutage, throttled) = (nil, nil, (0, 0))
        desks[1] = Desk()
        desks[0].lockHolder = nil
        trace = TraceHash()
        occurrences = [.began(ready: Set(machines.filter { $0.unit?.registeredAt != nil }.map(\.name)))]
    }

    var ending: Stage.Ending {
        var clusters = clusters
        var ending = Stage.Ending()
        for machine in machines {
            let setup = machine.disk.setup
            // A port that nobody may see is as good as any.
            let share = machine.share.isPublic || !machine.share.users.isEmpty ? machine.share : .initial
            ending.facts.append(
                .vm(
                    machine.name, tags: machine.tags.sorted(), share, isStopped: machine.isStopped, enabled: machine.disk.enabled,
                    extra: setup?.extra ?? [:], machine.disk.role == nil ? nil : machine.disk.binary))
        }
        for machine in machines {
            let make = machine.vm.make
            ending.facts.append(.size(machine.name, cpu: make.cpu, memory: make.memory, disk: make.disk))
        }
        if let api = apiServer {
            for node in clusters[api.cluster].readings(now: now) {
                var fields = node.value
                fields.internalIP = nil
                fields.taints.sort()
                ending.facts.append(.node(NodeReading(fields)))
            }
            for name in clusters[api.cluster].passwords.keys.sorted() { ending.facts.append(.password(name)) }
        }
        let records = (disk?.nodes ?? [:]).sorted { $0.key < $1.key }
        for (name, record) in records where machine(name) != nil {
            ending.facts.append(
                .record(
                    name, isCreating: record.request != nil, record.leaveStage,
                    record.sharing.share == .initial ? nil : record.sharing.share))
        }
        if let disk { ending.facts.append(.ledger(founder: disk.founder)) }
        return ending
    }
}
