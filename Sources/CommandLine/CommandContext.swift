import FleetCore
import FoundationEssentials
import Glibc
import Live
import Reconciler

/// A fleet file with errors, which were reported.
struct UnusableFile: Error, CustomStringConvertible {
    let file: String
    /// Its cluster's name, if that much can be read.
    let cluster: String?

    var description: String { "\(file) has errors; nothing was done" }
}

/// What a verb works with: the declared fleet, its state directory and the world.
struct CommandContext {
    var fleetText: String
    var fleet: DesiredFleet
    var state: StateDirectory
    var world: LiveWorld

    static let standardFile = "fleet.json"

    static func open(_ arguments: Arguments, _ terminal: Terminal) throws -> CommandContext {
        try open(arguments, file: arguments.value("file") ?? standardFile, waits: terminal.patience.waits) { terminal.say("\($0)") }
    }

    /// `report` receives the problems of the fleet file. `needsKey`: throws while there is no usable SSH key.
    static func open(
        _ arguments: Arguments, file: String, waits: Waits = Waits(), needsKey: Bool = true, report: (Diagnostic) -> Void
    ) throws -> CommandContext {
        let (text, fleet) = try readFleet(file, report)
        let state = try StateDirectory(base: stateBase(arguments), cluster: fleet.cluster.name)
        let world = try LiveWorld(
            fleet: fleet, fleetFolder: folder(of: file), state: state, environment: environment(arguments),
            tokenFile: arguments.value("token-file"), waits: waits, needsKey: needsKey)
        return CommandContext(fleetText: text, fleet: fleet, state: state, world: world)
    }

    /// The fleet file, or all its problems.
    static func readFleet(_ file: String, _ terminal: Terminal) throws -> (text: String, fleet: DesiredFleet) {
        try readFleet(file) { terminal.say("\($0)") }
    }

    /// The fleet file, or all its problems, told to `report`.
    static func fleet(in file: String, _ report: (Diagnostic) -> Void) throws -> DesiredFleet { try readFleet(file, report).fleet }

    private static func readFleet(_ file: String, _ report: (Diagnostic) -> Void) throws -> (text: String, fleet: DesiredFleet) {
        guard let bytes = try StateDirectory.read(file) else {
            throw Failure("there is no file \(file)", advice: "name it with --file, or start from fleet.example.json")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let outcome = FleetFile.parse(text, file: file, zone: SystemTimeZones.rules)
        for diagnostic in Diagnostic.bounded(outcome.diagnostics) { report(diagnostic) }
        guard let fleet = outcome.fleet else { throw UnusableFile(file: file, cluster: outcome.clusterName) }
        return (text, fleet)
    }

    static var environment: [String: String] { OperatorPath.expanded(in: ProcessInfo.processInfo.environment) }

    /// With what an option says instead of a variable.
    static func environment(_ arguments: Arguments) throws -> [String: String] {
        guard let transport = try arguments.transport() else { return environment }
        return environment.merging(["EXE_DEV_TRANSPORT": transport.rawValue]) { $1 }
    }

    /// The folder of the fleets' state directories. Absolute at once: a relative path would mean another cluster in each working directory.
    static func stateBase(_ arguments: Arguments) throws -> String {
        OperatorPath.absolute(try chosenState(arguments), in: FileManager.default.currentDirectoryPath, home: environment["HOME"])
    }

    private static func chosenState(_ arguments: Arguments) throws -> String {
        // What is set to nothing is not set (XDG Base Directory Specification).
        let environment = environment.filter { !$0.value.isEmpty }
        if let path = arguments.value("state") ?? environment["STATE_DIRECTORY"] { return path }
        if let path = environment["XDG_STATE_HOME"] { return path + "/exedev-k8s" }
        guard let home = environment["HOME"] else { throw Failure("there is no $HOME", advice: "pass --state DIR") }
        return home + "/.local/state/exedev-k8s"
    }

    static func overlayKey(of fleet: DesiredFleet, file: String) -> OverlayKey {
        OverlayKey(overlay: fleet.cluster.overlay, folder: folder(of: file), environment: ProcessInfo.processInfo.environment)
    }

    static func folder(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return FileManager.default.currentDirectoryPath }
        return String(file[..<slash])
    }

    /// The fleet's ledger. Prints what the operator must know about its recovery.
    func ledger(_ terminal: Terminal) throws -> Ledger {
        try state.ledger(for: fleet) { terminal.say("WARNING: \($0)") }
    }

    /// Observes everything once and makes the plan; `inspects`: each host and each VM's sharing too. Writes nothing.
    /// `replacing`: nodes to be made again beside those that were asked for before.
    func observe(
        _ ledger: Ledger, inspects: Bool = true, ignoresWindow: Bool = false, replacing: [String] = []
    ) async throws -> Reconciler.Result {
        var reconciler = Reconciler(fleet: fleet, clock: SystemClock(), tell: { _ in })
        reconciler.ignoresWindow = ignoresWindow
        let now = SystemClock().now
        reconciler.replacing = state.requestedReplacements(ledger).merging(replacing.map { ($0, now) }) { before, _ in before }
        var result = try await reconciler.observe(world.reader, ledger: ledger, inspects: inspects)
        // What would be done stays to be seen.
        result.pause = state.pause()
        return result
    }

    /// Of the maintenance window that is closed now; nil when it is open, or not waited for.
    func opening(_ arguments: Arguments) -> WindowOpening? {
        arguments.has("ignore-window") ? nil : fleet.policy.opening(at: SystemClock().now)
    }

    func document(_ result: Reconciler.Result) -> PlanDocument {
        PlanDocument(
            result.plan, basis: PlanDocument.basis(of: result.plan, observed: result.observed, ledger: result.ledger, fleetText: fleetText),
            fleetText: fleetText, pause: result.pause)
    }
}

extension Arguments {
    /// How exe.dev is spoken to; nil where no option says.
    func transport() throws(UsageError) -> Transport? {
        guard let text = value("transport") else { return nil }
        do throws(StateError) { return try PlatformAccess.transport(text, name: "--transport") } catch {
            throw UsageError("\(error.message): \(error.advice ?? "")")
        }
    }
}
