import FleetCore
import Live

extension Verb {
    static let pause = Verb(
        name: "pause", summary: "hold the fleet: apply and the daemon change nothing until resume; works with a broken fleet file too",
        operands: "[options]",
        options: Arguments.Option.ofState + [.value("reason", "why, for whoever sees it in plan, status, log and events")]
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        let (name, state) = try held(arguments, terminal)
        if let pause = state.pause(), arguments.value("reason") == nil {
            terminal.say("The fleet \(name) is already \(pause.words).")
            return .done
        }
        try state.hold(because: arguments.value("reason"), now: SystemClock().now)
        terminal.say("The fleet \(name) is \(state.pause()?.words ?? "paused"). Steps under way are finished; resume ends it.")
        return .done
    }

    static let resume = Verb(
        name: "resume", summary: "end what pause began; the daemon goes on within seconds", operands: "[options]",
        options: Arguments.Option.ofState
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        let (name, state) = try held(arguments, terminal)
        let pause = state.pause()
        let wasHeld = try state.release()
        terminal.say(wasHeld ? "The fleet \(name) goes on; it was \(pause?.words ?? "paused")." : "The fleet \(name) is not paused.")
        return .done
    }

    /// A brake needs no more of the fleet file than the cluster's name.
    private static func held(_ arguments: Arguments, _ terminal: Terminal) throws -> (name: String, StateDirectory) {
        let file = arguments.value("file") ?? CommandContext.standardFile
        let name: String
        do {
            name = try CommandContext.readFleet(file, terminal).fleet.cluster.name
        } catch let unusable as UnusableFile {
            guard let cluster = unusable.cluster else { throw unusable }
            name = cluster
        }
        return (name, try StateDirectory(base: CommandContext.stateBase(arguments), cluster: name))
    }
}

extension FleetPause {
    /// What a verb says beside what it does.
    var notice: String { "PAUSED: the fleet is \(words). Nothing is changed until: exedev-k8s resume" }
}
