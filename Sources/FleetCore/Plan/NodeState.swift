package import K3s

/// Where one machine stands, computed from the observation and never stored.
package enum NodeState: Sendable, Hashable {
    /// The platform has not answered yet. Leads anywhere.
    case unseen
    /// No VM has the name. `createVM` leads out.
    case absent
    /// A VM has the name and not our tag. Nothing leads out but the operator.
    case foreign(ObservedVM)
    /// `paused`, `stopped` or a word we do not know.
    case halted(ObservedVM)
    /// The VM exists and was not probed. A probe leads out.
    case unprobed(ObservedVM)
    case unreachable(ObservedVM, String)
    case refused(ObservedVM, Reason)
    /// A bare host: `prepare` leads out.
    case bare(ObservedVM, HostProbe)
    /// Overlay up, binary and installer staged: `install` leads out.
    case prepared(ObservedVM, HostProbe, overlay: String)
    /// k3s is set up and its node is not in the cluster (yet).
    case installed(ObservedVM, HostProbe, overlay: String)
    case joined(ObservedVM, NodeReading)
    /// The node is in the cluster while its VM is gone.
    case nodeWithoutVM(NodeReading)

    package var vm: ObservedVM? {
        switch self {
        case .unseen, .absent, .nodeWithoutVM: nil
        case .foreign(let vm), .halted(let vm), .unprobed(let vm), .unreachable(let vm, _), .refused(let vm, _), .bare(let vm, _),
            .prepared(let vm, _, _), .installed(let vm, _, _), .joined(let vm, _):
            vm
        }
    }
}

extension NodeState {
    static func of(_ subject: NodeFacts, _ want: DesiredNode, _ facts: FleetFacts) -> NodeState {
        guard facts.observed.vms != nil else { return .unseen }
        guard let vm = subject.vm else { return subject.node.map(NodeState.nodeWithoutVM) ?? .absent }
        // A VM that is newer than any node of its name: the node that the cluster shows, alive as it may seem for some 40 s, is an earlier
        // machine's.
        let isFresh = subject.instance.hasStaleIdentity && want.role == .agent
        let isOurs = facts.isOwned(vm) || !facts.holds(.foreignState)
        return isOurs ? owned(vm, isFresh ? nil : subject.node, subject, want, facts) : .foreign(vm)
    }

    private static func owned(
        _ vm: ObservedVM, _ node: NodeReading?, _ subject: NodeFacts, _ want: DesiredNode, _ facts: FleetFacts
    ) -> NodeState {
        switch vm.status {
        case .stopped, .paused, .failed, .other: return .halted(vm)
        case .running, .starting: break
        }
        if let node { return .joined(vm, node) }
        switch subject.host {
        case nil: return .unprobed(vm)
        case .unreachable(let reason): return .unreachable(vm, reason)
        case .refused(let reason, let advice): return .refused(vm, .hostRefused(reason, advice: advice))
        case .loginRefused(let reason, _) where subject.mayLackKeys(facts): return .unreachable(vm, reason)
        case .loginRefused(let reason, let advice): return .refused(vm, .hostRefused(reason, advice: advice))
        case .probed(let probe): return inside(vm, probe, want, facts)
        }
    }

    static func inside(_ vm: ObservedVM, _ probe: HostProbe, _ want: DesiredNode, _ facts: FleetFacts) -> NodeState {
        let release = facts.release(for: want)
        let digest = facts.ledger.digests[release.description]
        guard HostScript.names(probe.hostname, vm.name) else {
            return .refused(vm, .hostMisrouted(vm: vm.name, hostname: probe.hostname))
        }
        guard case .up(let overlay) = probe.overlay, probe.binaryVersion == release, digest == nil || probe.binarySHA256 == digest,
            probe.hasInstaller
        else { return .bare(vm, probe) }
        let unit = probe.unit(want.role)
        let isSetUp = probe.configHash != nil && unit.map { $0.enabled && !$0.isStopped } ?? false
        return isSetUp ? .installed(vm, probe, overlay: overlay) : .prepared(vm, probe, overlay: overlay)
    }
}
