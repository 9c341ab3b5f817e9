import Daemon
import FleetCore
import FoundationEssentials
import Live

extension Verb {
    static let status = Verb(
        name: "status", summary: "show VMs, nodes, versions and drift, from the daemon if one runs; changes nothing",
        operands: "[options]", options: Arguments.Option.common + [.flag("live", "observe the fleet now, even if a daemon runs")]
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        func show(_ document: StatusDocument) { terminal.out(arguments.has("json") ? document.prettyJSON : document.text) }
        do {
            let answer = arguments.has("live") ? nil : try daemonsAnswer(arguments, terminal)
            let document = if let answer { answer } else { try await observe(arguments, terminal) }
            show(document)
            return .done
        } catch let file as UnusableFile {
            if let document = try await withoutFile(file, arguments, terminal) { show(document) }
            throw file
        }
    }

    /// What a daemon that runs on with the file before, or the ledger and exe.dev, say of the fleet.
    private static func withoutFile(_ file: UnusableFile, _ arguments: Arguments, _ terminal: Terminal) async throws -> StatusDocument? {
        let base = try CommandContext.stateBase(arguments)
        guard let broken = try BrokenFileStatus(name: file.cluster, base: base, problem: "\(file)") else { return nil }
        if !arguments.has("live"), let answer = daemonsAnswer(in: broken.state, terminal) { return answer }
        let ledger = try broken.state.loadLedger { terminal.say("WARNING: \($0)") }
        var vms: [ObservedVM]?
        do {
            let access = try PlatformAccess(
                tokenFile: arguments.value("token-file"), ssh: .ofControl(arguments), folder: FileManager.default.currentDirectoryPath,
                state: broken.state, environment: CommandContext.environment(arguments), waits: terminal.patience.waits)
            vms = try await LiveWorld.listVMs(access, waits: terminal.patience.waits)
        } catch {
            terminal.say("exe.dev's list cannot be shown: \(error)")
        }
        return broken.document(ledger, vms: vms, time: SystemClock().now)
    }

    private static func observe(_ arguments: Arguments, _ terminal: Terminal) async throws -> StatusDocument {
        let context = try CommandContext.open(arguments, terminal)
        let result = try await context.observe(context.ledger(terminal))
        await context.world.close()
        return StatusDocument(LastResult(result, fleet: context.fleet, time: SystemClock().now))
    }

    /// The status of the fleet's daemon on this machine; nil when none answers.
    private static func daemonsAnswer(_ arguments: Arguments, _ terminal: Terminal) throws -> StatusDocument? {
        let (_, fleet) = try CommandContext.readFleet(arguments.value("file") ?? "fleet.json", terminal)
        return daemonsAnswer(in: try StateDirectory(base: CommandContext.stateBase(arguments), cluster: fleet.cluster.name), terminal)
    }

    private static func daemonsAnswer(in state: StateDirectory, _ terminal: Terminal) -> StatusDocument? {
        do throws(EndpointClient.NoAnswer) {
            let reply = try EndpointClient.get("/status", at: Endpoint.socket(in: state))
            guard reply.status == 200 else { throw EndpointClient.NoAnswer(description: "the daemon has not observed the fleet yet") }
            guard let document = try? JSONDecoder().decode(StatusDocument.self, from: Data(reply.body)),
                let age = document.age(now: SystemClock().now)
            else { throw EndpointClient.NoAnswer(description: "the daemon is of another version than this program") }
            let changes = document.conditions.first { $0.type == .settled && $0.reason != "NodesNotSettled" }?.message ?? ""
            terminal.say("from the daemon, observed \(age) s ago (--live observes now)" + (changes.isEmpty ? "" : "; " + changes))
            return document
        } catch {
            terminal.say("\(error): observing now")
            return nil
        }
    }
}
