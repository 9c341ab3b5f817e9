import FleetCore
import FoundationEssentials
import Live
import Reconciler
import Shell

extension Verb {
    static let plan = Verb(
        name: "plan", summary: "say what apply would do; changes nothing (exit 0 settled, 2 changes pending, 1 error)",
        operands: "[options]",
        options: Arguments.Option.common + [
            .path("out", "also keep the plan in a file, for: exedev-k8s apply FILE"),
            .flag("scripts", "print the commands and scripts that would be sent"), .ignoreWindow,
            .list("replace", "also make this node again, as exedev-k8s replace would; repeatable"),
        ]
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        if let file = arguments.value("out") { try refuseOther(file) }
        let context = try CommandContext.open(arguments, terminal)
        let replacing = arguments.values("replace")
        try context.requireWanted(replacing)
        let result = try await context.observe(
            context.ledger(terminal), ignoresWindow: arguments.ignoresWindow(context.fleet, terminal), replacing: replacing)
        if let pause = result.pause { terminal.say(pause.notice) }
        var document = context.document(result)
        if !replacing.isEmpty { document.replace = replacing }
        if let file = arguments.value("out") { try StateDirectory.replace(file, with: Array((document.json + "\n").utf8)) }
        if arguments.has("scripts") { document.add(scripts: scripts(result, context)) }
        if arguments.has("json") {
            terminal.out(document.json)
        } else {
            terminal.out(PlanText.render(result.plan, opening: context.opening(arguments)))
            for node in document.nodes { if let script = node.script { terminal.out("\n# \(node.node)\n" + script) } }
        }
        context.tellToken(result.plan, terminal)
        context.tellQuota(result, terminal)
        await context.world.close()
        return result.plan.isSettled ? .done : .changes
    }

    /// Nothing but an earlier plan is replaced.
    private static func refuseOther(_ file: String) throws {
        guard let bytes = try StateDirectory.read(file), !bytes.isEmpty else { return }
        guard (try? JSONDecoder().decode(PlanDocument.Header.self, from: Data(bytes))) == nil else { return }
        throw Failure("\(file) exists and is not a plan", advice: "choose another name for --out")
    }

    /// The script of each node's first step.
    private static func scripts(_ result: Reconciler.Result, _ context: CommandContext) -> [String: String] {
        let facts = FleetFacts(fleet: context.fleet, observed: result.observed, ledger: result.ledger, now: SystemClock().now)
        let pairs = result.plan.actions.map { ($0.node, context.world.shown($0, facts: facts)) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }
}
