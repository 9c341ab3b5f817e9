import FleetCore
import Foundation
import Glibc
import K3s
import Live
import Testing

@testable import Daemon
@testable import HTTPServer

/// The files that an endpoint makes.
@Suite(.timeLimit(.minutes(1))) struct EndpointFileTests {
    private static func mode(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    private static func isThere(_ path: String) -> Bool {
        var facts = stat()
        return lstat(path, &facts) == 0
    }

    @Test func theSocketIsOursAloneAndGoesWithUs() async throws {
        let running = try Running()
        #expect(try Self.mode(running.socket) == 0o600)
        running.endpoint.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: running.state.path) == [])
        running.endpoint.close()
    }

    @Test func theSocketIsInTheRuntimeDirectoryWithALinkBesideTheLedger() async throws {
        let runtime = try Scratch()
        let running = try Running(runtime: runtime.path + ":/elsewhere")
        let socket = runtime.path + "/exedev-k8s.sock"
        #expect(try Self.mode(socket) == 0o600)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: running.socket) == socket)
        #expect(try await running.get("/metrics").status == 200)
        running.endpoint.close()
        #expect(!Self.isThere(socket) && !Self.isThere(running.socket))
    }

    /// What a killed daemon leaves: a socket that nobody listens on, here with a link to it.
    @Test func aDeadDaemonsSocketIsReplaced() async throws {
        let runtime = try Scratch()
        let socket = runtime.path + "/exedev-k8s.sock"
        close(try ListeningSocket.unix(socket))
        #expect(Self.isThere(socket) && UnixSocket.connect(socket) == nil)
        let running = try Running(runtime: runtime.path)
        #expect(try await running.get("/metrics").status == 200)
    }

    @Test func aLiveOnesIsNot() async throws {
        let runtime = try Scratch()
        let running = try Running(runtime: runtime.path)
        let other = try Scratch()
        let rival = Endpoint(version: "", listen: nil, environment: ["RUNTIME_DIRECTORY": runtime.path])
        #expect(throws: StateError.self) { try rival.open(in: try other.state()) }
        rival.close()
        #expect(try await running.get("/metrics").status == 200)
    }

    @Test func norIsAFileOfAnotherKind() throws {
        let scratch = try Scratch()
        let state = try scratch.state()
        try "mine".write(toFile: Endpoint.socket(in: state), atomically: false, encoding: .utf8)
        let endpoint = Endpoint(version: "", listen: nil, environment: [:])
        #expect(throws: StateError.self) { try endpoint.open(in: state) }
        #expect(try String(contentsOfFile: Endpoint.socket(in: state), encoding: .utf8) == "mine")
    }

    /// A successor's socket outlives the end of the process before it.
    @Test func onlyOurOwnSocketIsRemoved() async throws {
        let running = try Running()
        unlink(running.socket)
        let next = try ListeningSocket.unix(running.socket)
        defer { close(next) }
        running.endpoint.close()
        #expect(Self.isThere(running.socket))
    }

    @Test func aPortThatIsTakenLeavesNothingBehind() throws {
        let taken = try ListeningSocket.tcp(try ListenAddress(host: "127.0.0.1", port: 0, allowedUsers: []))
        defer { close(taken) }
        let scratch = try Scratch()
        let state = try scratch.state()
        let address = try ListenAddress(host: "127.0.0.1", port: ListeningSocket.port(of: taken), allowedUsers: [])
        let endpoint = Endpoint(version: "", listen: address, environment: [:])
        #expect(throws: StateError.self) { try endpoint.open(in: state) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: state.path) == [])
    }

    /// The kernel takes 107 bytes of a socket's path.
    @Test func aLongPathIsNoMatter() async throws {
        let scratch = try Scratch()
        let state = try StateDirectory(base: scratch.path + "/" + String(repeating: "long", count: 40), cluster: "demo")
        try state.create()
        let endpoint = Endpoint(version: "", listen: nil, environment: [:])
        try endpoint.open(in: state)
        defer { endpoint.close() }
        let socket = Endpoint.socket(in: state)
        #expect(try await offPool { try EndpointClient.get("/metrics", at: socket, timeoutSeconds: 300).status } == 200)
    }

    @Test func socketsAreNotInherited() throws {
        let scratch = try Scratch()
        let sockets = [
            try ListeningSocket.unix(scratch.path + "/s"),
            try ListeningSocket.tcp(try ListenAddress(host: "::1", port: 0, allowedUsers: [])),
        ]
        for socket in sockets {
            #expect(fcntl(socket, F_GETFD) == FD_CLOEXEC)
            close(socket)
        }
    }
}
