import FleetCore
import K3s
import Live
import Reconciler
import Shell

extension Verb {
    static let replace = Verb(
        name: "replace", summary: "make nodes again with empty disks: drain, remove, create; shows the plan first (exit codes as apply)",
        operands: "NODE... [options]",
        options: Arguments.Option.common + [
            .flag("yes", "do not ask"), .value("timeout", "seconds until waiting ends (default 1800)"), .ignoreWindow,
            .flag("ignore-pause", "although the fleet is held by pause"),
        ]
    ) { arguments, terminal in
        guard !arguments.operands.isEmpty else { throw UsageError("which node? exedev-k8s replace NODE") }
        let context = try CommandContext.open(arguments, terminal)
        try context.requireWanted(arguments.operands)
        if FleetLock.isHeldByDaemon(in: context.state) { return try await leaveToDaemon(context, arguments, terminal) }
        return try await converge(context, replacing: arguments.operands, "replace", arguments, terminal)
    }

    /// Shows the plan and asks, as who carries it out himself.
    private static func leaveToDaemon(_ context: CommandContext, _ arguments: Arguments, _ terminal: Terminal) async throws -> ExitStatus {
        let before = try await context.observe(context.ledger(terminal), replacing: Set(arguments.operands))
        terminal.out(arguments.has("json") ? context.document(before).json : PlanText.render(before.plan))
        guard try agrees(arguments, terminal) else { return .failed }
        try context.state.requestReplacement(of: arguments.operands, now: SystemClock().now)
        terminal.say("The daemon that keeps this fleet begins within seconds; see exedev-k8s status and history.")
        return .changes
    }
}

extension CommandContext {
    /// Only what the fleet file asks for is made again.
    func requireWanted(_ nodes: [String]) throws {
        let known = fleet.nodes.map { $0.name }
        guard let stranger = nodes.first(where: { !known.contains($0) }) else { return }
        let hint = nearest(stranger, in: known).map { "did you mean \($0)?" } ?? "its nodes are named by: exedev-k8s status"
        throw Failure("the fleet file has no node \(OutsideText.line(stranger))", advice: hint)
    }
}
