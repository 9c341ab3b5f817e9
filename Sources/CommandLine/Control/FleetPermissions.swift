import FleetCore
import K3s

/// The commands that a token of a fleet must be allowed to run: no more than its file can need.
struct FleetPermissions {
    let commands: [String]

    init(_ fleet: DesiredFleet) {
        var commands = ["ls", "new", "restart", "resize", "tag"]
        let isRemoving = fleet.policy.prune || fleet.policy.replace != .never
        if isRemoving { commands.append("rm") }
        if fleet.nodes.contains(where: { $0.vm.comment != nil }) { commands.append("comment") }
        if fleet.nodes.contains(where: { $0.share != nil }) { commands += Self.share }
        self.commands = commands
    }

    static let share = ["show", "port", "set-public", "set-private", "add", "remove"].map { "share " + $0 }
}
