import FleetCore
import K3s

/// Another release of k3s on a host that runs one, step by step as the scripts do it.
extension WorldState {
    func staging(_ version: K3sVersion, _ index: Int) -> [HostStep] {
        [
            { world in world.write(index) { $0.former = nil } },
            { world in world.write(index) { $0.staged = version } },
            Self.sync(index),
        ]
    }

    /// k3s stands still while its datastore is copied.
    func snapshot(_ index: Int) -> [HostStep] {
        guard let cluster = machines[index].disk.serverData else { return [{ _ in "the server has no datastore" }] }
        // etcd goes on meanwhile.
        if clusters[cluster].etcd != nil { return [{ $0.machines[index].unit == nil ? "no etcd answers" : nil }] }
        guard machines[index].unit != nil else { return [{ $0.startK3s(index) }] }
        return [
            { world in
                world.settle()
                world.machines[index].unit = nil
                return nil
            },
            { $0.startK3s(index) },
        ]
    }

    func evacuation(_ step: Evacuate) -> [HostStep] {
        let cordon = Self.cordon(step.node, NodeAnnotation.maintenance)
        if step.drains { return [cordon, Self.drain(step.node, isSilent: false, step.policy)] }
        return [
            cordon,
            { world in
                world.drainAnswer = Self.drainAnswer(nil)
                return nil
            },
        ]
    }

    func upgrade(_ version: K3sVersion, _ index: Int) -> [HostStep] {
        [
            { world in
                guard world.machines[index].disk.staged == version else { return nil }
                world.machines[index].needsRestart = true
                return world.write(index) { ($0.former, $0.binary, $0.staged) = ($0.binary, version, nil) }
            },
            { world in world.machines[index].disk.binary == version ? nil : "the staged k3s is not there any more" },
            Self.sync(index), restartWhereOlder(index),
        ]
    }

    func revert(_ index: Int) -> [HostStep] {
        [
            { world in
                guard world.machines[index].disk.former != nil else { return nil }
                world.machines[index].needsRestart = true
                return world.write(index) { ($0.binary, $0.former) = ($0.former, nil) }
            },
            Self.sync(index), restartWhereOlder(index),
        ]
    }

    private func restartWhereOlder(_ index: Int) -> HostStep {
        { world in
            let machine = world.machines[index]
            guard machine.needsRestart || machine.unit == nil || machine.unit?.version != machine.disk.binary else { return nil }
            return world.startK3s(index)
        }
    }
}
