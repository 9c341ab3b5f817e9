package import K3s

/// What a host told, or why it told nothing, while its node does not report: why a wait takes so long.
package enum HostEvidence: Sendable, Hashable {
    /// SSH's words.
    case unreachable(String)
    /// `unit`: the name of k3s's unit there; `state`: nil when there is no such unit.
    case said(unit: String, state: UnitState?, isInOverlay: Bool, journal: String?)

    /// `role`: which unit is asked about.
    package init(_ host: ObservedHost, _ role: Role) {
        switch host {
        case .probed(let probe): self.init(probe, role)
        case .unreachable(let reason), .refused(let reason, _), .loginRefused(let reason, _): self = .unreachable(reason)
        }
    }

    init(_ probe: HostProbe, _ role: Role) {
        let state = probe.unit(role)
        self = .said(unit: role.unit, state: state, isInOverlay: probe.isInOverlay, journal: probe.journal)
    }

    /// One clause, as it stands behind a node's name.
    package var text: String {
        switch self {
        case .unreachable(let reason): "SSH: \(reason)"
        case .said(let unit, let state, let isInOverlay, let journal):
            "on its host \(unit) is \(state?.words ?? "not set up")" + (isInOverlay ? "" : ", the overlay is down")
                + (journal.map { ": \($0)" } ?? "")
        }
    }
}

extension NodeFacts {
    /// k3s does not run there, as the host itself says: nothing is lost by setting it up again.
    func isKnownDown(_ role: Role) -> Bool {
        guard let node, case .probed(let probe)? = host else { return false }
        return node.ready == .unknown && probe.unit(role)?.active != "active" || isStopped(role)
    }

    /// k3s of a server does not run there, as far as its host says.
    var isDown: Bool { unit(.server)?.active != "active" }

    /// Its k3s was stopped, or taken away, since it last said that it is ready.
    func isStopped(_ role: Role) -> Bool {
        guard case .probed(let probe)? = host, probe.isHalted(role) else { return false }
        return probe.unit(role)?.active != "active"
    }
}
