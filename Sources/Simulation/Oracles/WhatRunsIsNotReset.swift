import FleetCore
import Reconciler

/// exe.dev's `restart` is a power cut (facts/exedev.md §1.2).
struct WhatRunsIsNotReset: Oracle {
    static let name = "what runs is not reset"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        let name = request.effect.subject
        guard request.effect.kind == .startVM, let machine = world.machine(name), !machine.isStopped else { return nil }
        // One that neither its kubelet nor SSH tells anything of is dead to everybody.
        if machine.unit?.registeredAt == nil, !machine.answersSSH(now: world.now) { return nil }
        // After a list of before a process cannot know, nor by another clock, by another ledger, or when somebody else starts it.
        let isMisled = world.hadClockJump || world.hidesFromTheLedger || history.misjudged.contains(name)
        return isMisled ? nil : "the VM runs"
    }
}
