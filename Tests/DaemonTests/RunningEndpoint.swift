import Foundation
import Glibc
import Live
import Testing

@testable import Daemon

/// An endpoint with its own state directory. It ends with the test.
struct RunningEndpoint: ~Copyable {
    let scratch: Scratch
    let state: StateDirectory
    let clock: StillClock
    let endpoint: Endpoint

    init(_ listen: ListenAddress? = nil, runtime: String? = nil) throws {
        let clock = StillClock()
        let scratch = try Scratch()
        let state = try scratch.state()
        let environment = runtime.map { ["RUNTIME_DIRECTORY": $0] } ?? [:]
        let endpoint = Endpoint(version: "0.1.0", listen: listen, environment: environment, clock: clock)
        try endpoint.open(in: state)
        (self.clock, self.state, self.endpoint) = (clock, state, endpoint)
        self.scratch = scratch
    }

    deinit { endpoint.close() }

    var socket: String { Endpoint.socket(in: state) }

    func ask(_ request: String) async throws -> EndpointClient.Reply {
        let socket = socket
        return try await offPool { try EndpointClient.exchange(request, on: try #require(UnixSocket.connect(socket)), timeoutSeconds: 300) }
    }

    func get(_ path: String) async throws -> EndpointClient.Reply {
        let socket = socket
        return try await offPool { try EndpointClient.get(path, at: socket, timeoutSeconds: 300) }
    }

    /// A request to the port, with additional header lines.
    func get(_ path: String, port: UInt16, _ headers: String...) async throws -> EndpointClient.Reply {
        let request = (["GET \(path) HTTP/1.0"] + headers).joined(separator: "\r\n") + "\r\n\r\n"
        return try await offPool { try EndpointClient.exchange(request, on: try connected(port), timeoutSeconds: 300) }
    }
}

private func connected(_ port: UInt16) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let code = withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    guard code == 0 else {
        close(descriptor)
        throw POSIXError(.ECONNREFUSED)
    }
    return descriptor
}

/// Runs blocking work on its own thread: the endpoint needs the concurrency pool.
func offPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}

extension EndpointClient.Reply {
    var text: String { String(decoding: body, as: UTF8.self) }
}
