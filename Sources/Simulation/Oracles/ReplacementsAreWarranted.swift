import FleetCore
import K3s
import Reconciler

/// S5: what the fleet file asks for is taken down only because an operator said so, or because the policy allows it and it is dead or of another
/// image. The dead were restarted first, and are few.
struct ReplacementsAreWarranted: Oracle {
    static let name = "S5 replacements are warranted"

    /// Replacements that were begun with reason.
    private var warranted: Set<Mark> = []
    /// Machines that exe.dev was told to start since they were last seen to be ready.
    private var restarted: Set<String> = []

    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let (name, process) = (request.effect.subject, request.process)
        if request.effect.kind == .createVM { warranted.remove(Mark(process.desk, name)) }
        guard process.mode == .apply, request.effect.action.isDestructive, let want = process.fleet.nodes.first(where: { $0.name == name })
        else { return nil }
        guard !warranted.contains(Mark(process.desk, name)) else { return nil }
        let complaint = complaint(want, process, world, history)
        if complaint == nil { warranted.insert(Mark(process.desk, name)) }
        return complaint
    }

    mutating func after(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        if request.effect.kind == .startVM { restarted.insert(request.effect.subject) }
        return nil
    }

    private func complaint(_ want: DesiredNode, _ process: WorldState.ProcessRecord, _ world: WorldState, _ history: History) -> String? {
        // What an earlier process had begun a damaged ledger may have forgotten, and a copied one never knew.
        let isRequested = world.processes.contains { $0.desk == process.desk && $0.replacing.contains(want.name) }
        if isRequested || world.hidesFromTheLedger { return nil }
        guard process.fleet.policy.replace == .all || process.fleet.policy.replace == .agents && want.role == .agent else {
            return "the policy does not allow it"
        }
        guard let machine = world.machine(want.name) else { return nil }
        if machine.vm.make.image != want.vm.image { return nil }
        let isOfAnotherDisk = want.role == .server && machine.disk.serverData == nil
        if isOfAnotherDisk { return nil }
        return complaintOfDeath(machine, process, world, history)
    }

    private func complaintOfDeath(
        _ machine: Machine, _ process: WorldState.ProcessRecord, _ world: WorldState, _ history: History
    ) -> String? {
        guard !history.misjudged.contains(machine.name), !world.hadClockJump else { return nil }
        if machine.answersSSH(now: world.now), world.dark == nil { return "its host answers" }
        if !restarted.contains(machine.name) { return "it was not restarted first" }
        let known = process.fleet.nodes.compactMap { world.machine($0.name) }
        // Nobody looks again into one that was well.
        let dead = known.filter { !$0.answersSSH(now: world.now) && !history.misjudged.contains($0.name) }
        return dead.count >= 2 && dead.count * 3 > known.count ? "\(dead.count) of \(known.count) are out of reach at once" : nil
    }
}
