package import K3s

/// One thing that can be done now. Performed through one door, `Performer`.
package indirect enum Action: Sendable, Hashable {
    case createVM(name: String, shape: VMShape, ownerTag: String)
    case tagVM(name: String, tags: [String])
    /// A stopped VM is started by exe.dev's `restart` (facts/exedev.md §1.2).
    case startVM(name: String)
    case prepare(node: String, version: K3sVersion, role: Role)
    case forget(node: String)
    case install(NodeSetup)
    /// Of a k3s that runs and whose node the cluster lacks: it registers when it starts, and only then (facts/k3s.md §6.4).
    case restart(node: String, role: Role)
    case shape(node: String, NodeShape)
    /// `revoking`: whom we let in before and who is to be let out.
    case share(vm: String, Share, revoking: [String])
    /// `isSilent`: nobody is left there to end its pods, so that they are not waited for without end.
    case drain(node: String, isSilent: Bool)
    /// Takes back what `drain` did: the node is wanted again.
    case uncordon(node: String)
    case stop(node: String, role: Role)
    /// `ifSilent`: its k3s may still run, and then the node stays.
    case deleteNode(node: String, ifSilent: Bool)
    case removeVM(name: String)

    package var node: String {
        switch self {
        case .createVM(let name, _, _), .tagVM(let name, _), .startVM(let name), .prepare(let name, _, _), .forget(let name),
            .shape(let name, _),
            .share(let name, _, _), .drain(let name, _), .restart(let name, _), .uncordon(let name), .stop(let name, _),
            .deleteNode(let name, _), .removeVM(let name):
            name
        case .install(let setup): setup.name
        }
    }

    package var step: StepKind {
        switch self {
        case .createVM: .createVM
        case .tagVM: .tagVM
        case .startVM: .startVM
        case .prepare: .prepare
        case .forget: .forget
        case .install: .install
        case .restart: .restart
        case .shape: .shape
        case .share: .share
        case .drain: .drain
        case .uncordon: .uncordon
        case .stop: .stop
        case .deleteNode: .deleteNode
        case .removeVM: .removeVM
        }
    }

    /// Of the configuration that it sets up.
    package var configHash: String? { if case .install(let setup) = self { setup.configHash } else { nil } }

    /// What the operator reads beside the step.
    package var detail: String {
        switch self {
        case .createVM(_, let shape, _): "\(shape.cpu) cpu, \(shape.memory), \(shape.image)"
        case .tagVM(_, let tags): tags.joined(separator: ", ")
        case .prepare(_, let version, let role): "overlay, k3s \(version) for \(role == .server ? "a server" : "an agent")"
        case .install(let setup): "k3s \(setup.version) \(setup.role.rawValue)"
        case .shape(_, let shape): shape.summary
        case .share(_, let share, let leaving): share.words + (leaving.isEmpty ? "" : ", no longer with " + leaving.joined(separator: ", "))
        case .startVM, .forget, .restart, .drain, .uncordon, .stop, .deleteNode, .removeVM: ""
        }
    }
}

/// The kind of an action: what a saved plan approves for a node.
package enum StepKind: String, Sendable, Hashable, Codable, CaseIterable {
    case createVM, tagVM, startVM, prepare, forget, install, restart, shape, share, drain, uncordon, stop, deleteNode, removeVM

    package var words: String {
        switch self {
        case .createVM: "create VM"
        case .tagVM: "tag VM"
        case .startVM: "start VM"
        case .prepare: "prepare host"
        case .forget: "forget old identity"
        case .install: "install k3s"
        case .restart: "restart k3s"
        case .shape: "label and taint"
        case .share: "share"
        case .drain: "cordon and drain"
        case .uncordon: "uncordon"
        case .stop: "stop k3s"
        case .deleteNode: "delete node"
        case .removeVM: "remove VM"
        }
    }

    package var isDestructive: Bool {
        switch self {
        case .drain, .stop, .deleteNode, .removeVM: true
        default: false
        }
    }

    /// `+` makes something, `~` changes it, `-` takes it away.
    package var symbol: Character { self == .createVM ? "+" : isDestructive ? "-" : "~" }
}

/// Labels, taints and our own annotations that a node is given in one patch.
package struct NodeShape: Sendable, Hashable {
    /// Nil removes the label.
    package var labels: [String: String?]
    /// Nil leaves them as they are.
    package var taints: TaintChange?
    package var annotations: [String: String]
    package var summary: String

    package init(labels: [String: String?], taints: TaintChange?, annotations: [String: String], summary: String) {
        (self.labels, self.taints, self.annotations, self.summary) = (labels, taints, annotations, summary)
    }
}

/// All taints of a node, other owners' included, as they were seen and as they shall be: the API replaces the whole list, so it must not have
/// changed meanwhile.
package struct TaintChange: Sendable, Hashable {
    package var from: [Taint]
    package var to: [Taint]

    package init(from: [Taint], to: [Taint]) {
        (self.from, self.to) = (from, to)
    }
}
