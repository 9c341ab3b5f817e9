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
            .flag("yes", "do not ask"), .flag("cancel", "take back what was asked for and is not begun"),
            .value("timeout", "seconds until waiting ends (default 1800)"), .ignoreWindow,
            .flag("ignore-pause", "although the fleet is held by pause"),
        ]
    ) { arguments, terminal in
        guard !arguments.operands.isEmpty else { throw UsageError("which node? exedev-k8s replace NODE") }
        let context = try CommandContext.open(arguments, terminal)
        try context.requireWanted(arguments.operands)
        if arguments.has("cancel") {
            let wasAsked = try context.state.withdrawReplacement(of: arguments.operands)
            terminal.say(wasAsked ? "Taken back." : "It was not asked for, or is begun already.")
            return .done
        }
        if FleetLock.isHeldByDaemon(in: context.state) { return try await leaveToDaemon(context, arguments, terminal) }
        return try await converge(context, replacing: arguments.operands, "replace", arguments, terminal)
    }

    /// A wish that cannot be fulfilled is not kept.
    static func refuse(_ replacing: [String], in plan: Plan) throws {
        for item in plan.items where replacing.contains(item.node) {
            guard case .blocked(let reason) = item.decision else { continue }
            throw Failure("\(item.node) cannot be replaced: \(reason.text)", advice: reason.advice)
        }
    }

    /// Shows the plan and asks, as if it were carried out here.
    private static func leaveToDaemon(_ context: CommandContext, _ arguments: Arguments, _ terminal: Terminal) async throws -> ExitStatus {
        for option in ["ignore-window", "ignore-pause"] where arguments.has(option) {
            throw Failure("a daemon keeps this fleet, which does not know --\(option)", advice: "stop it first: systemctl stop exedev-k8s")
        }
        let before = try await context.observe(context.ledger(terminal), replacing: arguments.operands)
        var document = context.document(before)
        document.replace = arguments.operands
        terminal.out(arguments.has("json") ? document.json : PlanText.render(before.plan))
        try refuse(before.pause, arguments, terminal)
        try refuse(arguments.operands, in: before.plan)
        guard try agrees(arguments, terminal) else { return .failed }
        try context.state.requestReplacement(of: arguments.operands, now: SystemClock().now)
        let opening = context.fleet.policy.opening(at: SystemClock().now)
        terminal.say(
            "Left to the daemon that keeps this fleet, which begins \(opening.map { "when the maintenance window opens, \($0.words)" } ?? "within seconds")"
                + "; see exedev-k8s status and history.")
        await context.world.close()
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
