import K3s

/// One step that can be done now. Performed through one door, `Performer`.
package indirect enum Action: Sendable, Hashable {
    case createVM(CreateVM)
    case tagVM(TagVM)
    case startVM(StartVM)
    case prepare(Prepare)
    case purgeIdentity(PurgeIdentity)
    case install(Install)
    case restart(Restart)
    case patchNode(PatchNode)
    case share(ShareVM)
    case cordon(Cordon)
    case drain(Drain)
    case uncordon(Uncordon)
    case stop(Stop)
    case deleteNode(DeleteNode)
    case removeVM(RemoveVM)
    case stageK3s(StageK3s)
    case takeSnapshot(TakeSnapshot)
    case evacuate(Evacuate)
    case upgradeK3s(UpgradeK3s)
    case revertK3s(RevertK3s)
    case commentVM(CommentVM)
    case resizeVM(ResizeVM)
    case flushDisk(FlushDisk)
    case restartVM(RestartVM)

    /// What is known of it. Beside `StepKind.type` the only switch over all steps.
    package var step: any Step {
        switch self {
        case .createVM(let step): step
        case .tagVM(let step): step
        case .startVM(let step): step
        case .prepare(let step): step
        case .purgeIdentity(let step): step
        case .install(let step): step
        case .restart(let step): step
        case .patchNode(let step): step
        case .share(let step): step
        case .cordon(let step): step
        case .drain(let step): step
        case .uncordon(let step): step
        case .stop(let step): step
        case .deleteNode(let step): step
        case .removeVM(let step): step
        case .stageK3s(let step): step
        case .takeSnapshot(let step): step
        case .evacuate(let step): step
        case .upgradeK3s(let step): step
        case .revertK3s(let step): step
        case .commentVM(let step): step
        case .resizeVM(let step): step
        case .flushDisk(let step): step
        case .restartVM(let step): step
        }
    }

    package var node: String { step.node }
    package var kind: StepKind { type(of: step).kind }
    package var words: String { type(of: step).words }
    package var isDestructive: Bool { type(of: step).isDestructive }
    package var symbol: Character { kind.symbol }
}

/// The name of a step: what a saved plan approves for a node, and what the audit log and the metrics record.
package enum StepKind: String, Sendable, Hashable, Codable, CaseIterable {
    case createVM, tagVM, startVM, prepare, purgeIdentity, install, restart, patchNode, share, cordon, drain, uncordon, stop, deleteNode,
        removeVM, stageK3s, takeSnapshot, evacuate, upgradeK3s, revertK3s, commentVM, resizeVM, flushDisk, restartVM

    /// The step of this name.
    package var type: any Step.Type {
        switch self {
        case .createVM: CreateVM.self
        case .tagVM: TagVM.self
        case .startVM: StartVM.self
        case .prepare: Prepare.self
        case .purgeIdentity: PurgeIdentity.self
        case .install: Install.self
        case .restart: Restart.self
        case .patchNode: PatchNode.self
        case .share: ShareVM.self
        case .cordon: Cordon.self
        case .drain: Drain.self
        case .uncordon: Uncordon.self
        case .stop: Stop.self
        case .deleteNode: DeleteNode.self
        case .removeVM: RemoveVM.self
        case .stageK3s: StageK3s.self
        case .takeSnapshot: TakeSnapshot.self
        case .evacuate: Evacuate.self
        case .upgradeK3s: UpgradeK3s.self
        case .revertK3s: RevertK3s.self
        case .commentVM: CommentVM.self
        case .resizeVM: ResizeVM.self
        case .flushDisk: FlushDisk.self
        case .restartVM: RestartVM.self
        }
    }

    package var words: String { type.words }
    package var isDestructive: Bool { type.isDestructive }
    package var isDisruptive: Bool { type.isDisruptive }

    /// `+` makes something, `~` changes it, `-` takes it away.
    package var symbol: Character { self == .createVM ? "+" : isDestructive ? "-" : "~" }
}
