import K3s

extension Planner {
    /// A VM that carries our tag and that the file does not ask for.
    static func removalLine(_ vm: ObservedVM, _ facts: FleetFacts) -> Plan.Line {
        let decision = admitted(changed(vm.name, facts) ?? removal(of: vm, facts), vm.name, facts)
        let chain: [Step] = [.drain, .stop, .deleteNode, .removeVM]
        let then = decision.action.flatMap { action in chain.firstIndex(of: action.step).map { Array(chain[($0 + 1)...]) } } ?? []
        return Plan.Line(node: vm.name, pool: facts.seen.node(vm.name)?.labels["exedev.dev/pool"] ?? "-", decision: decision, then: then)
    }

    static func removal(of vm: ObservedVM, _ facts: FleetFacts) -> Decision {
        guard facts.fleet.policy.prune else {
            return .reported("no pool asks for it; policy.prune is off, so it stays")
        }
        guard facts.controlPlane != nil else {
            return .wait(Wait("the cluster must be read before a node is removed: \(facts.controlPlaneReason)", look: .cluster, every: 2))
        }
        let node = facts.seen.node(vm.name)
        let done = facts.record(vm.name).removal
        let because = "no pool asks for it"
        let isWhole = [nil, .begun, .returning].contains(done)
        if node != nil, isWhole { return .act(.drain(node: vm.name), because: because) }
        if done == .drained || (isWhole && node == nil && facts.seen.hosts[vm.name].map(hasAgent) == true) {
            return .act(.stop(node: vm.name, role: .agent), because: because)
        }
        // Also of a node that is gone: its password may be left, should the step have been cut between the two, by whomever.
        if node != nil || done != .nodeDeleted { return .act(.deleteNode(node: vm.name), because: because) }
        return .act(.removeVM(name: vm.name), because: because)
    }

    /// A node of ours whose VM went before its pool did, by somebody else's hand: it would stay in the cluster for ever.
    static func orphanLines(_ facts: FleetFacts) -> [Plan.Line] {
        let wanted = Set(facts.fleet.nodes.map(\.name))
        let gone = facts.ledger.vms.filter { name, record in
            record.createdAt != nil && !wanted.contains(name) && facts.seen.vms.map { $0[name] == nil } == true
        }
        return gone.keys.sorted().compactMap { name in
            facts.seen.node(name).map { node in
                let decision = admitted(changed(name, facts) ?? orphan(node, facts), name, facts)
                return Plan.Line(node: name, pool: node.labels["exedev.dev/pool"] ?? "-", decision: decision, then: [])
            }
        }
    }

    private static func orphan(_ node: NodeReading, _ facts: FleetFacts) -> Decision {
        guard facts.fleet.policy.prune else {
            return .reported("its VM is gone and no pool asks for it; policy.prune is off, so the node stays")
        }
        guard facts.controlPlane != nil else {
            return .wait(Wait("the cluster must be read before a node is removed: \(facts.controlPlaneReason)", look: .cluster, every: 2))
        }
        // Silent, and not only not ready: one that says anything at all has a machine, whatever exe.dev lists.
        let missing = (facts.listedAt ?? facts.now) - (facts.record(node.name).missingSince ?? facts.listedAt ?? facts.now)
        if node.ready != .unknown, missing > 60 { return .reported("exe.dev does not list its VM, yet it lives: not ours to remove") }
        guard node.ready == .unknown, !facts.needsSecondList(node.name) else {
            let reason = "exe.dev does not list the VM; its node's silence and a second list will tell"
            return .wait(Wait(reason, look: .vms, every: 3, evidence: .cluster))
        }
        return .act(.deleteNode(node: node.name), because: "its VM is gone and no pool asks for it")
    }

    private static func hasAgent(_ host: ObservedHost) -> Bool {
        if case .probed(let probe) = host { probe.agent?.active == "active" } else { false }
    }
}

