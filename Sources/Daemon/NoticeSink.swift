package import Live

/// Receives the notices of one fleet: the log, the endpoint, the webhook and hook. Called from several tasks at once. Calls must return
/// at once; a sink queues what takes time.
package protocol NoticeSink: Sendable {
    func note(_ notice: Notice)
    func beat(_ pulse: Pulse)
    /// Called once, when the fleet's lock is held. An error ends the daemon.
    func open(in state: StateDirectory) throws
    /// Runs the sink's own work until shortly after `close`.
    func serve() async
    /// No call follows this one.
    func close()
}
