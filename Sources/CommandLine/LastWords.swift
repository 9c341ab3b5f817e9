import FleetCore
import K3s
import Reconciler

/// Why the nodes that `apply` still waited for at its deadline take so long: their hosts are asked once more.
enum LastWords {
    /// Hosts that are asked at most.
    private static let most = 20

    /// A line a host, in the plan's order. What a node's own reason tells already is not repeated.
    static func lines(of plan: Plan, _ observed: Observation, _ fleet: DesiredFleet, in world: any WorldReader) async -> [String] {
        let asked = plan.items.filter(isOpen).compactMap { observed.vms?[$0.node] }.filter { $0.status == .running }.prefix(most)
        let observer = Observer(world: world)
        let said = await withTaskGroup(of: (String, Observer.Observed).self) { group in
            for vm in asked { group.addTask { (vm.name, await observer.read(.host(vm.name), vm: vm)) } }
            return await group.reduce(into: [String: Observer.Observed]()) { $0[$1.0] = $1.1 }
        }
        return asked.compactMap { vm in
            guard case .host(_, let host)? = said[vm.name] else { return nil }
            let role = fleet.nodes.first { $0.name == vm.name }?.role ?? .agent
            return "  \(vm.name): " + HostEvidence(host, role).text
        }
    }

    private static func isOpen(_ item: Plan.Item) -> Bool {
        switch item.decision {
        case .wait(let wait): wait.reason.code != .nodeSilent
        case .settled, .act, .blocked, .reported: false
        }
    }
}
