import ExeDev
package import FleetCore
import K3s

/// Which commands of exe.dev a fleet's steps send: a token must be allowed to run them (facts/exedev.md §3.2).
package enum TokenNeeds {
    private static let ofSteps: [StepKind: String] = [
        .createVM: "new", .tagVM: "tag", .startVM: "restart", .restartVM: "restart", .removeVM: "rm", .resizeVM: "resize",
        .commentVM: "comment",
    ]

    /// Of a step of a node. `share`: what the fleet file wants of its sharing.
    package static func commands(of kind: StepKind, share: Share?) -> [String] {
        if let command = ofSteps[kind] { return [command] }
        guard kind == .share else { return [] }
        let step = share.map { ShareVM(node: "", $0, revoking: []) }
        return ["share show"] + (step.map { LiveWorld.sharing($0, present: []).map(\.verb) } ?? [])
    }

    /// Of a plan up to its end, each with the nodes that need it; sorted.
    package static func commands(of plan: Plan, _ fleet: DesiredFleet) -> [(command: String, nodes: [String])] {
        var nodes: [String: [String]] = ["ls": []]
        for item in plan.items {
            let share = fleet.nodes.first { $0.name == item.node }?.share
            for kind in [item.decision.action?.kind].compactMap(\.self) + item.then {
                for command in commands(of: kind, share: share) where nodes[command]?.last != item.node {
                    nodes[command, default: []].append(item.node)
                }
            }
        }
        return nodes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The command that makes a token which may run these.
    package static func mint(_ commands: [String]) -> String {
        "exedev-ctl token mint --exp=30d --cmds='\(commands.joined(separator: ","))' --out=token"
    }

    /// The command that lets exe.dev make one, for VMs with this tag alone.
    package static func request(_ commands: [String], tag: String) -> String {
        "exedev-ctl token request --transport=ssh --tag=\(tag) --cmds='\(commands.joined(separator: ","))' --exp=30d --out=token"
    }

    /// Whatever may come of a fleet file: of its VMs' whole life, and no more.
    package static func commands(of fleet: DesiredFleet) -> [String] {
        var commands = ["ls", "new", "restart", "resize", "tag"]
        if fleet.policy.prune || fleet.policy.replace != .never { commands.append("rm") }
        if fleet.nodes.contains(where: { $0.vm.comment != nil }) { commands.append("comment") }
        for node in fleet.nodes {
            guard let share = node.share else { continue }
            for command in self.commands(of: .share, share: share) + (share.users.isEmpty ? [] : ["share remove"])
            where !commands.contains(command) { commands.append(command) }
        }
        return commands
    }
}
