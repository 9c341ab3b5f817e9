import K3s

/// The networks between nodes, as hosts see them: what is wrong with them is said, and nothing is done about it.
extension Join {
    /// What keeps a host from its peers whatever is installed there.
    static func lockedOut(_ probe: HostProbe) -> Decision? { probe.isLockedOut ? .blocked(.overlayLockedOut) : nil }

    /// Before anything that waits for a node that cannot come.
    static let unheardBehindALock: Rule = { joined, _ in
        guard joined.reading.ready != .ready, case .probed(let probe)? = joined.node.host else { return nil }
        return lockedOut(probe)
    }

    /// Of a node to which nothing else is to be done.
    static let network: Rule = { joined, facts in
        guard case .probed(let probe)? = joined.node.host else { return nil }
        return lockedOut(probe) ?? podNetworkDown(probe, joined, facts).map(Decision.blocked)
            ?? nameTaken(probe, joined.want.name).map(Decision.reported)
    }

    /// A peer that is not ready has another reason to be silent.
    private static func podNetworkDown(_ probe: HostProbe, _ joined: JoinedNode, _ facts: FleetFacts) -> Reason? {
        guard let failure = probe.podNetwork, joined.reading.ready == .ready else { return nil }
        let silent = Set(failure.peers.compactMap(\.overlayAddress))
        let peers = (facts.reading?.nodes ?? []).filter { $0.ready == .ready && $0.internalIP.map(silent.contains) ?? false }
        guard !peers.isEmpty else { return nil }
        return .podNetworkDown(interface: failure.interface, mtu: failure.mtu, peers: peers.map(\.name))
    }

    /// Tailscale puts a number behind a name that another device has.
    private static func nameTaken(_ probe: HostProbe, _ name: String) -> Reason? {
        guard let device = probe.overlayDevice, device.hasPrefix(name + "-"), device.dropFirst(name.count + 1).allSatisfy(\.isNumber) else {
            return nil
        }
        return .overlayNameTaken(vm: name, device: device)
    }
}
