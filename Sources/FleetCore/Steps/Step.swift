package import K3s
package import Shell

/// One thing that can be done to a node. A step is one file that says everything of it; `Action` lists them.
package protocol Step: Sendable, Hashable {
    static var kind: StepKind { get }
    /// As an operator reads it.
    static var words: String { get }
    /// Seconds that its script may take.
    static var deadlineSeconds: Double { get }
    /// It runs for minutes on a server that is to answer other questions meanwhile, so it gets a connection of its own.
    static var usesOwnConnection: Bool { get }
    /// It takes something away from the fleet.
    static var isDestructive: Bool { get }
    /// Should its outcome be unknown, it may be sent again once the world was read again.
    static var mayRepeat: Bool { get }
    /// k3s starts there, or starts again.
    static var startsK3s: Bool { get }
    /// It may take a node down that serves: outside of the maintenance window it is not begun (`Planner.waitForWindow`).
    static var isDisruptive: Bool { get }

    /// The name of the node, and of its VM.
    var node: String { get }
    /// What the operator reads beside the words; may be empty.
    var detail: String { get }
    /// Where it is done.
    var target: StepTarget { get }
    /// Which limit of the fleet file it is granted from.
    var takes: LimitName? { get }

    /// What is sent to the host; nil for what exe.dev does.
    func script(_ context: ScriptContext) -> Script?
    /// For the audit log: how its subject was observed before, and how it shall be after.
    func change(_ observed: Observation, record: NodeRecord?) -> Change

    /// What the ledger learns before it is sent, so that a crash in between is observed by the next run. `now`: seconds since 1970.
    func before(_ ledger: inout Ledger, now: Double)
    /// Nothing was done: takes back an intent that would keep others waiting.
    func undone(_ ledger: inout Ledger)
    /// What the ledger learns from its good end.
    func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double)
    /// What its answer itself shows.
    func show(_ outcome: StepOutcome, in observed: inout Observation)
    /// Which observations say nothing any more.
    func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation]
}

extension Step {
    package static var deadlineSeconds: Double { 60 }
    package static var usesOwnConnection: Bool { false }
    package static var isDestructive: Bool { false }
    package static var mayRepeat: Bool { true }
    package static var startsK3s: Bool { false }
    package static var isDisruptive: Bool { false }

    package var detail: String { "" }
    package var takes: LimitName? { nil }
    package func script(_ context: ScriptContext) -> Script? { nil }
    package func before(_ ledger: inout Ledger, now: Double) {}
    package func undone(_ ledger: inout Ledger) {}
    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {}
    package func show(_ outcome: StepOutcome, in observed: inout Observation) {}
}

/// Where a step is done.
package enum StepTarget: Sendable, Hashable {
    /// By exe.dev.
    case platform
    /// On the node itself.
    case node
    /// By kubectl, on a server.
    case server
}

package enum StepOutcome: Sendable {
    case created(ObservedVM)
    case shared(Share)
    case drain(DrainReading)
    /// exe.dev took the new size; `approval`: but for the disk, which is to be approved first.
    case resized(approval: DiskApproval?)
    case done(output: String)
}

package enum StepEnd: Sendable, Hashable {
    case done
    /// `isUnknown`: it may have been done all the same.
    case failed(isUnknown: Bool)
}

package enum StaleObservation: Sendable, Hashable {
    /// The list of VMs.
    case vms
    /// A list that is on its way; the one that is known is mended by the answer.
    case vmListUnderWay
    /// What is known of the inside of the step's own VM.
    case host
    /// How the step's own VM is shared.
    case share
    /// The whole reading of the cluster.
    case cluster
    /// What the reading of the cluster says of the step's own node.
    case node
}

/// What a script needs beside its intent.
package struct ScriptContext: Sendable {
    package var releases: ReleaseSource
    /// Our clock, seconds since 1970; compared with the host's.
    package var now: Double

    package init(releases: ReleaseSource, now: Double) { (self.releases, self.now) = (releases, now) }
}

extension SecretName {
    /// The first server's token; a cluster's admin.
    package static let serverToken = SecretName(rawValue: "server-token")
    /// What agents join with.
    package static let agentToken = SecretName(rawValue: "agent-token")
    /// Never sent: the key of a digest.
    package static let registriesKey = SecretName(rawValue: "registries-key")
    package static let tailscaleAuthKey = SecretName(rawValue: "tailscale-auth-key")
}
