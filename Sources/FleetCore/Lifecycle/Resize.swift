import K3s

/// The way of a node to another size of its VM: resize, which takes nothing from anybody → cordon and drain → stop k3s and flush → restart the VM →
/// uncordon. A disk alone grows without the rest. Rules among those of `Join`; an upgrade that is due too has the same maintenance.
enum Resize {
    /// Seconds for which exe.dev's lists may still tell the size of before.
    static let listLag = 60.0

    static let way: [StepKind] = [.stageK3s, .resizeVM, .takeSnapshot, .evacuate, .flushDisk, .restartVM, .upgradeK3s, .uncordon]

    /// The steps that are expected after this one of a maintenance, be it for an upgrade or for another size; nil for one that is not on the way.
    static func following(_ action: Action, _ want: DesiredNode, _ node: NodeFacts) -> [StepKind]? {
        guard action.kind != .uncordon, let at = way.firstIndex(of: action.kind) else { return nil }
        let wish = node.vm.map { Self.wish(want.vm, node.instance.reportedSize($0.size), node.instance) } ?? []
        let isUpgraded =
            [.stageK3s, .takeSnapshot, .upgradeK3s].contains(action.kind) || node.node?.version.map { $0 < want.k3s } ?? false
        let restarts =
            VMSizes(wish).needRestart || node.awaitsItsRestart || action.kind == .flushDisk || action.kind == .restartVM
        return way[(at + 1)...].filter { kind in
            switch kind {
            case .takeSnapshot: isUpgraded && want.role == .server
            case .stageK3s, .upgradeK3s: isUpgraded
            case .resizeVM: !wish.isEmpty
            case .flushDisk, .restartVM: restarts
            default: isUpgraded || restarts
            }
        }
    }

    /// What is to be asked for now. `made`: as the ledger knows the VM.
    private static func wish(_ want: VMSpec, _ size: VMFields.Size, _ made: Instance) -> [VMSpecChange] {
        let (asked, stage) = (made.resize?.sizes ?? VMSizes(), made.resize?.stage)
        let isShrinking = want.shrinksDisk(made: made.spec, size: size)
        let changes = want.changes(made: made.spec, size: size).filter { !($0.field == "disk" && isShrinking) }
        var wish = changes.filter { change in stage == .asked || !isSame(asked[change.field], change.to) }
        guard let stage, stage != .done else { return wish }
        // What the file does not ask for any more would come with the restart; what had no answer is asked for once more.
        for (field, value) in [("cpu", "\(want.cpu)"), ("memory", want.memory)] {
            guard let before = asked[field], !wish.contains(where: { $0.field == field }) else { continue }
            let isKept = isSame(before, value)
            if !isKept || stage == .asked { wish.append(VMSpecChange(field: field, from: isKept ? "" : before, to: value)) }
        }
        return wish
    }

    private static func isSame(_ asked: String?, _ wish: String) -> Bool { asked.map { VMSpec.isSame($0, wish) } ?? false }

    /// Before anything is taken from anybody, so that what exe.dev refuses costs nothing.
    static let asked: Join.Rule = { joined, facts in
        let (want, instance) = (joined.want.vm, joined.node.instance)
        let wish = Self.wish(want, instance.reportedSize(joined.vm.size), instance)
        guard !wish.isEmpty, !joined.isInMaintenance || instance.resize != nil else { return nil }
        let known = Set(want.changes(made: instance.spec, size: VMFields.Size()).map(\.field))
        let isByHand = instance.resize == nil && !wish.allSatisfy { known.contains($0.field) }
        if isByHand, facts.needsSecondSize(instance) { return .wait(Wait(.sizeUnconfirmed, read: .vms, every: 3)) }
        return .act(.resizeVM(ResizeVM(node: joined.want.name, changes: wish)), .sizeDiffers)
    }

    /// In a maintenance that has begun.
    static let goesOn: Join.Rule = { joined, facts in joined.isInMaintenance ? due(joined, facts) : nil }

    static let due: Join.Rule = { joined, facts in
        guard joined.node.awaitsItsRestart else { return nil }
        guard joined.isEvacuated else { return Upgrade.evacuation(joined, .sizeAwaitsRestart, facts) }
        return .act(.flushDisk(FlushDisk(node: joined.want.name, role: joined.want.role)), .sizeAwaitsRestart)
    }

    /// k3s was stopped for it. This comes before what the cluster says: the only server answers nobody meanwhile, and a node whose k3s is stopped would
    /// be set up again.
    static func underWay(_ want: DesiredNode, _ node: NodeFacts, _ facts: FleetFacts) -> Decision? {
        guard let stage = node.instance.resize?.stage, stage == .stopping || stage == .restarting, let vm = node.vm, facts.isOwned(vm),
            vm.status == .running || vm.status == .starting
        else { return nil }
        switch node.host {
        case .unreachable where Death.isWitnessed(want, node, facts): return nil
        case .loginRefused(let reason, _) where node.mayLackKeys(facts):
            return .wait(Wait(.hostUnreachable(reason), read: .host(want.name), every: 1))
        case .unreachable, .refused, .loginRefused, nil: return node.unprobed
        case .probed(let probe):
            guard HostScript.names(probe.hostname, want.name), probe.clusterID == facts.ledger.clusterID,
                probe.unit(want.role)?.isStopped ?? false
            else { return nil }
            if probe.isFlushed || !facts.holds(.flushFirst) {
                return .act(.restartVM(RestartVM(node: want.name, role: want.role)), .sizeAwaitsRestart)
            }
            return .act(.flushDisk(FlushDisk(node: want.name, role: want.role)), .sizeAwaitsRestart)
        }
    }

    /// It is through, and exe.dev's list does not show it. Another restart would be no better than the first one.
    static let unseen: Join.Rule = { joined, facts in
        guard let resize = joined.node.instance.resize, resize.stage == .done else { return nil }
        let want = joined.want.vm
        let changes = want.changes(made: joined.node.instance.spec, size: joined.node.instance.reportedSize(joined.vm.size)).filter {
            isSame(resize.sizes[$0.field], $0.to)
        }
        guard !changes.isEmpty else { return nil }
        let others = changes.filter { $0.field != "disk" || resize.approval == nil }
        if others.isEmpty, let approval = resize.approval { return .blocked(.diskAwaitsApproval(changes[0], approval)) }
        if facts.listTime - (resize.doneAt ?? -.infinity) < listLag { return .wait(Wait(.sizeUnconfirmed, read: .vms, every: 3)) }
        return .blocked(.resizeIneffective(others))
    }
}

extension NodeFacts {
    /// exe.dev said yes to another cpu or memory, which its VM does not have yet.
    var awaitsItsRestart: Bool {
        guard let resize = instance.resize, resize.sizes.needRestart else { return false }
        return [.answered, .stopping, .restarting].contains(resize.stage)
    }
}

extension FleetFacts {
    /// Only one list says that somebody resized the VM: it may be old.
    fileprivate func needsSecondSize(_ instance: Instance) -> Bool {
        isFirstList(since: instance.otherSizeSince)
    }
}
