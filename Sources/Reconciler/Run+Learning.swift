import FleetCore
import K3s

/// What the run learns from the end of a read, of an action, of a question for the Lease.
extension Run {
    mutating func note(_ event: LoopEvent, at moment: Moment, tell: (Event) -> Void) {
        noticeStandstill(moment.uptime)
        switch event {
        case .woke(let time): if let time, let index = sleepers.firstIndex(of: time) { sleepers.remove(at: index) }
        case .observed(let target, let answer): note(answer, of: target, moment, tell)
        case .leased(let answer, let uptime): note(answer, uptime, tell)
        case .did(let action, .success(let outcome), let seconds):
            release(action.node)
            answered(action)
            facts.ledger.stepDone(action.node)
            action.step.after(&facts.ledger, outcome, now: moment.wall)
            action.step.show(outcome, in: &facts.observed)
            k3sStarted(by: action, at: moment)
            repaired(action.node)
            if action.kind == .patchNode { facts.notes[action.node, default: .init()].patches += 1 }
            invalidate(action.step, .done)
            if case .drain(.pending(let hindrance)) = outcome {
                tell(.actionFailed(action, reason: hindrance.words, retryIn: Planner.drainPause))
            } else {
                tell(.actionFinished(action, seconds: seconds))
            }
        case .did(let action, .failure(let error), _):
            release(action.node)
            repairing.remove(action.node)
            failed(action, error, moment, tell)
        }
    }

    /// Whether it stays so is looked at once more.
    private mutating func repaired(_ node: String) {
        guard repairing.remove(node) != nil else { return }
        facts.notes[node, default: .init()].wasRepaired = true
        inspections.repeated(.host(node))
    }

    /// A timer that fires long after it was due shows that the process was paused: what was observed before is too old.
    private mutating func noticeStandstill(_ uptime: Double) {
        guard let due = sleepers.first, uptime > due + Self.standstill else { return }
        sleepers.removeAll { $0 <= uptime }
        discardObservations()
    }

    private mutating func note(_ answer: Result<LeaseAnswer, EffectError>, _ uptime: Double, _ tell: (Event) -> Void) {
        let mayBeNew = lease.mayHaveTaken
        lease.note(answer, uptime)
        // A renewal changes the plan only if actions wait for the Lease.
        if isHeldBack || lease.hindrance(uptime) != nil { isNews = true }
        switch answer {
        case .success(.ours), .success(.taken):
            tell(.leaseTaken(until: lease.heldUntil))
            var isNew = mayBeNew
            if case .success(.taken) = answer { isNew = true }
            if isNew, facts.holds(.newHold) { leaseAcquired(uptime) }
        case .success(.held):
            generation += 1
            tell(.leaseEnded)
        // A question without an answer proves nothing: what we held runs out by itself.
        case .failure(let error): if let server = leaseAskedOf { _ = stepsPast(server, error.message, tell) }
        }
    }

    /// Of several servers another one is asked, at once; what the silent one said stays unknown.
    private mutating func stepsPast(_ answer: Observer.Observed, _ tell: (Event) -> Void) -> Bool {
        guard case .cluster(let cluster) = answer, let server = clusterAskedOf else { return false }
        if let reason = facts.unusable(cluster) { return stepsPast(server, reason, tell) }
        facts.inquiry.answered(server)
        return false
    }

    private mutating func stepsPast(_ server: String, _ reason: String, _ tell: (Event) -> Void) -> Bool {
        guard facts.inquirable.count > 1, facts.inquiry.passes(server, of: facts.inquirable) else { return false }
        tell(.readFailed(.cluster, reason: "\(server): \(reason)"))
        stale(.cluster)
        isNews = true
        return true
    }

    /// Somebody else was at work until now, and what they restarted may still read ready.
    private mutating func leaseAcquired(_ uptime: Double) {
        discardObservations()
        facts.leaseTakenAt = uptime
    }

    /// What was observed may be long past: others were at work, or we stood still. Everything is read again before anything is begun.
    mutating func discardObservations() {
        generation += 1
        for name in facts.notes.keys { facts.notes[name]?.seemsDeadSince = nil }
        facts.observed = Observation()
        reads.forget()
        inspections.restart()
        isNews = true
    }

