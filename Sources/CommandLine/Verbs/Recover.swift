import FleetCore
import K3s
import Live
import Reconciler
import Shell

extension Verb {
    static let recover = Verb(
        name: "recover", summary: "rebuild a lost state directory from exe.dev's tags, the hosts and the cluster; changes nothing there",
        operands: "[options]",
        options: Arguments.Option.common.filter { $0.name != "json" } + [.value("confirm", "the cluster's name, instead of typing it")]
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        let context = try CommandContext.open(arguments, terminal)
        let lock = try FleetLock(in: context.state, verb: "recover")
        let status = try await rebuild(context, arguments, terminal)
        await context.world.close()
        _ = consume lock
        return status
    }

    private static func rebuild(_ context: CommandContext, _ arguments: Arguments, _ terminal: Terminal) async throws -> ExitStatus {
        guard try context.state.lacksLedger() else {
            if context.state.tokenLoss() != nil { return try await refetchTokens(context, arguments, terminal) }
            throw Failure(
                "\(context.state.path) has the ledger of a cluster; recover is for one that is lost",
                advice: "run plan; if that ledger is of another cluster, move the folder away first")
        }
        let (recovered, record, observed) = try await found(context)
        terminal.out(RecoveryText.render(recovered, record, observed, context.fleet))
        guard try agrees(context, arguments, terminal) else { return .failed }
        // The ledger is the last: with it the state directory counts as whole.
        try context.state.keep(record)
        try context.state.store(recovered.ledger)
        terminal.say("The ledger of \(context.fleet.cluster.name) is written to \(context.state.path). Run plan, then apply.")
        return .done
    }

    /// The ledger is whole, and stays.
    private static func refetchTokens(_ context: CommandContext, _ arguments: Arguments, _ terminal: Terminal) async throws -> ExitStatus {
        let (_, record, _) = try await found(context)
        terminal.out("The ledger is there; the tokens of \(context.fleet.cluster.name) are not. A server has them.")
        guard try agrees(context, arguments, terminal) else { return .failed }
        try context.state.keep(record)
        terminal.say("The tokens of \(context.fleet.cluster.name) are written to \(context.state.path). Run plan, then apply.")
        return .done
    }

    private static func found(_ context: CommandContext) async throws -> (RecoveredLedger, ServerRecord, Observation) {
        do {
            let observed = try await Recovery(of: context.fleet, in: context.world.reader).observe()
            let server = try RecoveredLedger.server(of: context.fleet, in: observed)
            guard let vm = observed.vms?[server] else { throw RecoveryRefusal.serverMissing(server) }
            let record = try await context.world.serverRecord(on: vm)
            let recovered = try RecoveredLedger(of: context.fleet, from: observed, record: record, now: SystemClock().now)
            return (recovered, record, observed)
        } catch let error as RecoveryRefusal {
            throw Failure(OutsideText.line(error.description), advice: error.advice)
        }
    }

    private static func agrees(_ context: CommandContext, _ arguments: Arguments, _ terminal: Terminal) throws -> Bool {
        let name = context.fleet.cluster.name
        if let typed = arguments.value("confirm") {
            guard typed == name else { throw Failure("--confirm=\(typed) is not the cluster's name, \(name)") }
            return true
        }
        guard terminal.inIsTerminal else { throw Failure("there is no terminal to ask on", advice: "pass --confirm=\(name)") }
        let question = "This makes \(context.state.path) the state directory of this cluster. Type the cluster's name to go on:"
        let agreed = terminal.confirms(question, answer: name)
        if !agreed { terminal.say("Nothing was done.") }
        return agreed
    }
}
