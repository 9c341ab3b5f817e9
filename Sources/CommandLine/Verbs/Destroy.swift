import FleetCore
import K3s
import Live
import Reconciler

extension Verb {
    static let destroy = Verb(
        name: "destroy", summary: "remove every VM that carries the fleet's tag, servers too", operands: "[options]",
        options: Arguments.Option.common + [.value("confirm", "the cluster's name, or without a ledger its tag, instead of typing it")]
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        let context = try CommandContext.open(arguments, terminal)
        let lock = try FleetLock(in: context.state, verb: "destroy")
        let status = try await remove(context, arguments, terminal)
        await context.world.close()
        _ = consume lock
        return status
    }

    private static func remove(_ context: CommandContext, _ arguments: Arguments, _ terminal: Terminal) async throws -> ExitStatus {
        let name = context.fleet.cluster.name
        let audit = AuditLog(in: context.state, verb: "destroy", run: AuditRecord.newRun(), plan: "destroy")
        let destruction = Destruction(of: context.fleet, in: context.world, memory: audit, clock: SystemClock()) { event in
            audit.note(event)
            show(event, terminal)
        }
        if let pause = context.state.pause() { terminal.say("The fleet is \(pause.words); destroy is not held by that.") }
        let owned = try await destruction.owned().map(\.name)
        guard !owned.isEmpty else { return try forget(context, arguments, terminal) }
        let list = owned.map { "- " + $0 }.joined(separator: "\n")
        if arguments.has("json") { terminal.say(list) } else { terminal.out(list) }
        let isKnown = try !context.state.lacksLedger()
        guard try isKnown ? agrees(name, owned.count, arguments, terminal) : agreesByTag(context, owned.count, arguments, terminal) else {
            return .failed
        }
        let left = try await destruction.remove(owned)
        guard left.isEmpty else { throw Failure("still there: \(left.joined(separator: ", "))", advice: "run destroy again") }
        try context.state.removeCluster()
        terminal.say("The fleet \(name) is gone.")
        if arguments.has("json") { terminal.out(DestroyDocument(cluster: name, removed: owned).prettyJSON) }
        return .done
    }

    /// What `destroy --json` prints once the fleet is gone. `formatVersion` is raised when a field changes its meaning or is removed.
    private struct DestroyDocument: Encodable {
        var formatVersion = 1
        var cluster: String
        /// The VMs in the order in which they went.
        var removed: [String]
    }

    /// An empty list may be that of another account, so the cluster's secrets are kept.
    private static func forget(_ context: CommandContext, _ arguments: Arguments, _ terminal: Terminal) throws -> ExitStatus {
        terminal.say("No VM carries the tag \(context.fleet.cluster.tag).")
        let ledger = try context.state.loadLedger { terminal.say("WARNING: \($0)") }
        if ledger.map({ $0.founder != nil || !$0.nodes.isEmpty }) == true {
            terminal.say("The ledger and the tokens of a cluster in \(context.state.path) would be removed.")
            guard try agrees(context.fleet.cluster.name, 0, arguments, terminal) else { return .failed }
        }
        try context.state.removeCluster()
        if arguments.has("json") { terminal.out(DestroyDocument(cluster: context.fleet.cluster.name, removed: []).prettyJSON) }
        return .done
    }

    private static func show(_ event: Event, _ terminal: Terminal) {
        terminal.patience.note(event)
        switch event {
        case .actionFinished(let action, _): terminal.say("removed \(action.node)")
        case .readFailed(_, let reason): terminal.say("the cluster does not answer, so its Lease cannot be read: \(reason)")
        case .waiting(_, let reason): terminal.say("waiting: \(reason.text)")
        default: break
        }
    }

    /// Without a ledger the tag alone says whose the VMs are, and another machine may keep this very fleet: the tag is what must be typed.
    private static func agreesByTag(_ context: CommandContext, _ count: Int, _ arguments: Arguments, _ terminal: Terminal) throws -> Bool {
        let tag = context.fleet.cluster.tag
        terminal.say(
            "WARNING: \(context.state.path) has no ledger of a cluster that can be read: that these VMs are this fleet's is known by the tag \(tag) alone."
        )
        let typed = arguments.value("confirm")
        if let refusal = refusalWithoutLedger(typed: typed, tag: tag, canAsk: terminal.inIsTerminal) { throw refusal }
        if typed != nil { return true }
        terminal.say("exedev-k8s recover would rebuild the ledger.")
        let agreed = terminal.confirms("This removes \(count) VMs and all their data. Type the tag \(tag) to go on:", answer: tag)
        if !agreed { terminal.say("Nothing was done.") }
        return agreed
    }

    /// The cluster's name, which scripts pass, is not enough.
    static func refusalWithoutLedger(typed: String?, tag: String, canAsk: Bool) -> Failure? {
        let advice = "run exedev-k8s recover to rebuild the ledger; to remove every VM with the tag without it, pass --confirm=\(tag)"
        if let typed { return typed == tag ? nil : Failure("--confirm=\(typed) is not enough without a ledger", advice: advice) }
        return canAsk ? nil : Failure("there is no ledger, and no terminal to ask on", advice: advice)
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
