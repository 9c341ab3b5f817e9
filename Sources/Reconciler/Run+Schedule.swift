import FleetCore
import K3s

/// What is begun next, until when to wait, and when it ends.
extension Run {
    /// Nothing new is begun any more.
    var isEnding: Bool { failure != nil || ranOutOfTime || wasStopped }

    private mutating func drawUpAgenda() {
        guard isAgendaOld else { return }
        guard !awaitsReading else {
            (agenda, isAgendaOld) = (.reading, false)
            return
        }
        agenda.drawUp(draft, busy: acting, isListed: facts.seen.vms != nil, repeats: repeats, isServerUnread: isServerUnread)
        (isAgendaOld, isReported) = (false, false)
    }

    /// The cluster may answer and was not read.
    var isServerUnread: Bool {
        guard case .unseen = facts.seen.cluster, let vm = server, facts.ledger.founder != nil else { return false }
        return vm.tags.contains(fleet.cluster.tag) && (vm.status == .running || vm.status == .starting)
    }

    /// The looks that something waits for and whose time has come.
    mutating func looksDue(at moment: Moment) -> [(Look, ObservedVM?)] {
        let uptime = moment.uptime
        nextLook = .infinity
        guard !isEnding else { return [] }
        drawUpAgenda()
        var due: [(Look, ObservedVM?)] = []
        if isDue(looks.vms, agenda.vms, uptime) {
            looks.begin(.vms)
            listAskedAt = moment.wall
            due.append((.vms, nil))
        }
        if isDue(looks.cluster, agenda.cluster, uptime), let server {
            looks.begin(.cluster)
            (missedByLook, clusterAskedAt) = ([], moment)
            due.append((.cluster, server))
        }
        for (line, interval) in agenda.hosts where line < looks.hosts.count && isDue(looks.hosts[line], interval, uptime) {
            let name = plan.lines[line].node
            guard let vm = facts.seen.vms?[name] else { continue }
            looks.begin(.host(name))
            due.append((.host(name), vm))
        }
        return due
    }

    /// Whether a look that is to be repeated after `interval` may be begun now; if it may later, that is noted.
    private mutating func isDue(_ note: Looks.Note, _ interval: Double, _ uptime: Double) -> Bool {
        guard interval.isFinite, !note.isUnderWay, repeats || note.endedAt == nil else { return false }
        guard let last = note.endedAt else { return true }
        let patience = Double(1 << min(max(0, note.misses - 1), 5))
        // What has not changed for long is looked at more rarely: the end of a wait is noticed late by a tenth of it at most.
        let calm = min((last - (note.changedAt ?? last)) / 10, 15)
        let at = last + min(max(interval * patience, calm), 30)
        if at > uptime { nextLook = min(nextLook, at) }
        return at <= uptime
    }

    /// The actions that may start: one a node, `hostsAtOnce` in all.
    mutating func actionsDue(uptime: Double) -> [Action] {
        guard !isEnding, !wantsLease || grip.isFirm(uptime) else { return [] }
        let free = max(0, fleet.limits.hostsAtOnce - acting.count)
        drawUpAgenda()
        return agenda.ready.prefix(free).compactMap { plan.lines[$0].decision.action }
    }

    /// Nothing runs and nothing that is known to come would change that.
    var isIdle: Bool {
        guard acting.isEmpty, looks.underWay == 0 || wasStopped, !grip.isAsking || wasStopped else { return false }
        return isEnding || (!draft.isOpen && facts.seen.vms != nil)
    }

    /// Seconds until something is due, or nil when a running child will tell.
    mutating func pause(_ moment: Moment, deadline: Double?) -> Double? {
        let uptime = moment.uptime
        // A little later, so that what ends then has ended.
        var next = awaitsReading ? nextLook : min(nextLook, uptime + draft.goodUntil - moment.wall + 0.002)
        if needsGrip, let due = grip.nextAsk(uptime) { next = min(next, max(due, uptime + 0.5)) }
        // What runs is not cut at the deadline, so the deadline wakes nobody but an idle loop.
        let isQuiet = !isBusy && !grip.isAsking
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
        if action.step == .createVM, facts.ledger.vms[action.node]?.creating != nil { mayBeMade.insert(action.node) }
        Bookkeeping.before(action, &facts.ledger, now: moment.wall)
        take(action)
        switch action {
        case .install: facts.notes[action.node, default: .init()].started = moment.uptime
        case .createVM: facts.notes[action.node, default: .init()].asked = moment.uptime
        default: break
        }
    }

    // MARK: what is told

    /// One event for each change of what a node waits for.
    mutating func report(_ tell: (Event) -> Void) {
        drawUpAgenda()
        guard !isReported, !awaitsReading else { return }
        isReported = true
        reportQueue(agenda.ready, tell)
        for index in plan.lines.indices where draft.isNews[index] && !agenda.isBusy[index] {
            guard let text = plan.lines[index].decision.standstill else { continue }
            let node = plan.lines[index].node
            if index < told.count {
                if told[index] == text { continue }
                told[index] = text
            } else if toldOfStrays.updateValue(text, forKey: node) == text {
                continue
            }
            switch plan.lines[index].decision {
            case .settled: tell(.nodeSettled(node))
            case .wait: tell(.waiting(node: node, reason: text))
            case .blocked(let block): tell(.blocked(node: node, reason: text, advice: block.advice))
            case .act, .reported: break
            }
        }
        draft.markTold()
    }

    private mutating func reportQueue(_ ready: [Int], _ tell: (Event) -> Void) {
        // Node and step tell actions apart; comparing whole configurations would cost more.
        let isKnown = ready.elementsEqual(queued) { index, action in
            draft.calls[index].step == action.step && plan.lines[index].node == action.node
        }
        guard !isKnown else { return }
        queued = ready.compactMap { plan.lines[$0].decision.action }
        tell(.actionsQueued(queued))
    }
}

extension Decision {
    /// Why nothing is done about the node now; nil when something is, or there is nothing to tell.
    fileprivate var standstill: String? {
        switch self {
        case .settled: "settled"
        case .wait(let wait): wait.reason
        case .blocked(let block): block.reason
        case .act, .reported: nil
        }
    }
}
