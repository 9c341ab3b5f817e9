import K3s

/// When something may be done to nodes that serve: in the fleet's windows, and never while an operator holds the fleet.
extension Planner {
    /// A hand brake holds everything, repairs too.
    static func waitForResume(_ facts: FleetFacts) -> Wait? {
        guard let pause = facts.pause, facts.holds(.pause) else { return nil }
        return Wait(.fleetPaused(pause))
    }

    /// Outside of the fleet's windows nothing is begun that takes a node down. What is down is mended, and what has begun goes on to its end.
    static func waitForWindow(_ action: Action, because reason: Reason, _ subject: NodeFacts, _ facts: FleetFacts) -> Wait? {
        guard type(of: action.step).isDisruptive, facts.holds(.window), let opening = facts.opening, subject.isDisrupted(by: action),
            !subject.hasBegun(action), !reason.isOfRegistration, reason.code != .nodeDead
        else { return nil }
        return Wait(.windowClosed(opening))
    }
}

extension FleetFacts {
    /// When the maintenance window opens that is closed now.
    var opening: WindowOpening? { ignoresWindow ? nil : fleet.policy.opening(at: now) }
}

extension NodeFacts {
    /// A removal takes the node away, whatever it says of itself; a restart takes something only from one that is up.
    fileprivate func isDisrupted(by action: Action) -> Bool {
        if action.isDestructive { return vm != nil }
        guard let node, node.ready == .ready else { return false }
        return !isStopped(action.step.role)
    }

    /// The step goes on with what was begun before: a node that we cordoned or stopped serves nobody, and an install whose end is not known may
    /// have stopped half-way.
    fileprivate func hasBegun(_ action: Action) -> Bool {
        // What the ledger alone calls begun may never have been reached.
        if node?.annotations[NodeAnnotation.maintenance] != nil || instance.maintenance?.upgradedTo != nil { return true }
        return switch leaveStage {
        case .begun: node?.isOursToDrain ?? true
        // A Node that came back after it was deleted, or that somebody gave back, serves.
        case .drained, .stopped, .nodeDeleted: action.isDestructive || (node?.isOursToDrain ?? true)
        case nil, .returning:
            if case .install = action { instance.configuration == .unknown } else { node?.isOursToDrain ?? false }
        }
    }
}

extension NodeReading {
    /// Its cordon is ours, as the node itself tells.
    fileprivate var isOursToDrain: Bool { value.unschedulable && value.annotations[NodePatch.removing] != nil }
}

extension Step {
    /// Of the k3s that it starts.
    fileprivate var role: Role {
        switch self {
        case let step as Install: step.setup.role
        case let step as Restart: step.role
        case let step as UpgradeK3s: step.role
        case let step as FlushDisk: step.role
        case let step as RestartVM: step.role
        case is TakeSnapshot: .server
        default: .agent
        }
    }
}

extension Reason {
    /// Nothing that a run could wait for ends it: the window opens, or the operator resumes.
    package var isDeferral: Bool { code == .windowClosed || code == .fleetPaused }
}

extension Plan {
    /// All that is left waits for the maintenance window.
    package var isDeferred: Bool {
        let open = items.filter { !$0.decision.isSettled }
        return !open.isEmpty && open.allSatisfy { $0.decision.reason?.code == .windowClosed }
    }

    /// How many steps wait for the maintenance window, and when it opens; nil when none does.
    package var deferral: (count: Int, opening: WindowOpening)? {
        let openings = items.compactMap { item -> WindowOpening? in
            if case .wait(let wait) = item.decision, case .windowClosed(let opening) = wait.reason { opening } else { nil }
        }
        return openings.first.map { (openings.count, $0) }
    }
}
