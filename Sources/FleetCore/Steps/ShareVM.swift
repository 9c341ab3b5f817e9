import K3s

/// Sets who may reach a VM through exe.dev's HTTPS proxy.
package struct ShareVM: Step {
    package static let kind = StepKind.share
    package static let words = "share"

    package let node: String
    package let share: Share
    /// Users that we granted access and that lose it.
    package let revoking: [String]

    package init(node: String, _ share: Share, revoking: [String]) { (self.node, self.share, self.revoking) = (node, share, revoking) }

    package var detail: String { share.words + (revoking.isEmpty ? "" : ", no longer with " + revoking.joined(separator: ", ")) }
    package var target: StepTarget { .platform }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: (observed.shares[node] ?? record?.sharing.share)?.words ?? "not set by us", after: detail)
    }

    package func before(_ ledger: inout Ledger, now: Double) { ledger.sharingSent(node, grants: share.users) }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) {
        guard case .shared(let share) = outcome else { return }
        ledger.change(node) { $0.sharing = .known(share) }
    }

    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] { [.share] }
}
