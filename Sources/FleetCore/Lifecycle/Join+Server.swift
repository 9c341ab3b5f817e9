import K3s

/// While a server is in the cluster: its member of etcd, and its way into the cluster.
extension Join {
    /// Its VM is new, and the Node may be that of the machine before it, whose member would have to go first: the host tells.
    static let memberLeft: Rule = { joined, facts in
        let want = joined.want
        guard want.role == .server, joined.node.instance.hasStaleIdentity, joined.node.instance.configuration == .notRecorded,
            facts.joins(want.name)
        else { return nil }
        guard case .probed(let probe)? = joined.node.host else { return joined.node.unprobed }
        return probe.hasServerData ? nil : withoutMachine(want, facts) ?? .blocked(.serverMemberLeft(name: want.name))
    }

    /// The member of a machine that is gone is taken out before its successor joins, if the policy allows.
    static func withoutMachine(_ want: DesiredNode, _ facts: FleetFacts) -> Decision? {
        guard facts.mayReplace(want) else { return nil }
        return .act(.deleteNode(DeleteNode(node: want.name, ifSilent: true, role: .server)), .nodeWithoutVM)
    }

    /// Only who votes has joined. One that is to go from sqlite to etcd is started with `cluster-init`, once.
    static let voting: Rule = { joined, facts in
        let want = joined.want
        guard want.role == .server, let overlay = joined.reading.internalIP else { return nil }
        switch joined.reading.etcd {
        case .voter: return nil
        case .other(let word): return waiting(word, joined)
        case nil: break
        }
        if facts.controlPlane.isEtcd { return waiting(nil, joined) }
        guard facts.initializesEtcd(want.name) else { return nil }
        if joined.node.instance.entrance == NodeSetup.founding, joined.node.instance.configuration != .unknown {
            return waiting(nil, joined)
        }
        return .act(facts.install(want, overlay: overlay), .datastoreChanged)
    }

    private static func waiting(_ word: String?, _ joined: JoinedNode) -> Decision {
        .wait(Wait(.memberNotVoting(word), read: .cluster, every: 2, diagnostics: .host(joined.want.name)))
    }

    /// `cluster-init` leaves the file when the cluster is founded, and the file names another server when that which it names has left. k3s is not
    /// restarted for it: a member needs neither (facts/k3s.md §3.3, §5.6).
    static let reentered: Rule = { joined, facts in
        let want = joined.want
        guard facts.controlPlane.answers, let overlay = joined.reading.internalIP, let named = facts.entrance(of: want),
            facts.desiredEntrance(of: want) != named, case .digest = joined.node.instance.configuration
        else { return nil }
        guard facts.mayReenter(want) else { return nil }
        return .act(facts.install(want, overlay: overlay), .entranceChanged)
    }
}
