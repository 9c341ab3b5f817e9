import FleetCore
import K3s
import Reconciler

/// S10: agents follow servers, versions only rise, and no minor is left out.
struct VersionsKeepTheirOrder: Oracle {
    static let name = "S10 versions keep their order"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        if case .prepare(let step) = request.effect.action, let disk = world.machine(step.node)?.disk, let binary = disk.binary {
            let isInUse = disk.enabled != nil && (disk.serverData != nil || disk.password != nil)
            return isInUse && binary != step.host.version ? "\(binary) is in use there" : nil
        }
        guard let (new, role) = release(request.effect, world), let api = world.apiServer else { return nil }
        let nodes = world.clusters[api.cluster].nodes
        func version(_ name: String) -> K3sVersion? { (nodes[name]?.registration.version).flatMap(K3sVersion.init) }
        if let now = version(request.effect.subject) {
            if new < now { return "\(now) would become \(new)" }
            if new.minor > now.minor + 1 { return "\(now) would skip a minor" }
        }
        guard role == .agent, let server = version(world.machines[api.machine].name) else { return nil }
        return new > server ? "it would be newer than its server, \(server)" : nil
    }

    /// What is to run there from then on.
    private func release(_ effect: Effect, _ world: WorldState) -> (K3sVersion, Role)? {
        switch effect.action {
        // It starts the binary that is there.
        case .install(let step): (world.machine(step.node)?.disk.binary ?? step.version, step.setup.role)
        case .upgradeK3s(let step): (step.version, step.role)
        default: nil
        }
    }
}
