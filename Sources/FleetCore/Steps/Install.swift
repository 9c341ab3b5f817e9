package import K3s
package import Shell

/// Writes k3s's configuration and unit, and starts it where anything changed; does not wait for it to join.
package struct Install: Step {
    package static let kind = StepKind.install
    package static let words = "install k3s"
    package static let deadlineSeconds = 180.0
    package static let startsK3s = true
    package static let isDisruptive = true

    package let setup: NodeSetup
    /// Of `setup.meaning`.
    package let digest: String
    /// Of the binary that was staged there.
    package let version: K3sVersion

    package init(_ setup: NodeSetup, digest: String, version: K3sVersion) {
        (self.setup, self.digest, self.version) = (setup, digest, version)
    }

    package var node: String { setup.name }
    package var detail: String { "k3s \(version) \(setup.role.rawValue)" }
    package var target: StepTarget { .node }
    package var takes: LimitName? { .maxUnavailable }

    package func script(_ context: ScriptContext) -> Script? {
        HostScript.install(setup, serverToken: setup.role == .server ? .serverToken : nil, agentToken: .agentToken)
    }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(
            before: record?.configuration.words ?? observed.hostWords(node),
            after: "\(detail), configuration \(Change.short(digest))")
    }

    package func before(_ ledger: inout Ledger, now: Double) {
        // A server that joins founds nothing.
        if setup.role == .server, setup.serverAddress == nil { ledger.foundingSent(on: setup.name, setup.extra) }
        if setup.role == .server {
            ledger.serverConfigured(setup)
            ledger.serverChanges(at: now)
        }
        ledger.installSent(node, as: setup.role, at: now)
    }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        ledger.installed(node, digest: digest, entrance: setup.entrance)
        if setup.role == .server { ledger.serverChanges(at: now) }
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] {
        guard end == .done else { return [.host] }
        return setup.role == .server ? [.host, .cluster, .node] : [.host, .node]
    }
}
