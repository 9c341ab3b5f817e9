package import Live

/// How the loop goes, told more often than anybody would log it.
package enum Pulse: Sendable {
    /// The loop has come round.
    case alive
    /// `traffic`: what this pass has sent so far, whenever it is asked.
    case passBegan(traffic: @Sendable () -> Traffic)
    /// A new fleet file or the end of the service ended the pass early; no notice tells of it.
    case passCutShort
}

extension NoticeSink {
    // Most have no use for these.
    package func beat(_ pulse: Pulse) {}
    package func open(in state: StateDirectory) throws {}
    package func serve() async {}
    package func close() {}
}
