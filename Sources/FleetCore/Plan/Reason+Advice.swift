import K3s

extension Reason {
    /// What the operator can do about it; empty unless it blocks.
    package var advice: String {
        switch self {
        case .limitHeld(let limit, _, let names):
            Self.mend(names, else: limit == .maxVMs ? "raise limits.maxVMs or shrink a pool" : "raise it")
        case .vmForeign(let name, let tag):
            "rename it, change vmPrefix, or hand it over with: exedev-ctl exec 'tag \(name) \(tag)'"
        case .vmPaused(let name): "resume it: exedev-ctl exec 'resume \(name)'"
        case .vmFailed(let name, _): "see why: ssh exe.dev vm-logs \(name); once it is removed, it is created again"
        case .hostRefused(_, let advice), .actionRefused(_, let advice): advice
        case .hostMisrouted: "exe.dev picks the VM by address and key: check that the SSH key belongs to the account of the token"
        case .hostOfOtherCluster, .serverOfOtherCluster:
            "use the state directory that set it up, or remove the VM by hand if it is not needed"
        case .clusterCAChanged: "restore the server's disk, or destroy the fleet and apply again"
        case .serverVMGone(let name):
            "restore the VM under the name \(name), or destroy the fleet and apply again to start an empty cluster"
        case .serverDataGone: "restore its disk or a snapshot; founding it again would make a second, empty cluster"
        case .serverNotRegistered: "restart k3s there, so that it registers again"
        case .k3sDidNotJoin(let node, let role, _, let journal):
            journal.map { "last words of its journal: \($0)" } ?? "see why on \(node): journalctl -u \(role.unit)"
        case .downgrade(let from, _): "k3s cannot go back; set k3s to \(from)"
        case .upgradeNotSupported(let from, _): "set k3s to \(from)"
        case .agentAheadOfServer(_, _, let server): "set k3s to \(server)"
        case .roleChanged: "give the pool another vmPrefix"
        case .networkRangesChanged: "put them back"
        case .hostDriftsAgain: "find what on the host writes there, and stop it"
        case .foreignConfiguration: "put what they say into serverConfig or agentConfig, and remove them from the host"
        case .foundingValuesChanged(let changes):
            "put back " + changes.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        case .vmSpecChanged:
            "put it back; new VMs of a pool have it, so a pool with another vmPrefix gives VMs of the new kind"
        default: refusalAdvice
        }
    }

    private static func mend(_ names: [String], else advice: String) -> String {
        names.isEmpty ? advice : "mend \(names.joined(separator: ", ")) first"
    }

    private var refusalAdvice: String {
        switch self {
        case .actionNotApproved: "plan again and approve the new plan"
        case .vmsNotListed, .vmNotListed: "run again"
        case .vmExists: "run again to see whose it is"
        case .vmLimitExceeded: "raise limits.maxVMs or shrink a pool"
        case .vmsVanished:
            "it closes when they are listed again; if they are really gone, run exedev-k8s apply (stop the daemon before it, if one runs)"
        case .foundedElsewhere: "keep the server's name; moving a server is not built yet"
        case .serverNotRemovable: "servers are removed by destroy only"
        case .quorumAtRisk(_, _, _, let silent):
            silent.isEmpty ? "add a third server or remove the second" : "bring \(silent.joined(separator: ", ")) back first"
        case .notInLedger: "remove it with destroy or by hand, or add it to the fleet file once"
        case .controlPlaneBlocked(let server): "mend \(server) first"
        case .leaseUnavailable: "see what keeps the API server from writing; then run again"
        case .leaseHeld: "only one machine may keep a fleet: stop the other one, or wait; its lease ends by itself when it is gone"
        default: ""
        }
    }
}
