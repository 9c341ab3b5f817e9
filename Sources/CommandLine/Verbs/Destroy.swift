import FleetCore
import Live
import Reconciler

extension Verb {
    static let destroy = Verb(
        name: "destroy", summary: "remove every VM that carries the fleet's tag, servers too", operands: "[options]",
        options: Arguments.Option.common + [.value("confirm", "the cluster's name, instead of typing it")]
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        let place = try Workplace.open(arguments, terminal)
        let lock = try FleetLock(in: place.state, verb: "destroy")
        let status = try await remove(place, arguments, terminal)
        await place.world.close()
        _ = consume lock
        return status
    }

    private static func remove(_ place: Workplace, _ arguments: Arguments, _ terminal: Terminal) async throws -> ExitStatus {
        let name = place.fleet.cluster.name
        let owned = try await ownedVMs(place)
        guard !owned.isEmpty else {
            terminal.say("No VM carries the tag \(place.fleet.cluster.tag).")
            // An empty list may be that of another account: what opens a cluster is not thrown away for it.
            let ledger = try place.state.loadLedger()
            if ledger.map({ $0.founder != nil || !$0.vms.isEmpty }) == true {
                terminal.say("The ledger and the tokens of a cluster are in \(place.state.path) and would be forgotten.")
                guard try agrees(name, 0, arguments, terminal) else { return .failed }
            }
            try place.state.forgetCluster()
            return .done
        }
        terminal.out(owned.map { "- " + $0.name }.joined(separator: "\n"))
        guard try agrees(name, owned.count, arguments, terminal) else { return .failed }
        let audit = AuditLog(in: place.state, verb: "destroy", run: AuditRecord.newRun(), plan: "destroy")
        for name in owned.map(\.name) {
            // Looked at again just before: ownership is what is observed now, not what was true when the operator typed.
            guard let vm = try await ownedVMs(place).first(where: { $0.name == name }) else { continue }
            try await remove(vm, place, audit)
            terminal.say("removed \(name)")
        }
        let left = try await ownedVMs(place).map(\.name)
        guard left.isEmpty else { throw Failure("still there: \(left.joined(separator: ", "))", advice: "run destroy again") }
        try place.state.forgetCluster()
        terminal.say("The fleet \(name) is gone.")
        return .done
    }

    private static func remove(_ vm: ObservedVM, _ place: Workplace, _ audit: AuditLog) async throws {
        let action = Action.removeVM(name: vm.name)
        var seen = Observation()
        seen.vms = [vm.name: vm]
        try await audit.recording(action, action.change(seen, record: .init()), because: "the operator destroys the fleet") {
            () async throws(EffectError) in try await place.world.removeVM(vm.name)
        }
    }

    private static func ownedVMs(_ place: Workplace) async throws -> [ObservedVM] {
        try await place.world.listVMs().filter { $0.tags.contains(place.fleet.cluster.tag) }.sorted { $0.name < $1.name }
    }

    private static func agrees(_ name: String, _ count: Int, _ arguments: Arguments, _ terminal: Terminal) throws -> Bool {
        if let typed = arguments.value("confirm") {
            guard typed == name else { throw Failure("--confirm=\(typed) is not the cluster's name, \(name)") }
            return true
        }
        guard terminal.inIsTerminal else { throw Failure("there is no terminal to ask on", advice: "pass --confirm=\(name)") }
        let agreed = terminal.confirms("This removes \(count) VMs and all their data. Type the cluster's name to go on:", answer: name)
        if !agreed { terminal.say("Nothing was done.") }
        return agreed
    }
}
