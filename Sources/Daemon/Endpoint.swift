import Glibc
import HTTPServer
package import Live
package import Reconciler
import Synchronization

/// The daemon over HTTP: `/metrics`, `/healthz`, `/readyz` and `/status`, on a Unix socket in the fleet's directory and optionally on a port.
package final class Endpoint: NoticeSink {
    private let version: String
    private let listen: ListenAddress?
    private let runtimeDirectory: String?
    private let name: String
    private let clock: any WallClock
    private let fleetStatus = Mutex(FleetStatus())
    private let served = Mutex(Served())

    private struct Served {
        var servers: [HTTPServer] = []
        var files: [OwnFile] = []
        var port: UInt16?

        mutating func end() {
            for server in servers { server.stop() }
            for file in files { file.remove() }
            self = Served()
        }
    }

    /// With a runtime directory (systemd's `RuntimeDirectory=`) the socket is `name`.sock in it, and the fleet's directory has a link to it.
    package init(
        version: String, listen: ListenAddress?, environment: [String: String], name: String = "exedev-k8s",
        clock: any WallClock = SystemClock()
    ) {
        (self.version, self.listen, self.name, self.clock) = (version, listen, name, clock)
        // The unit's own directory comes first.
        runtimeDirectory = environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first.map(String.init)
    }

    /// The path at which programs on this machine find the daemon of a fleet.
    package static func socket(in state: StateDirectory) -> String { state.path + "/daemon.sock" }

    /// The port that it listens on.
    var port: UInt16? { served.withLock { $0.port } }

    /// Requires the fleet's lock.
    package func open(in state: StateDirectory) throws {
        try served.withLock { served in
            do {
                let place = Self.socket(in: state)
                let socket = runtimeDirectory.map { $0 + "/\(name).sock" } ?? place
                served.servers.append(try serve(try ListeningSocket.unix(socket), nil))
                served.files.append(OwnFile(socket))
                if socket != place { served.files.append(try OwnFile(linkAt: place, to: socket)) }
                guard let listen else { return }
                let descriptor = try ListeningSocket.tcp(listen)
                served.port = ListeningSocket.port(of: descriptor)
                served.servers.append(try serve(descriptor, listen))
            } catch {
                served.end()
                throw error
            }
        }
    }

    package func close() { served.withLock { $0.end() } }

    /// `address`: nil on the Unix socket, where the file's mode controls access.
    private func serve(_ descriptor: Int32, _ address: ListenAddress?) throws(HTTPServerError) -> HTTPServer {
        // The server keeps this alive until `close`.
        try HTTPServer(listeningOn: descriptor, bodyLimit: 1024) { [self] request in
            if let address, let refusal = request.refusal(allowedUsers: address.allowedUsers) { return refusal }
            let uptime = clock.uptime
            return fleetStatus.withLock { $0 }.answer(request, uptime: uptime, version: version)
        }
    }

    package func note(_ notice: Notice) {
        let (now, uptime) = (clock.now, clock.uptime)
        fleetStatus.withLock { $0.note(notice, now: now, uptime: uptime) }
    }

    package func beat(_ pulse: Pulse) {
        let (now, uptime) = (clock.now, clock.uptime)
        fleetStatus.withLock { $0.beat(pulse, now: now, uptime: uptime) }
    }
}

/// A file of ours. It is removed only while its path still leads to it.
private struct OwnFile: Sendable {
    private let path: String
    private let identity: [UInt64]?

    init(_ path: String) { (self.path, identity) = (path, Self.identity(path)) }

    /// A symbolic link; replaces an existing one.
    init(linkAt path: String, to target: String) throws(StateError) {
        let new = path + ".new"
        unlink(new)
        guard symlink(target, new) == 0, rename(new, path) == 0 else {
            throw StateError("\(path): \(String(cString: strerror(errno)))", advice: nil)
        }
        self.init(path)
    }

    func remove() {
        guard identity != nil, Self.identity(path) == identity else { return }
        unlink(path)
    }

    private static func identity(_ path: String) -> [UInt64]? {
        var facts = stat()
        return lstat(path, &facts) == 0 ? [UInt64(facts.st_dev), UInt64(facts.st_ino)] : nil
    }
}
