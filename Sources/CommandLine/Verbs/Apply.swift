import Daemon
import FleetCore
import Glibc
import Live
import Reconciler

extension Verb {
    static let apply = Verb(
        name: "apply",
        summary: "make the changes; ends when the fleet is settled (exit 0), blocked (1), deferred to its window (2) or timed out (3)",
        operands: "[PLANFILE] [options]",
        options: Arguments.Option.common + [
            .flag("yes", "do not ask"),
            .flag("unattended", "without an operator: when many VMs are gone at once, create none (implies --yes)"),
            .value("timeout", "seconds until waiting ends (default 1800)"), .ignoreWindow,
            .flag("ignore-pause", "although the fleet is held by pause"),
        ]
    ) { arguments, terminal in
        let planFile = try arguments.path()
        let saved = try planFile.map { file in
            guard let bytes = try StateDirectory.read(file) else { throw Failure("there is no plan \(file)") }
            return SavedPlan(file: file, document: try PlanDocument.read(String(decoding: bytes, as: UTF8.self), file: file))
        }
        let context = try CommandContext.open(arguments, terminal)
        return try await converge(context, saved, replacing: saved?.document.replace ?? [], "apply", arguments, terminal)
    }

    struct SavedPlan {
        let file: String
        let document: PlanDocument
    }

    /// `replacing`: nodes that are to be made again whatever is right with them.
    static func converge(
        _ context: CommandContext, _ saved: SavedPlan? = nil, replacing: [String], _ verb: String, _ arguments: Arguments,
        _ terminal: Terminal
    ) async throws -> ExitStatus {
        guard let timeout = Double(arguments.value("timeout") ?? "1800"), timeout > 0 else { throw UsageError("--timeout takes seconds") }
        let lock = try FleetLock(in: context.state, verb: verb)
        let status = try await converge(context, saved, replacing, verb, arguments, terminal, timeout: timeout)
        await context.world.close()
        _ = consume lock
        return status
    }

    private static func converge(
        _ context: CommandContext, _ saved: SavedPlan?, _ replacing: [String], _ verb: String, _ arguments: Arguments,
        _ terminal: Terminal, timeout: Double
    ) async throws -> ExitStatus {
        let ledger = try context.ledger(terminal)
        try context.state.store(ledger)
        let ignoresWindow = arguments.ignoresWindow(context.fleet, terminal)
        let before = try await context.observe(ledger, ignoresWindow: ignoresWindow, replacing: replacing)
        let document = context.document(before)
        let approval = try saved.map { try approve($0, document) }
        if !arguments.has("json") { terminal.out(PlanText.render(before.plan, opening: context.opening(arguments))) }
        guard !before.plan.isSettled else { return finish(before, context, arguments, terminal) }
        try refuse(before.pause, arguments, terminal)
        try refuse(replacing, in: before.plan)
        try context.requireToken(before.plan, terminal)
        context.tellQuota(before, terminal)
        guard try saved != nil || agrees(arguments, terminal) else { return .failed }
        let progress = ProgressLines(terminal: terminal)
        let clock = SystemClock()
        let audit = AuditLog(in: context.state, verb: verb, run: AuditRecord.newRun(), plan: document.basis)
        var reconciler = Reconciler(fleet: context.fleet, clock: clock, isAttended: !arguments.has("unattended")) {
            progress.show($0)
            audit.note($0)
        }
        if !replacing.isEmpty { try context.state.requestReplacement(of: replacing, now: clock.now) }
        (reconciler.ignoresWindow, reconciler.replacing) = (ignoresWindow, context.state.requestedReplacements(ledger))
        let stopSignal = StopSignal()
        let signals = Signals([SIGINT, SIGTERM]) { number in
            if stopSignal.isSet { Signals.end(by: number) }
            terminal.say("Stopping after the steps under way. The next signal ends them at once.")
            stopSignal.set()
        }
        let result = try await reconciler.converge(
            context.world, ledger: ledger, memory: arguments.has("ignore-pause") ? audit.unheld : audit, approved: approval,
            deadline: clock.now + timeout, stopSignal: stopSignal)
        withExtendedLifetime(signals) {}
        try context.state.forgetReplacements(begunIn: result.ledger, fleet: context.fleet)
        let status = finish(result, context, arguments, terminal)
        guard result.ranOutOfTime else { return status }
        for line in await LastWords.lines(of: result.plan, result.observed, context.fleet, in: context.world.reader) { terminal.say(line) }
        return status
    }

    static func refuse(_ pause: FleetPause?, _ arguments: Arguments, _ terminal: Terminal) throws {
        if let refusal = refusal(pause, isIgnored: arguments.has("ignore-pause")) { throw refusal }
        if let pause { terminal.say("The fleet is \(pause.words). --ignore-pause: this run goes on.") }
    }

    /// Nothing of a fleet that is held is changed without saying so.
    static func refusal(_ pause: FleetPause?, isIgnored: Bool) -> Failure? {
        guard let pause, !isIgnored else { return nil }
        return Failure("the fleet is \(pause.words)", advice: "end it: exedev-k8s resume; or pass --ignore-pause")
    }

    /// Refuses a saved plan when the fleet file or the observation has changed.
    private static func approve(_ saved: SavedPlan, _ now: PlanDocument) throws -> Reconciler.Approval {
        guard saved.document.basis == now.basis else {
            let replacing = (saved.document.replace ?? []).map { " --replace \($0)" }.joined()
            throw Failure(
                (["\(saved.file) is stale: the fleet file or the fleet has changed since it was made"] + now.causes(since: saved.document))
                    .joined(separator: "\n  "), advice: "plan again: exedev-k8s plan --out \(saved.file)\(replacing)")
        }
        return saved.document.approval
    }

    static func agrees(_ arguments: Arguments, _ terminal: Terminal) throws -> Bool {
        if arguments.has("yes") || arguments.has("unattended") { return true }
        guard terminal.inIsTerminal else {
            throw Failure("there is no terminal to ask on", advice: "pass --yes, or a plan made with plan --out")
        }
        let agreed = terminal.confirms("Apply this plan? Only yes is taken for yes:", answer: "yes")
        if !agreed { terminal.say("Nothing was done.") }
        return agreed
    }

    private static func finish(_ result: Reconciler.Result, _ context: CommandContext, _ arguments: Arguments, _ terminal: Terminal)
        -> ExitStatus
    {
        if arguments.has("json") { terminal.out(context.document(result).json) }
        let traffic = context.world.traffic
        if result.plan.isSettled {
            let sent = "\(traffic.requestCount) API requests, \(traffic.connections) SSH connections"
            terminal.say("Settled. \(result.effects) steps, \(sent).")
            return .done
        }
        terminal.say((result.plan.isDeferred ? "Deferred to the maintenance window:\n" : "Not settled:\n") + PlanText.render(result.plan))
        if result.plan.isDeferred { return .changes }
        let isBlocked = result.plan.items.contains { if case .blocked = $0.decision { true } else { false } }
        return isBlocked || !result.ranOutOfTime ? .failed : .stillWaiting
    }
}

extension Arguments.Option {
    static let ignoreWindow = flag("ignore-window", "also restart, drain and remove nodes outside of the maintenance window")
}

extension Arguments {
    /// Said where it makes a difference.
    func ignoresWindow(_ fleet: DesiredFleet, _ terminal: Terminal) -> Bool {
        guard has("ignore-window") else { return false }
        if let opening = fleet.policy.opening(at: SystemClock().now) {
            terminal.say("--ignore-window: the maintenance window is closed until \(opening.words), and nothing waits for it.")
        }
        return true
    }
}