    private mutating func note(_ answer: Observer.Observed, of target: ReadTarget, _ moment: Moment, _ tell: (Event) -> Void) {
        guard reads.end(target, moment.uptime), !stepsPast(answer, tell) else { return }
        let showsNews = observe(answer)
        isNews = true
        switch answer {
        case .vms:
            // It may have been long on its way.
            listedAt = min(listAskedAt ?? moment.wall, moment.wall)
            if repeats { facts.listedAt = listedAt }
            forgetHostsInDoubt()
        case .cluster:
            facts.observed.outdated.formIntersection(missedByLook)
            facts.readAt = clusterAskedAt.map { (min($0.wall, moment.wall), $0.uptime) }
        case .host(let name, .unreachable): facts.notes[name, default: .init()].unreachedAt = reads.host(name)?.begunAt
        case .answered(let question, let answer): note(answer, to: question)
        case .host, .share, .failed: break
        }
        sayUnseen(answer, showsNews, tell)
        switch answer {
        // No plan waits for it, and one VM is not all.
        case .failed(.share, let error):
            reads.failed(target)
            tell(.readFailed(target, reason: error.message))
        case .failed(_, let error):
            let misses = reads.failed(target)
            tell(.readFailed(target, reason: error.message))
            if case .askOperator = error.remedy { failure = error }
            if !repeats, target == .vms { failure = error }
            if misses > 6 { failure = error }
        case .host(_, .unreachable), .cluster(.unreachable), .answered(_, .silent), .answered(_, .unasked): reads.failed(target)
        case .host, .share, .answered, .cluster, .vms:
            reads.succeeded(target, showsNews: showsNews)
            inspections.ended(target, moment.uptime)
        }
    }

    /// Whether a VM went through a restart that had no answer is told by its host alone, and by what it says from now on.
    private mutating func forgetHostsInDoubt() {
        for (name, record) in facts.ledger.nodes where record.instance?.resize?.stage == .restarting && !acting.contains(name) {
            stale(.host(name))
        }
    }

    /// A list, or a reading of the cluster, may drop what an inspection has seen on hosts, and nobody could act upon yet.
    private mutating func observe(_ answer: Observer.Observed) -> Bool {
        switch answer {
        case .host, .share, .answered, .failed: return facts.observed.note(answer)
        case .vms, .cluster: break
        }
        // In an order of their own, for a seed must replay.
        let inside = facts.observed.hosts.keys.sorted()
        defer { for name in inside where facts.observed.hosts[name] == nil { inspections.lost(.host(name)) } }
        return facts.observed.note(answer)
    }

    /// Nothing waits for a look into the host of a settled node; that it failed is said. What waits tells it in its reason.
    private func sayUnseen(_ answer: Observer.Observed, _ showsNews: Bool, _ tell: (Event) -> Void) {
        guard case .host(let name, let host) = answer, showsNews, let reason = host.failure, facts.observed.node(name)?.ready == .ready,
            plan.items.first(where: { $0.node == name })?.decision.isSettled ?? true
        else { return }
        tell(.readFailed(.host(name), reason: reason))
    }

    /// What a step may have changed is no longer known: it is read again, never taken for granted.
    private mutating func invalidate(_ step: any Step, _ end: StepEnd) {
        for observation in step.stale(after: end, facts.observed) {
            switch observation {
            case .vms: stale(.vms)
            case .vmListUnderWay: spoil(.vms)
            case .host: stale(.host(step.node))
            case .share: stale(.share(step.node))
            case .cluster: stale(.cluster)
            case .node: outdate(step.node)
            }
        }
    }

    /// A list that was asked for before a VM came or went must not undo what is known since.
    private mutating func spoil(_ target: ReadTarget) {
        if facts.holds(.outdatedRead) { reads.spoil(target) }
    }

    /// The reading of the cluster stays good for the other nodes.
    private mutating func outdate(_ node: String) {
        facts.observed.outdated.insert(node)
        missedByLook.insert(node)
        reads.quicken(.cluster)
    }

    /// What was observed before k3s was told to start says nothing of how it is since.
    mutating func k3sStarts(on node: String, at moment: Moment) {
        facts.notes[node, default: .init()].started = moment.uptime
        facts.ledger.k3sStarts(on: node, isMember: facts.observed.node(node) != nil)
        stale(.host(node))
    }

    /// A script may take minutes, and start k3s in the last of them.
    private mutating func k3sStarted(by action: Action, at moment: Moment) {
        guard type(of: action.step).startsK3s else { return }
        facts.notes[action.node, default: .init()].started = moment.uptime
        facts.ledger.k3sStarted(on: action.node, at: moment.wall)
    }

