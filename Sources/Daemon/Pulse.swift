package import Live

/// The progress of the loop; too frequent for a log.
package enum Pulse: Sendable {
    /// The loop handled an event.
    case alive
    /// `traffic` returns what this pass has sent so far.
    case passBegan(traffic: @Sendable () -> Traffic)
    /// A new fleet file or the end of the service ended the pass early. There is no notice for it.
    case passCutShort
}

extension NoticeSink {
    // Most sinks do not need these.
    package func beat(_ pulse: Pulse) {}
    package func open(in state: StateDirectory) throws {}
    package func serve() async {}
    package func close() {}
}
