import K3s

extension FleetFacts {
    /// Goes on with a drain. One that cannot end is left to the operator, and tried again now and then: a budget may allow it one day.
    func draining(_ drain: Action, _ progress: DrainProgress?, because reason: Reason) -> Decision {
        let policy = fleet.policy.drain
        guard let progress else { return .act(drain, reason) }
        let isOver = progress.hindrance.isFinal(under: policy) || now - progress.since >= Double(policy.timeout)
        if isOver, now - progress.triedAt < Planner.drainTriedAgainAfter { return .blocked(.drainBlocked(progress.hindrance)) }
        if now - progress.triedAt < Planner.drainPause { return .wait(Wait(.podsLeft(progress.hindrance))) }
        return .act(drain, .podsLeft(progress.hindrance))
    }
}

extension DrainHindrance {
    /// Whether another try is of no use; the file may have come to allow what it forbade.
    fileprivate func isFinal(under policy: DrainPolicy) -> Bool {
        !bare.isEmpty && !policy.force || !withData.isEmpty && !policy.deleteEmptyDir
    }
}
