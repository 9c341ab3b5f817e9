import FleetCore

/// What the lines of a plan call for while nothing new happens. A node that is being worked on calls for nothing.
struct Agenda {
    /// Seconds until the VMs, and the cluster, are worth being looked at again; without end when nobody waits for it.
    private(set) var vms = Double.infinity
    private(set) var cluster = Double.infinity
    /// By their line, in the order of their names, for a seed must replay.
    private(set) var hosts: [(line: Int, interval: Double)] = []
    /// Lines whose action can be begun.
    private(set) var ready: [Int] = []
    /// Lines whose node is being worked on.
    private(set) var isBusy: [Bool] = []

    private static let evidenceInterval = 10.0
    private static let readingInterval = 0.5

    /// To read the cluster and nothing else.
    static let reading = Agenda(cluster: readingInterval)

    /// `isServerUnread`: the cluster may answer and was not read. It is read first then: one read tells about every node, so no host need be asked.
    /// `busy`: nodes that are being worked on.
    mutating func drawUp(_ draft: Draft, busy: Set<String>, isListed: Bool, repeats: Bool, isServerUnread: Bool) {
        (vms, cluster) = (isListed ? .infinity : 1, isServerUnread ? Self.readingInterval : .infinity)
        hosts.removeAll(keepingCapacity: true)
        ready.removeAll(keepingCapacity: true)
        // The same array as before, for it is drawn up at every turn.
        isBusy.removeAll(keepingCapacity: true)
        for _ in draft.calls.indices { isBusy.append(false) }
        for name in busy {
            if let line = draft.line(of: name) { isBusy[line] = true }
        }
        for line in draft.calls.indices where !isBusy[line] {
            let call = draft.calls[line]
            if call.step != nil { ready.append(line) }
            want(call.look, call.interval, line, isServerUnread)
            if repeats { want(call.evidence, Self.evidenceInterval, line, isServerUnread) }
        }
        guard hosts.count > 1 else { return }
        let lines = draft.plan.lines
        hosts.sort { lines[$0.line].node < lines[$1.line].node }
    }

    private mutating func want(_ target: Call.Target, _ interval: Double, _ line: Int, _ isServerUnread: Bool) {
        switch target {
        case .vms: vms = min(vms, interval)
        case .cluster: if !isServerUnread { cluster = min(cluster, interval) }
        case .host: if !isServerUnread { hosts.append((line, interval)) }
        case .nothing: break
        }
    }
}
