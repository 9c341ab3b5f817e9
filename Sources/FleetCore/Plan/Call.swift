/// What a line of a plan calls for, without a word of it: gone through at every turn of the loop, so that nothing of it is counted.
package struct Call: Sendable {
    /// Where a look goes; `host` is that of the line's own node.
    package enum Target: Sendable { case nothing, vms, cluster, host }

    /// That of the action that can be done now.
    package var step: Step?
    package var isWait = false
    package var isBlocked = false
    package var look = Target.nothing
    /// Seconds until the look is worth repeating.
    package var interval = Double.infinity
    package var evidence = Target.nothing

    init(_ decision: Decision) {
        switch decision {
        case .act(let action, _): step = action.step
        case .wait(let wait):
            (isWait, look, interval, evidence) = (true, wait.look.target, wait.interval, wait.evidence?.target ?? .nothing)
        case .blocked: isBlocked = true
        case .settled, .reported: break
        }
    }

    var isSettled: Bool { step == nil && !isWait && !isBlocked }
    var isDestructive: Bool { step?.isDestructive == true }
}

extension Look {
    fileprivate var target: Call.Target {
        switch self {
        case .vms: .vms
        case .cluster: .cluster
        case .host: .host
        case .nothing: .nothing
        }
    }
}
