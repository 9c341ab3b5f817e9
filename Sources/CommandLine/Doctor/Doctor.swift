import ExeDev
import FleetCore
import FoundationEssentials
import Live
import Tokens

extension Verb {
    static let doctor = Verb(
        name: "doctor", summary: "check everything from the fleet file to the hosts and say what to do (exit 0, or 1 when a check failed)",
        operands: "[options]", options: Arguments.Option.common
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        var doctor = Doctor(arguments: arguments, environment: try CommandContext.environment(arguments), waits: terminal.patience.waits)
        let isText = !arguments.has("json")
        await doctor.examine { if isText { terminal.out($0.text) } }
        if !isText { terminal.out(DoctorDocument(findings: doctor.findings).prettyJSON) }
        await doctor.world?.close()
        return doctor.findings.contains { $0.outcome == .failed } ? .failed : .done
    }
}

/// The output of `doctor --json`. `formatVersion` is raised when a field changes its meaning or is removed.
struct DoctorDocument: Encodable {
    var formatVersion = 1
    var findings: [Finding]
}

/// Walks from this machine to the cluster. Every check runs, whatever the others found; one that lacks its ground says so.
struct Doctor {
    let arguments: Arguments
    let environment: [String: String]
    let waits: Waits
    private(set) var findings: [Finding] = []
    private var tell: (Finding) -> Void = { _ in }

    // What checks learnt for later ones.
    var fleet: DesiredFleet?
    var token: ExeDevToken?
    var introduction: Introduction?
    /// How many VMs the account's plan allows, where exe.dev tells.
    var planLimit: Int?
    var context: CommandContext?
    var world: LiveWorld? { context?.world }
    var vms: [ObservedVM]?

    init(arguments: Arguments, environment: [String: String], waits: Waits) {
        (self.arguments, self.environment, self.waits) = (arguments, environment, waits)
    }

    mutating func examine(_ tell: @escaping (Finding) -> Void) async {
        self.tell = tell
        checkFleetFile()
        checkState()
        checkPrograms()
        checkToken()
        checkEndpoint()
        await checkAPI()
        checkClock()
        checkAccount()
        checkPermissions()
        checkLimits()
        await checkQuota()
        checkKeys()
        await checkHostKeys()
        checkSecrets()
        await checkHosts()
        await checkShareProbes()
        await checkPlan()
    }

    mutating func note(_ finding: Finding) {
        findings.append(finding)
        tell(finding)
    }

    var fleetFileName: String { arguments.value("file") ?? CommandContext.standardFile }

    /// Nil, and said, while the fleet file is unusable.
    mutating func known(_ check: DoctorCheck) -> DesiredFleet? {
        if fleet == nil { note(.skipped(check, "the fleet file cannot be used")) }
        return fleet
    }
}
