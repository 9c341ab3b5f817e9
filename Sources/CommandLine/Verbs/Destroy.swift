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
            try place.state.forgetCluster()
            return .done
        }
        terminal.out("- " + owned.joined(separator: "\n- "))
        guard try agrees(name, owned.count, arguments, terminal) else { return .failed }
        for vm in owned {
            // Looked at again just before: ownership is what is observed now, not what was true when the operator typed.
            guard try await ownedVMs(place).contains(vm) else { continue }
            try await place.world.removeVM(vm)
            terminal.say("removed \(vm)")
        }
        let left = try await ownedVMs(place)
        guard left.isEmpty else { throw Failure("still there: \(left.joined(separator: ", "))", advice: "run destroy again") }
        try place.state.forgetCluster()
        terminal.say("The fleet \(name) is gone.")
        return .done
    }

    private static func ownedVMs(_ place: Workplace) async throws -> [String] {
        try await place.world.listVMs().filter { $0.tags.contains(place.fleet.cluster.tag) }.map(\.name).sorted()
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
