/// What came of asking a VM for its `share.probe`. Nothing of the body is kept.
package enum ShareAnswer: Sendable, Hashable {
    case status(Int)
    /// The proxy gave no answer.
    case silent(String)
    /// It could not be asked: no token could be signed.
    case unasked(String)

    package func fits(_ probe: ShareProbe) -> Bool { self == .status(probe.status) }
}
