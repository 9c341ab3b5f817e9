/// What happened, in the past tense. The reconciler emits these; the code that shows or stores them decides how.
package enum Event: Sendable {
    case actionStarted(Action, Reason)
    case actionFinished(Action, seconds: Double)
    case actionFailed(Action, reason: String, retryIn: Double?)
    case outcomeUnknown(Action, reason: String)
    case readFailed(ReadTarget, reason: String)
    case waiting(node: String, Reason)
    case blocked(node: String, Reason)
    case nodeSettled(String)
    /// The ledger on disk was not as it should be, and what was done about it.
    case ledgerRemarked(String)
    /// What could be begun now and waits for its turn, for a free place or for the Lease; told whenever that changes.
    case actionsQueued([Action])
    /// The cluster's Lease is ours until then, in seconds on the monotonic clock; told again when it is renewed.
    case leaseTaken(until: Double)
    /// The Lease is not ours any more: it was given back, or is another one's.
    case leaseEnded
}
