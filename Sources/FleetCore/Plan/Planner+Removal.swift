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
        if node != nil { return .act(.deleteNode(node: vm.name), because: because) }
        return .act(.removeVM(name: vm.name), because: because)
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
        // And those that the list leaves out.
        let listed = Set(plan.lines.map(\.node))
        let unlisted = facts.ledger.vms.count { $0.value.removal != nil && !wanted.contains($0.key) && !listed.contains($0.key) }
        for index in order.dropFirst(max(0, limit - waiting - unlisted)) {
            plan.lines[index].decision = .wait(Wait("limits.deletionsPerPass is \(limit)", look: .nothing, every: 2))
        }
    }

    /// What may be cordoned already is finished before anything else is begun.
    private static func progress(_ line: Plan.Line, _ facts: FleetFacts) -> Int {
        (facts.record(line.node).removal == nil ? 0 : 10) + 4 - line.then.count
    }

    /// A node that is in the cluster is restarted only while its pool has no more than `maxUnavailable` down.
    static func restarts(_ plan: inout Plan, _ facts: FleetFacts) {
        var down: [String: Set<String>] = [:]
        for line in plan.lines where isDown(line.node, facts) { down[line.pool, default: []].insert(line.node) }
        for index in plan.lines.indices {
            let line = plan.lines[index]
            guard case .act(.install, _) = line.decision, facts.seen.node(line.node) != nil else { continue }
            down[line.pool, default: []].insert(line.node)
            if down[line.pool]!.count > facts.fleet.limits.maxUnavailable {
                plan.lines[index].decision = .wait(
                    Wait("limits.maxUnavailable is \(facts.fleet.limits.maxUnavailable)", look: .cluster, every: 2))
            }
        }
    }

    /// Seconds a node may look ready although its kubelet is gone: the patience of Kubernetes, 40 s, and a little (facts/k3s.md §8.4).
    package static let staleReadiness = 45.0

    /// Not ready, or restarted so lately that its readiness is still that of before.
    private static func isDown(_ name: String, _ facts: FleetFacts) -> Bool {
        guard let node = facts.seen.node(name) else { return false }
        let started = facts.record(name).started.map { facts.now - $0 } ?? .infinity
        return node.ready != .ready || facts.seen.outdated.contains(name) || facts.restarting.contains(name)
            || (0..<staleReadiness).contains(started)
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
