import Foundation
import Glibc
import SSH
import Testing

/// Accepts connections on loopback, sends a given greeting and then nothing.
final class SilentHost: Sendable {
    let port: Int
    private let listener: Int32

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        (address.sin_family, address.sin_addr.s_addr) = (sa_family_t(AF_INET), UInt32(0x7f00_0001).bigEndian)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(isBound)
        (listener, port) = (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    deinit { close(listener) }

    /// Accepts one connection and sends the greeting. The connection stays open until the process ends.
    func greet(_ words: String) async -> Int32 {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [listener] in
                // A child that another test forks must not keep it open.
                let peer = accept(listener, nil, nil)
                _ = fcntl(peer, F_SETFD, FD_CLOEXEC)
                _ = words.withCString { send(peer, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
                continuation.resume(returning: peer)
            }
        }
    }

    var target: SSHTarget { SSHTarget(host: "127.0.0.1", port: port, user: "nobody") }
}

/// Ends a connection at once with a reset.
private func reset(_ peer: Int32) {
    var atOnce = linger(l_onoff: 1, l_linger: 0)
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &atOnce, socklen_t(MemoryLayout<linger>.size))
    close(peer)
}

/// Incidents of other tools (numbers as in facts/peers.md).
@Suite(.serialized, .timeLimit(.minutes(2))) struct IncidentTests {
    private static func client(connectTimeout: Duration = .milliseconds(500)) -> SSHClient {
        SSHClient(
            loop: SSHLoop(), keys: [], hostKeys: .knownHosts(KnownHosts("")), connectsPerMinute: 600, connectTimeout: connectTimeout)
    }

    private static func error(of body: () async throws(SSHError) -> ExecResult) async -> SSHError? {
        do throws(SSHError) {
            _ = try await body()
            return nil
        } catch {
            return error
        }
    }

    /// A connection that waits for its turn or for its host says so, and when that is over.
    @Test func whatIsWaitedForIsKnown() async throws {
        let (waits, said) = AsyncStream.makeStream(of: String.self)
        let client = SSHClient(
            loop: SSHLoop(), keys: [], hostKeys: .knownHosts(KnownHosts("")), connectsPerMinute: 1, connectTimeout: .milliseconds(2000)
        ) { what, seconds in
            // On a busy machine a part of the minute is over.
            said.yield("\(what), \(seconds > 2 && seconds <= 60 ? "up to a minute" : "\(Int(seconds)) s")")
            return { said.yield("over") }
        }
        let target = SSHTarget(host: "127.0.0.1", port: 1, user: "nobody")
        let attempts = Task {
            for _ in 0..<2 {
                _ = await Self.error { () async throws(SSHError) in
                    try await client.run(on: target, command: "true", stdin: [], deadline: .seconds(60), outputLimit: 100)
                }
            }
            said.finish()
        }
        var all: [String] = []
        for await wait in waits {
            all.append(wait)
            if wait.hasPrefix("the turn") { attempts.cancel() }
        }
        let (connects, turn) = ("an SSH connection to nobody@127.0.0.1:1, 2 s", "the turn to connect to nobody@127.0.0.1:1")
        #expect(all == [connects, "over", turn + ", by limits.connectsPerMinute, up to a minute", "over"])
    }

    /// A VM that boots: exe.dev's proxy accepts, and no sshd is behind it. It is waited for, and looks like no error.
    /// A relay ends it either way, and a close over what it did not read is a reset too.
    @Test(arguments: [false, true]) func aHostThatIsNotUpYetIsNoPuzzle(isReset: Bool) async throws {
        let host = try SilentHost()
        async let peer = host.greet("")
        let client = Self.client(connectTimeout: .seconds(30))
        async let error = Self.error { () async throws(SSHError) in
            try await client.run(on: host.target, command: "true", stdin: [], deadline: .seconds(60), outputLimit: 100)
        }
        if isReset { reset(await peer) } else { close(await peer) }
        let words = await error.map { "\($0)" } ?? "no error"
        #expect(words.hasSuffix(": the connection ended: nothing speaks SSH there yet"), "\(words)")
    }

    /// The kernel accepts the connection; the server sends nothing, or only its version.
    @Test("B19 a host that accepts and is silent hung the tool", arguments: ["", "SSH-2.0-silent\r\n", "SSH-2.0-"])
    func b19(greeting: String) async throws {
        let host = try SilentHost()
        async let peer = host.greet(greeting)
        let client = Self.client()
        let error = await Self.error { () async throws(SSHError) in
            try await client.run(on: host.target, command: "true", stdin: [], deadline: .seconds(60), outputLimit: 100)
        }
        guard case .timedOut(let target, let during)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(target.contains("\(host.port)") && during == "key exchange")
        #expect(error?.outcomeUnknown == false && error?.advice == nil, "nothing was sent: another try is safe")
        close(await peer)
        await client.closeAll()
    }

    /// Many at once: no silent host delays the others, and each ends at its own deadline.
    @Test("B19 one silent host held up the others") func b19Others() async throws {
        let silent = try SilentHost()
        let sshd = try RealSSHD()
        let client = try sshd.client()
        let hung = Task {
            await Self.error { () async throws(SSHError) in
                try await client.run(on: silent.target, command: "true", stdin: [], deadline: .seconds(60), outputLimit: 100)
            }
        }
        let result = try await client.sh(sshd.target, "echo well")
        #expect(result.stdout == Array("well\n".utf8))
        await client.closeAll()
        hung.cancel()
        #expect(await hung.value != nil)
    }

    /// The socket exists but no agent answers, as after the end of a forwarded agent.
    @Test("B19 an ssh-agent's socket that nobody serves hung the tool") func b19Agent() async throws {
        let folder = NSTemporaryDirectory() + "agent-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: (folder + "/s").utf8) }
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 && listen(listener, 8) == 0
            }
        }
        try #require(isBound)
        // On its own thread: the exchange blocks until its deadline.
        let error: KeyError? = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                do throws(KeyError) {
                    _ = try SSHAgent.keys(socket: folder + "/s")
                    continuation.resume(returning: nil)
                } catch {
                    continuation.resume(returning: error)
                }
            }
        }
        #expect(error?.description == "the ssh-agent at \(folder)/s does not answer")
    }

    /// The peer of an open connection dies between two commands, and during one.
    @Test("B13 an end of file on a kept connection could not be recovered from") func b13() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        _ = try await client.sh(sshd.target, "true")
        let before = client.connectionsOpened
        let error = await Self.error { () async throws(SSHError) in
            try await client.sh(sshd.target, "kill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat)")
        }
        guard case .disconnected(_, _, let wasSent)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(wasSent && error?.outcomeUnknown == true, "it may have run: it is not sent again")
        let again = try await client.sh(sshd.target, "echo well")
        #expect(again.stdout == Array("well\n".utf8) && client.connectionsOpened == before + 1)
        // Now it dies while idle: the next command opens a new connection and runs once.
        let pid = try await client.sh(sshd.target, "cut -d ' ' -f 4 /proc/$PPID/stat")
        let session = try #require(pid_t(String(decoding: pid.stdout, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)))
        kill(session, SIGKILL)
        let counted = try await client.sh(sshd.target, "echo once >>\(sshd.folder)/counted; wc -l <\(sshd.folder)/counted")
        #expect(counted.stdout == Array("1\n".utf8) && client.connectionsOpened == before + 2)
        await client.closeAll()
    }
}
