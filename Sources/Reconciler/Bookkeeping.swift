import FleetCore
import K3s

/// What the ledger learns from an action, before it is sent and after it answered.
enum Bookkeeping {
    /// Written before the action is sent, so that a crash in between is seen by the next run.
    static func before(_ action: Action, _ ledger: inout Ledger, now: Double) {
        switch action {
        case .createVM(let name, _, _): ledger.vms[name, default: .init()].creating = now
        case .install(let setup):
            if setup.role == .server { ledger.founder = setup.name }
            ledger.vms[setup.name, default: .init()].started = now
            // Until it answers nobody knows which configuration is there, not even should the file go back to the one before.
            ledger.vms[setup.name]?.config = Ledger.VMRecord.unknownConfig
            // It may run again from now on, whatever becomes of the answer.
            if [.stopped, .nodeDeleted].contains(ledger.vms[setup.name]?.removal) { ledger.vms[setup.name]?.removal = .drained }
        case .share(let name, _): ledger.vms[name]?.share = nil
        case .drain(let name): ledger.vms[name, default: .init()].removal = .begun
        case .stop(let name, _), .deleteNode(let name): if ledger.vms[name]?.removal == nil { ledger.vms[name]?.removal = .begun }
        // Should the answer be lost, its absence is our doing.
        case .removeVM(let name): ledger.vms[name]?.removal = .nodeDeleted
        default: break
        }
    }

    static func after(_ action: Action, _ outcome: Performer.Outcome, _ ledger: inout Ledger, now: Double) {
        let name = action.node
        ledger.attempts[name] = nil
        switch (action, outcome) {
        case (.createVM, _):
            ledger.vms[name] = .init()
            ledger.vms[name]?.hasStaleIdentity = true
        case (.prepare(_, let version, _), .done(let output)):
            if let digest = value("k3s-sha256", in: output) { ledger.digests[version.description] = digest }
        case (.install(let setup), _):
            ledger.vms[name, default: .init()].config = setup.configHash
            if ledger.vms[name]?.removal != nil { ledger.vms[name]?.removal = .returning }
        case (.forget, _): ledger.vms[name]?.hasStaleIdentity = false
        case (.share, .shared(let share)): ledger.vms[name, default: .init()].share = share
        case (.drain, _): ledger.vms[name]?.removal = .drained
        case (.uncordon, _): ledger.vms[name]?.removal = nil
        case (.stop, _): ledger.vms[name]?.removal = .stopped
        case (.deleteNode, _): ledger.vms[name]?.removal = .nodeDeleted
        case (.removeVM, _): ledger.vms[name] = nil
        default: break
        }
    }

    /// Facts of the world that the ledger must know before anything is decided. `listedAt`: when the VMs were listed.
    static func learn(_ seen: Observation, fleet: DesiredFleet, _ ledger: inout Ledger, listedAt: Double?, now: Double) {
        ledger.comeBack(to: now)
        if let vms = seen.vms, let listedAt { missed(vms, seen, fleet, &ledger, listedAt) }
        for node in fleet.nodes {
            guard let vm = seen.vms?[node.name], vm.tags.contains(fleet.cluster.tag) else { continue }
            if ledger.vms[node.name] == nil {
                ledger.vms[node.name] = .init()
            } else if ledger.vms[node.name]?.creating != nil {
                // The reply to `new` was lost and the VM is here: it is the one we asked for.
                ledger.vms[node.name]?.creating = nil
                ledger.vms[node.name]?.hasStaleIdentity = true
            }
            recognise(vm, &ledger)
            // A VM that has run k3s for this very cluster is no stranger, whatever became of its record or of the time of its creation.
            if case .probed(let probe)? = seen.hosts[node.name], probe.clusterID == ledger.clusterID, probe.hasAgentData {
                ledger.vms[node.name]?.hasStaleIdentity = false
            }
        }
        if ledger.caHash == nil, case .read(let reading) = seen.cluster, reading.apiReady, ledger.hasMarked(reading),
            let hash = reading.caHash
        {
            ledger.caHash = hash
            // Whoever sent the order, the cluster was founded there.
            if ledger.founder == nil { ledger.founder = fleet.nodes.first { $0.role == .server }?.name }
        }
    }

    /// Seconds that a VM which nobody asks for must be missing from list after list before its record goes.
    static let patience = 600.0

    /// What the list lacks may be gone or left out: of what nobody asks for any more the record is dropped after a while, unless its node is
    /// still in the cluster, or may be: without the record nobody would know whose it was.
    private static func missed(
        _ vms: [String: ObservedVM], _ seen: Observation, _ fleet: DesiredFleet, _ ledger: inout Ledger, _ listedAt: Double
    ) {
        var isGone: (String) -> Bool = { _ in false }
        if ledger.founder == nil, ledger.caHash == nil {
            // There is no cluster that could have a node.
            isGone = { _ in true }
        } else if case .read(let reading) = seen.cluster, reading.apiReady, ledger.hasMarked(reading), ledger.caHash == reading.caHash {
            isGone = { seen.node($0) == nil }
        }
        for (name, record) in ledger.vms where record.createdAt != nil || record.creating != nil {
            guard vms[name] == nil else {
                ledger.vms[name]?.missingSince = nil
                continue
            }
            let since = min(record.missingSince ?? listedAt, listedAt)
            ledger.vms[name]?.missingSince = since
            if listedAt - since >= patience, isGone(name), !fleet.nodes.contains(where: { $0.name == name }) { ledger.vms[name] = nil }
        }
    }

    /// A VM that was made anew by somebody else has nothing of what the ledger says of its predecessor.
    private static func recognise(_ vm: ObservedVM, _ ledger: inout Ledger) {
        guard let createdAt = vm.createdAt else { return }
        if let known = ledger.vms[vm.name]?.createdAt, known != createdAt {
            ledger.vms[vm.name] = .init()
            ledger.vms[vm.name]?.hasStaleIdentity = true
        }
        ledger.vms[vm.name]?.createdAt = createdAt
    }

    /// `key=value` on a line of its own.
    private static func value(_ key: String, in output: String) -> String? {
        for line in output.split(whereSeparator: \.isNewline) where line.hasPrefix(key + "=") {
            return String(line.dropFirst(key.count + 1))
        }
        return nil
    }
}
