import Foundation
import Glibc
import Testing

/// Where a test's server listens.
enum Place: Sendable {
    case tcp(UInt16)
    case unix(String)

    /// A listening socket and its place; a Unix socket if there is a path.
    static func listen(at path: String? = nil) throws -> (descriptor: Int32, place: Place) {
        let place = path.map { Place.unix($0) } ?? .tcp(0)
        let descriptor = place.socket()
        try #require(place.call(bind, descriptor) == 0 && Glibc.listen(descriptor, 128) == 0, "errno \(errno)")
        guard path == nil else { return (descriptor, place) }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
        }
        return (descriptor, .tcp(UInt16(bigEndian: address.sin_port)))
    }

    func connect() throws -> Client {
        let descriptor = socket()
        guard call(Glibc.connect, descriptor) == 0 else {
            let code = errno
            close(descriptor)
            throw Refused(code: code)
        }
        return Client(descriptor)
    }

    struct Refused: Error { var code: Int32 }

    /// Children of other tests must not inherit it: a listener in a child would outlive its server.
    private func socket() -> Int32 {
        switch self {
        case .tcp: Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        case .unix: Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        }
    }

    private func call(_ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32) -> Int32 {
        func call<Address>(_ address: Address) -> Int32 {
            withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body(descriptor, $0, socklen_t(MemoryLayout<Address>.size)) }
            }
        }
        switch self {
        case .tcp(let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            return call(address)
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
            return call(address)
        }
    }
}

/// One connection, with blocking reads: to be used `offPool`.
final class Client {
    struct Reply: Equatable {
        var status: Int
        var body: String
        /// Whether as many bytes came as were announced.
        var isWhole = true
    }

    private let descriptor: Int32
    private var pending: [UInt8] = []

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    func send(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    func send(_ method: String, _ path: String, body: String = "") {
        send("\(method) \(path) HTTP/1.1\r\nHost: test\r\nX-Test: yes\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    /// The next reply, or nil if the connection ends first.
    func reply() -> Reply? {
        let end = Array("\r\n\r\n".utf8)
        var at = pending.firstRange(of: end)
        while at == nil {
            guard fill() else { return nil }
            at = pending.firstRange(of: end)
        }
        let head = String(decoding: pending[..<at!.lowerBound], as: UTF8.self).lowercased().split(separator: "\r\n")
        pending.removeFirst(at!.upperBound)
        let announced = head.first { $0.hasPrefix("content-length:") }.flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
        while pending.count < announced, fill() {}
        let body = pending.prefix(announced)
        pending.removeFirst(body.count)
        return Reply(
            status: Int(head[0].split(separator: " ")[1]) ?? 0, body: String(decoding: body, as: UTF8.self),
            isWhole: body.count == announced)
    }

    /// Whether the server has closed the connection, without another byte.
    func hasEnded() -> Bool { pending.isEmpty && !fill() && pending.isEmpty }

    /// Everything until the server closes the connection.
    func rest() -> String {
        while fill() {}
        return String(decoding: pending, as: UTF8.self)
    }

    private func fill() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { return false }
        pending += chunk[..<count]
        return true
    }
}

/// Runs blocking work on its own thread: the handlers need the few threads of the concurrency pool.
func offPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}