/// Limits that hold over the whole plan: what exceeds them waits for a place.
package enum Pacing {
    static func apply(to plan: inout Plan, _ facts: FleetFacts) {
        if facts.holds(.deletionsPerPass) { deletions(&plan, facts) }
        if facts.holds(.maxUnavailable) { restarts(&plan, facts) }
        if facts.holds(.maxVMs) { budget(&plan, facts) }
    }

    /// At most `deletionsPerPass` nodes are on their way out at a time; those that began come first.
    static func deletions(_ plan: inout Plan, _ facts: FleetFacts) {
        let limit = facts.fleet.limits.deletionsPerPass
        let leaving = plan.lines.indices.filter { plan.lines[$0].decision.action?.step.isDestructive == true }
        let order = leaving.sorted { progress(plan.lines[$0], facts) > progress(plan.lines[$1], facts) }
        // Those that are half gone and wait, for a back-off or another look, keep their place.
        let wanted = Set(facts.fleet.nodes.map(\.name))
        let waiting = plan.lines.count { line in
            guard case .wait = line.decision, !wanted.contains(line.node) else { return false }
            return facts.record(line.node).removal != nil || facts.seen.node(line.node)?.unschedulable == true
        }
        // And those that one list leaves out.
        let listed = Set(plan.lines.map(\.node))
        let unlisted = facts.ledger.vms.count { name, record in
            record.removal != nil && !wanted.contains(name) && !listed.contains(name) && facts.needsSecondList(name)
        }
        for index in order.dropFirst(max(0, limit - waiting - unlisted)) {
            plan.lines[index].decision = .wait(Wait("limits.deletionsPerPass is \(limit)", look: unlisted > 0 ? .vms : .nothing, every: 2))
        }
    }

    /// What may be cordoned already is finished before anything else is begun.
    private static func progress(_ line: Plan.Line, _ facts: FleetFacts) -> Int {
        (facts.record(line.node).removal == nil ? 0 : 10) + 4 - line.then.count
    }

    /// A node that is in the cluster is restarted only while its pool has no more than `maxUnavailable` down.
    static func restarts(_ plan: inout Plan, _ facts: FleetFacts) {
        let limit = facts.fleet.limits.maxUnavailable
        var (down, restarting): ([String: Set<String>], [String: Set<String>]) = ([:], [:])
        for line in plan.lines where isRestarting(line.node, facts) { restarting[line.pool, default: []].insert(line.node) }
        for line in plan.lines where isDown(line.node, facts) { down[line.pool, default: []].insert(line.node) }
        for index in plan.lines.indices {
            let line = plan.lines[index]
            guard case .act(.install, _) = line.decision, let node = facts.seen.node(line.node) else { continue }
            // One that is down already is taken from nobody: it waits for our own restarts alone, else two that are down wait for each other.
            let others = (node.ready == .ready ? down : restarting)[line.pool, default: []].subtracting([line.node])
            guard others.count < limit else {
                plan.lines[index].decision = .wait(Wait("limits.maxUnavailable is \(limit)", look: .cluster, every: 2))
                continue
            }
            down[line.pool, default: []].insert(line.node)
            restarting[line.pool, default: []].insert(line.node)
        }
    }

    /// Seconds a node may look ready although its kubelet is gone: the patience of Kubernetes, 40 s, and a little (facts/k3s.md §8.4).
    package static let staleReadiness = 45.0

    /// Not ready, or restarted so lately that its readiness is still that of before.
    private static func isDown(_ name: String, _ facts: FleetFacts) -> Bool {
        guard let node = facts.seen.node(name) else { return false }
        return node.ready != .ready || isRestarting(name, facts)
    }

    private static func isRestarting(_ name: String, _ facts: FleetFacts) -> Bool {
        guard facts.seen.node(name) != nil else { return false }
        let started = facts.record(name).started.map { facts.now - $0 } ?? .infinity
        return facts.seen.outdated.contains(name) || facts.restarting.contains(name) || (0..<staleReadiness).contains(started)
    }

    /// Creations of this very plan count too.
    static func budget(_ plan: inout Plan, _ facts: FleetFacts) {
        var occupants = facts.occupants
        for index in plan.lines.indices {
            guard case .act(.createVM(let name, _, _), _) = plan.lines[index].decision else { continue }
            occupants.insert(name)
            if occupants.count > facts.fleet.limits.maxVMs {
                plan.lines[index].decision = .blocked(
                    Block("limits.maxVMs is \(facts.fleet.limits.maxVMs)", advice: "raise limits.maxVMs or shrink a pool"))
            }
        }
    }
}
