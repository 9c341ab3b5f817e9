import FleetCore

/// What the lines of a plan call for while nothing new happens. A node that is being worked on calls for nothing.
struct Agenda {
    /// What is to be looked at, with the seconds until that is worth doing again, in an order of their own, for a seed must replay.
    private(set) var looks: [(look: Look, interval: Double)] = []
    /// Lines whose action can be begun.
    private(set) var ready: [Int] = []
    /// Lines whose node is being worked on.
    private(set) var isBusy: [Bool] = []

    private static let evidenceInterval = 10.0

    /// `isServerUnread`: the cluster may answer and was not read. It is read first then: one read tells about every node, so no host need be asked.
    /// No initializer, for that would copy the draft.
    static func of(_ draft: Draft, busy: [Int], isListed: Bool, repeats: Bool, isServerUnread: Bool) -> Agenda {
        var agenda = Agenda()
        agenda.isBusy = Array(repeating: false, count: draft.calls.count)
        for index in busy { agenda.isBusy[index] = true }
        var (vms, cluster) = (isListed ? Double.infinity : 1, Double.infinity)
        var hosts: [(look: Look, interval: Double)] = []
        func want(_ target: Call.Target, _ interval: Double, _ index: Int) {
            switch target {
            case .vms: vms = min(vms, interval)
            case .cluster: cluster = min(cluster, interval)
            case .host: hosts.append((.host(draft.plan.lines[index].node), interval))
            case .nothing: break
            }
        }
        for index in draft.calls.indices where !agenda.isBusy[index] {
            let call = draft.calls[index]
            if call.step != nil { agenda.ready.append(index) }
            want(call.look, call.interval, index)
            if repeats { want(call.evidence, evidenceInterval, index) }
        }
        if isServerUnread { (cluster, hosts) = (0.5, []) }
        if vms.isFinite { agenda.looks.append((.vms, vms)) }
        if cluster.isFinite { agenda.looks.append((.cluster, cluster)) }
        if hosts.count > 1 { hosts.sort { $0.look < $1.look } }
        if !hosts.isEmpty { agenda.looks += hosts }
        return agenda
    }
}
