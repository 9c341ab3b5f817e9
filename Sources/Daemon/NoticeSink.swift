package import Live

/// Somebody who is told what the daemon has to say: its log, its endpoint, its hooks. Told from several tasks at once, and never to wait:
/// what takes time is queued by the sink.
package protocol NoticeSink: Sendable {
    func note(_ notice: Notice)
    func beat(_ pulse: Pulse)
    /// Told once, when the fleet's lock is held; an error ends the daemon.
    func open(in state: StateDirectory) throws
    /// What it does beside being told, until it is closed and a little longer.
    func serve() async
    /// Nothing more will be told.
    func close()
}
