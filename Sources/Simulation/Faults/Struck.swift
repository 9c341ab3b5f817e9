import FleetCore
import K3s

/// What has gone wrong so far, as those ask who must make allowance for it.
extension WorldState {
    /// A process died and its last write of the ledger was lost.
    var hadDamage: Bool { struck.contains { $0.kind == .crashAndDamage } }

    var hadEdit: Bool { struck.contains { if case .edit = $0.kind { true } else { false } } }

    /// What somebody changed was to be seen by this read alone.
    func isBlinding(_ fault: Fault) -> Bool {
        switch fault.kind {
        case .throttle, .outage, .dark, .apiOutage: return true
        default: break
        }
        guard case .read(let number) = fault.point, reads.indices.contains(number) else { return false }
        return switch reads[number] {
        case .host, .share: true
        case .vms, .cluster, .web, .nothing: false
        }
    }

    var hadIntruder: Bool { struck.contains { $0.kind == .twoJoins } }

    var hadRival: Bool { struck.contains { $0.kind == .rival } }

    var hadClockJump: Bool { struck.contains(where: \.kind.isClockJump) }

    /// Things came about that the ledger does not tell: another machine's, or those of a write that was lost.
    var hidesFromTheLedger: Bool { struck.contains(where: \.kind.hidesFromTheLedger) }

    /// Names of ours that somebody else's VMs bear now.
    var taken: Set<String> { Set(machines.filter { $0.theirsSince != nil }.map(\.name)) }

    /// After it a run may end in good faith although there is something to do.
    var wasMisled: Bool { struck.contains(where: \.kind.misleads) }
}

extension WorldState {
    /// The agent of a number among those of a process; nil when it has none.
    private func agent(_ index: Int, of id: Int) -> String? {
        let agents = machines.filter { $0.disk.role == .agent && $0.disk.serverData == nil && owns($0.name, id) }
        return agents.isEmpty ? nil : agents[index % agents.count].name
    }

    /// Faults of the surroundings take hold when something is sent.
    mutating func strike(_ fault: Fault.Kind, by id: Int) {
        switch fault {
        case .clockJump(let seconds): wallOffset += seconds
        case .crashAfterReply: processes[id].diesAtSave = .crashAfterReply
        case .outage(let seconds): outage = now + seconds
        case .dark(let seconds): dark = now + seconds
        case .apiOutage(let seconds):
            settle()
            apiOutage = now + seconds
        case .webOutage(let seconds): webOutage = now + seconds
        case .throttle(let number): throttled = (number, now + 60)
        case .learnerStuck(let seconds):
            for number in clusters.indices {
                let end = max(now + seconds, clusters[number].etcd?.stalledUntil ?? 0)
                clusters[number].etcd?.stalledUntil = end
            }
        case .revival:
            settle()
            for index in machines.indices { machines[index].revive(now: now) }
        case .twoJoins:
            settle()
            intrusion = now + 90
            for number in clusters.indices { clusters[number].etcd?.intrude(Self.intruder, now: now) }
        case .vanish(let index):
            guard let name = agent(index, of: id) else { break }
            report(.failed(name))
            vanish(name)
        case .rebuiltByOthers(let index): if let name = agent(index, of: id) { rebuildByOthers(name) }
        case .flapping(let index) where !machines.isEmpty:
            flap(machines[index % machines.count].name)
        case .handShare(let index):
            let shared = processes[id].fleet.nodes.filter { $0.share != nil && owns($0.name, id) }
            if !shared.isEmpty { shareByHand(shared[index % shared.count].name) }
        case .handEdit(let index):
            let wanted = processes[id].fleet.nodes.filter { owns($0.name, id) }
            if !wanted.isEmpty { editConfiguration(of: wanted[index % wanted.count].name) }
        case .silence(let index) where !machines.isEmpty:
            settle()
            let end = max(now + 90, machines[index % machines.count].silentUntil)
            machines[index % machines.count].silentUntil = end
        case .reboot(let index) where !machines.isEmpty, .powerCut(let index) where !machines.isEmpty:
            let (name, isStopped) = (machines[index % machines.count].name, machines[index % machines.count].isStopped)
            // Nobody can pull the plug of what is off.
            guard !isStopped || fault == .reboot(index) else { break }
            report(.failed(name))
            reboot(name, losesWrites: fault == .powerCut(index))
        default: break
        }
    }
}
