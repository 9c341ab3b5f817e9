import FleetCore
import K3s
import Reconciler

/// S3: apply takes a server away only when the file asks for fewer, when all that it asks for are members, one after the other, and its VM
/// after its member.
struct ServersAreNotTakenDown: Oracle {
    static let name = "S3 servers are not taken down"

    /// The one that is on its way out.
    private var leaving: String?
    /// When the last one was out of the cluster.
    private var leftAt = -Double.infinity

    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard request.process.mode == .apply, request.effect.action.isDestructive, let machine = world.machine(request.effect.subject),
            let cluster = machine.disk.serverData
        else { return nil }
        guard machine.isServer, let etcd = world.clusters[cluster].etcd else { return "it is a server" }
        let name = machine.name
        var wanted = request.process.fleet.nodes.filter { $0.role == .server }.map { $0.name }
        // Others may be yet to come.
        if world.isBeingReplaced(name, by: request.process) { wanted.removeAll { $0 == name || etcd.members[$0] == nil } }
        guard !wanted.contains(name) else { return "the file asks for this server" }
        guard wanted.allSatisfy(etcd.isVoter) else { return "not all servers that the file asks for are members" }
        if request.effect.kind == .removeVM, etcd.members[name] != nil { return "its member is still one of etcd's" }
        defer { leaving = name }
        // Which one was begun a lost write may have known.
        if let leaving, leaving != name, !world.hidesFromTheLedger { return "\(leaving) is on its way out too" }
        // The seconds since are counted by the wall clock.
        return etcd.members[name] != nil && world.now - leftAt < 9 && !world.hadClockJump ? "another one has left a moment ago" : nil
    }

    mutating func after(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        if request.effect.kind == .deleteNode, request.effect.subject == leaving { leftAt = world.now }
        return nil
    }

    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        switch occurrence {
        case .vanished(let name, _), .uncordoned(let name): if leaving == name { leaving = nil }
        default: break
        }
        return nil
    }
}
