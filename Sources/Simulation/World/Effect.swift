package import FleetCore
import K3s
package import Reconciler

/// A change that was asked of the world.
package indirect enum Effect: Sendable, Hashable {
    case create(name: String, VMShape, tag: String)
    case tag(String, [String])
    case start(String)
    case remove(String)
    case share(String, Share, revoking: [String])
    case order(HostOrder, on: String)

    /// The machine or node that it is about.
    package var subject: String {
        switch self {
        case .create(let name, _, _), .tag(let name, _), .start(let name), .remove(let name), .share(let name, _, _): name
        case .order(let order, _): order.node
        }
    }

    package var step: StepKind {
        switch self {
        case .create: .createVM
        case .tag: .tagVM
        case .start: .startVM
        case .remove: .removeVM
        case .share: .share
        case .order(let order, _): order.step
        }
    }

    /// It asks on arrival whether the node is alive, and leaves it then.
    var sparesTheLiving: Bool { if case .order(.deleteNode(_, ifSilent: true), _) = self { true } else { false } }

    var isForHost: Bool { if case .order = self { true } else { false } }

    package var words: String { "\(step.rawValue) \(subject)" }
}

package enum EffectReply: Sendable {
    case vm(ObservedVM)
    case share(Share)
    case text(String)
}

extension HostOrder {
    var node: String {
        switch self {
        case .prepare(let node, _, _), .restart(let node, _), .forget(let node, _), .shape(let node, _), .drain(let node, _),
            .uncordon(let node),
            .stop(let node, _), .deleteNode(let node, _):
            node
        case .install(let setup): setup.name
        }
    }

    var step: StepKind {
        switch self {
        case .prepare: .prepare
        case .install: .install
        case .restart: .restart
        case .forget: .forget
        case .shape: .shape
        case .drain: .drain
        case .uncordon: .uncordon
        case .stop: .stop
        case .deleteNode: .deleteNode
        }
    }
}
