import FleetCore
import K3s

/// What is begun next, until when to wait, and when it ends.
extension Run {
    /// Nothing new is begun any more.
    var isEnding: Bool { failure != nil || ranOutOfTime || wasStopped }

    /// What the plan leaves to do now.
    private var pendingWork: PendingWork {
        guard !awaitsReading else { return .reading }
        return PendingWork(plan, busy: acting, isListed: facts.observed.vms != nil, repeats: repeats, isServerUnread: isServerUnread)
    }

    /// The cluster may answer and was not read.
    var isServerUnread: Bool {
        guard case .unseen = facts.observed.cluster, let vm = server, facts.ledger.founder != nil else { return false }
        return vm.tags.contains(fleet.cluster.tag) && (vm.status == .running || vm.status == .starting)
    }

    /// The reads that something waits for and whose time has come.
    mutating func readsDue(at moment: Moment) -> [(ReadTarget, ObservedVM?)] {
        let uptime = moment.uptime
        nextLook = .infinity
        guard !isEnding else { return [] }
        let pendingWork = pendingWork
        var due: [(ReadTarget, ObservedVM?)] = []
        if isDue(reads.vms, pendingWork.vms, uptime) {
            reads.begin(.vms, at: uptime)
            listAskedAt = moment.wall
            due.append((.vms, nil))
        }
        if isDue(reads.cluster, pendingWork.cluster, uptime), let server {
            reads.begin(.cluster, at: uptime)
            (missedByLook, clusterAskedAt, clusterAskedOf) = ([], moment, server.name)
            due.append((.cluster, server))
        }
        for (name, interval) in pendingWork.hosts {
            guard let note = reads.host(name), isDue(note, interval, uptime), let vm = facts.observed.vms?[name] else { continue }
            reads.begin(.host(name), at: uptime)
            due.append((.host(name), vm))
        }
        for (question, interval) in pendingWork.webs where mayAsk {
            guard let note = reads.web(question.vm), isDue(note, interval, uptime), let vm = facts.observed.vms?[question.vm] else {
                continue
            }
            reads.begin(.web(question), at: uptime)
            due.append((.web(question), vm))
        }
        return due + inspectionsDue(moment)
    }

    /// Whether a read that is to be repeated after `interval` may be begun now; if it may later, that is noted.
    private mutating func isDue(_ note: Reads.Note, _ interval: Double, _ uptime: Double) -> Bool {
        guard interval.isFinite, !note.isUnderWay, repeats || note.endedAt == nil else { return false }
        guard let last = note.endedAt else { return true }
        let patience = Double(1 << min(max(0, note.misses - 1), 5))
        // What has not changed for long is read more rarely: the end of a wait is noticed late by a tenth of it at most.
        let calm = min((last - (note.changedAt ?? last)) / 10, 15)
        let at = last + min(max(interval * patience, calm), 30)
        if at > uptime { nextLook = min(nextLook, at) }
        return at <= uptime
    }

    /// The actions that may start: one a node, `hostsAtOnce` in all.
    mutating func actionsDue(uptime: Double) -> [Action] {
        guard !isEnding, !wantsLease || lease.isFirm(uptime) else { return [] }
        return Array(pendingWork.actions.prefix(max(0, fleet.limits.hostsAtOnce - acting.count)))
    }

    /// Something is done or waited for, so that it is not the last word.
    private var isOpen: Bool { plan.items.contains { $0.decision.isOpen } }

    /// Nothing runs and nothing that is known to come would change that.
    var isIdle: Bool {
        guard acting.isEmpty, reads.underWay == 0 || wasStopped, !lease.isAsking || wasStopped else { return false }
        return isEnding || (!isOpen && facts.observed.vms != nil && inspections.isOver)
    }

    /// Seconds until something is due, or nil when a running child will tell.
    mutating func pause(_ moment: Moment, deadline: Double?) -> Double? {
        let uptime = moment.uptime
        // Time alone may end a wait.
        var next = awaitsReading || !isOpen ? nextLook : min(nextLook, uptime + 1)
        if needsLease, let due = lease.nextAsk(uptime) { next = min(next, max(due, uptime + 0.5)) }
        // What runs is not cut at the deadline, so the deadline wakes nobody but an idle loop.
        let isQuiet = !isBusy && !lease.isAsking
        if let deadline, isQuiet { next = min(next, deadline) }
        if isBusy { next = min(next, uptime + Self.heartbeat) }
        if !next.isFinite, isQuiet { next = uptime + 1 }
        guard next.isFinite, next < (sleepers.first ?? .infinity) - 0.001 else { return nil }
        return max(0.01, next - uptime)
    }

    // MARK: what was begun

    /// Written down before the action is sent.
    mutating func begin(_ action: Action, at moment: Moment) {
        mayBeMade.remove(action.node)
        if action.kind == .startVM { facts.notes[action.node]?.seemsDeadSince = nil }
        if action.kind == .createVM, facts.record(action.node)?.request != nil { mayBeMade.insert(action.node) }
        let reason = plan.items.first { $0.node == action.node }?.decision.reason
        if reason?.code == .hostDrifted || reason?.code == .k3sStopped { repairing.insert(action.node) }
        facts.noteReplacement(action, because: reason, at: moment.wall)
        if action.kind == .revertK3s { facts.notes[action.node, default: .init()].wasReverted = true }
        if action.kind == .restart { facts.notes[action.node, default: .init()].wasRestarted = true }
        if action.step.target == .platform { sent(action, at: moment) }
        action.step.before(&facts.ledger, now: moment.wall)
        take(action)
        if type(of: action.step).startsK3s { k3sStarts(on: action.node, at: moment) }
    }

    // MARK: events

    /// One event for each change of what a node waits for.
    mutating func report(_ tell: (Event) -> Void) {
        guard !awaitsReading else { return }
        reportQueue(pendingWork.actions, tell)
        for item in plan.items where !acting.contains(item.node) {
            if let before = reported.updateValue(item.decision, forKey: item.node), before.reads(like: item.decision) { continue }
            switch item.decision {
            case .settled: tell(.nodeSettled(item.node))
            case .wait(let wait): tell(.waiting(node: item.node, wait.reason))
            case .blocked(let reason): tell(.blocked(node: item.node, reason))
            case .act, .reported: break
            }
        }
    }

    private mutating func reportQueue(_ actions: [Action], _ tell: (Event) -> Void) {
        guard actions != queued else { return }
        queued = actions
        tell(.actionsQueued(actions))
    }
}

extension Decision {
    /// When a wait is looked at again is nobody's news.
    fileprivate func reads(like other: Decision) -> Bool {
        if case .wait(let wait) = self, case .wait(let after) = other { wait.reason == after.reason } else { self == other }
    }

    fileprivate var isOpen: Bool {
        switch self {
        case .act: true
        case .wait(let wait): !wait.reason.isDeferral
        case .settled, .blocked, .reported: false
        }
    }
}