    mutating func stale(_ target: ReadTarget) {
        reads.stale(target)
        spoil(target)
        switch target {
        case .vms: facts.observed.vms = nil
        case .host(let name): facts.observed.hosts[name] = nil
        case .share(let name): facts.observed.shares[name] = nil
        case .web(let question): facts.observed.answers[question] = nil
        case .cluster: facts.observed.cluster = .unseen
        case .nothing: break
        }
    }

    private mutating func failed(_ action: Action, _ error: EffectError, _ moment: Moment, _ tell: (Event) -> Void) {
        let isInDoubt = isInDoubt(action, error)
        if isInDoubt {
            if action.step.target == .platform { sent(action, at: moment) }
            wait(action, type(of: action.step).mayRepeat ? facts.ledger.nextBackOff(action.node) : 1, error, moment.wall)
            k3sStarted(by: action, at: moment)
            tell(.outcomeUnknown(action, reason: error.message))
        } else {
            answered(action)
            action.step.undone(&facts.ledger)
            notDone(action, error, moment.wall, tell)
        }
        invalidate(action.step, .failed(isUnknown: isInDoubt))
    }

    /// Whether it may have been done, or may still be. A name may be taken by our own request whose answer was lost: a cold image is listed
    /// minutes later.
    private func isInDoubt(_ action: Action, _ error: EffectError) -> Bool {
        switch error.remedy {
        case .observeAgain: true
        case .nameTaken: mayBeMade.contains(action.node) && facts.ledger.failures(action.node) < Planner.takenNameAttempts
        case .retry, .askOperator, .refused, .fenced: false
        }
    }

    /// exe.dev may carry it out from now on, whatever becomes of the answer. A creation is known by its record.
    mutating func sent(_ action: Action, at moment: Moment) {
        guard action.kind != .createVM else { return facts.notes[action.node, default: .init()].asked = moment.uptime }
        facts.notes[action.node, default: .init()].commanded = moment.uptime
        facts.ledger.commandSent(action.node, at: moment.wall)
    }

    private mutating func answered(_ action: Action) {
        guard action.step.target == .platform else { return }
        facts.notes[action.node]?.asked = nil
        facts.notes[action.node]?.commanded = nil
        facts.ledger.commandAnswered(action.node)
    }

    private mutating func notDone(_ action: Action, _ error: EffectError, _ now: Double, _ tell: (Event) -> Void) {
        switch error.remedy {
        case .fenced(let number):
            lease.fenced(by: number)
            discardObservations()
            retry(action, after: nil, error, now, tell)
        case .retry(let after):
            // Nothing was done, so an intent to create does not stand either.
            creationFailed(action)
            retry(action, after: after, error, now, tell)
        case .askOperator(let advice), .nameTaken(let advice):
            refused(action, .actionRefused(error.message, advice: advice), error, now, tell)
        case .refused(let reason): refused(action, reason, error, now, tell)
        case .observeAgain: break
        }
    }

    private mutating func retry(_ action: Action, after: Double?, _ error: EffectError, _ now: Double, _ tell: (Event) -> Void) {
        let seconds = max(after ?? 0, facts.ledger.nextBackOff(action.node))
        wait(action, seconds, error, now)
        tell(.actionFailed(action, reason: error.message, retryIn: seconds))
    }

    /// Blocked for the rest of this run; the next one tries at once, for then the operator may have mended it.
    private mutating func refused(_ action: Action, _ reason: Reason, _ error: EffectError, _ now: Double, _ tell: (Event) -> Void) {
        creationFailed(action)
        wait(action, 0, error, now)
        // The key is that of every other host too; what is approved is approved for one.
        if case .overlayRefused(let refusal, _) = reason, refusal != .approvalNeeded { facts.credentials.missing = reason }
        facts.notes[action.node, default: .init()].refusal = reason
        tell(.blocked(node: action.node, reason))
    }

    private mutating func creationFailed(_ action: Action) {
        guard case .createVM(let step) = action, !mayBeMade.contains(step.node) else { return }
        facts.ledger.requestFailed(step.node)
    }

    private mutating func wait(_ action: Action, _ seconds: Double, _ error: EffectError, _ now: Double) {
        facts.ledger.stepFailed(action.node, error.message, at: now, again: now + seconds)
    }
}
