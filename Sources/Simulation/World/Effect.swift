package import FleetCore
import K3s
import Reconciler

/// A change that was asked of the world.
package struct Effect: Sendable, Hashable {
    package let action: Action
    /// The VM on which its script runs; nil for what exe.dev does.
    package let host: String?
    /// Under what it was decided, as its host is told.
    let token: FencingToken?

    init(_ action: Action, on host: String? = nil, under token: FencingToken? = nil) {
        (self.action, self.host, self.token) = (action, host, token)
    }

    /// The machine or node that it is about.
    package var subject: String { action.node }
    package var kind: StepKind { action.kind }
    var isForHost: Bool { host != nil }

    /// Seconds after which nobody waits for its answer any more (`Step.deadlineSeconds`, `Command.deadline`).
    var deadline: Double { isForHost ? type(of: action.step).deadlineSeconds : 35 }

    /// As Live ends it then: whether it was done is not known.
    var isOverdue: EffectError { EffectError("no answer within \(Int(deadline)) s", remedy: .observeAgain) }

    /// It asks on arrival whether the node is alive, and leaves it then.
    var sparesTheLiving: Bool { if case .deleteNode(let step) = action { step.ifSilent } else { false } }

    /// Of an install.
    var setup: NodeSetup? { if case .install(let step) = action { step.setup } else { nil } }

    package var words: String { "\(kind.rawValue) \(subject)" }
}

package enum EffectReply: Sendable {
    case vm(ObservedVM)
    case share(Share)
    case text(String)
    case resized(DiskApproval?)
}
