import CLibssh2
import Dispatch
import FoundationEssentials
import Glibc
import Synchronization

/// Is told what is waited for, and for how many seconds at most. What it returns is called when that is over.
package typealias WaitObserver = @Sendable (_ what: String, _ seconds: Double) -> @Sendable () -> Void

/// Keeps one session, and one TCP connection, open for each target. Connection attempts are rate-limited.
package actor SSHClient {
    private let loop: SSHLoop
    private let access: SSHAccess
    private var pace: Pace
    private var sessions: [SSHTarget: SSHSession] = [:] {
        didSet { kept.store(sessions.count, ordering: .relaxed) }
    }
    /// Connection attempts in progress, so that two commands for one host share one.
    private var connecting: [SSHTarget: [CheckedContinuation<Void, Never>]] = [:]
    private nonisolated let opened = Atomic<Int>(0)
    private nonisolated let kept = Atomic<Int>(0)
    private let connectTimeout: Duration
    private let waiting: WaitObserver

    /// `connectsPerMinute`: exe.dev drops SYNs for minutes after a burst (facts/exedev.md §5, Apr 2026). `connectTimeout`: how long a host may take
    /// until it is logged in to.
    package init(
        loop: SSHLoop, keys: [UserKey], hostKeys: HostKeyRule, connectsPerMinute: Int, connectTimeout: Duration = .seconds(30),
        waiting: @escaping WaitObserver = { _, _ in {} }
    ) {
        self.init(
            loop: loop, access: SSHAccess(keys: KeyRing(keys), hostKeys: hostKeys), connectsPerMinute: connectsPerMinute,
            connectTimeout: connectTimeout, waiting: waiting)
    }

    /// `access`: of a host for which `run` is given none; without it such a host is not entered.
    package init(
        loop: SSHLoop, access: SSHAccess = SSHAccess(keys: KeyRing([]), hostKeys: .knownHosts(KnownHosts(""))), connectsPerMinute: Int,
        connectTimeout: Duration = .seconds(30), waiting: @escaping WaitObserver = { _, _ in {} }
    ) {
        (self.loop, self.access, self.connectTimeout, self.waiting) = (loop, access, connectTimeout, waiting)
        pace = Pace(perMinute: max(1, connectsPerMinute))
    }

    package nonisolated var connectionsOpened: Int { opened.load(ordering: .relaxed) }

    /// Number of open sessions. A session that died silently counts until its next use.
    package nonisolated var sessionsKept: Int { kept.load(ordering: .relaxed) }

    /// Runs a command of a POSIX shell, never twice. It must not `exec`, because the shell reports success after it. Sends nothing if `gate`
    /// returns false right before sending. `endsInput`: else its standard input stays open until it has ended or the connection has.
    /// `isOfShell`: false for a server that is none, as exe.dev's lobby; then nothing proves that an answer of status 0 is whole.
    /// `aside`: on a connection of its own, which no other command waits for. `access`: for the first connection to a host that is entered
    /// in its own way.
    package func run(
        on target: SSHTarget, access: SSHAccess? = nil, command: String, isOfShell: Bool = true, stdin: [UInt8], endsInput: Bool = true,
        deadline: Duration, outputLimit: Int, aside: Bool = false,
        gate: @escaping @Sendable () -> Bool = { true }
    ) async throws(SSHError) -> ExecResult {
        func run(in session: SSHSession) async throws(SSHError) -> ExecResult {
            let isOver = waiting("an answer of \(target) over SSH", Double(deadline.components.seconds))
            defer { isOver() }
            return try await session.run(
                command, isOfShell: isOfShell, stdin: stdin, endsInput: endsInput, seconds: deadline, outputLimit: outputLimit, gate: gate)
        }
        if aside {
            let session = try await connect(target, access)
            do throws(SSHError) {
                let result = try await run(in: session)
                await session.close()
                return result
            } catch {
                await session.close()
                throw error
            }
        }
        let session = try await session(for: target, access)
        do throws(SSHError) {
            return try await run(in: session)
        } catch {
            await forget(session, target)
            // The open connection had died silently and nothing was sent, so one more attempt is safe.
            guard case .disconnected(_, _, false) = error else { throw error }
        }
        let next = try await self.session(for: target, access)
        do throws(SSHError) {
            return try await run(in: next)
        } catch {
            await forget(next, target)
            throw error
        }
    }

    /// Runs a command, or with none the login's shell, and passes its streams on until it ends. See `SSHSession.stream`.
    /// `isOfShell`: as of `run`.
    package func stream(
        on target: SSHTarget, access: SSHAccess? = nil, command: String?, isOfShell: Bool = true, terminal: SSHTerminal? = nil,
        input: SSHInput,
        write: @escaping @Sendable (ArraySlice<UInt8>, Bool) -> Void
    ) async throws(SSHError) -> ExecResult {
        let session = try await session(for: target, access)
        return try await session.stream(command, isOfShell: isOfShell, terminal: terminal, input: input, write: write)
    }

    /// Closes the session of a host that no longer exists.
    package func close(_ target: SSHTarget) async {
        await sessions.removeValue(forKey: target)?.close()
    }

    /// Removes a session that ended, unless a new one has replaced it.
    private func forget(_ session: SSHSession, _ target: SSHTarget) async {
        if await !session.isAlive, sessions[target] === session { sessions[target] = nil }
    }

    package func closeAll() async {
        for session in sessions.values { await session.close() }
        sessions = [:]
    }

    private func session(for target: SSHTarget, _ access: SSHAccess?) async throws(SSHError) -> SSHSession {
        while connecting[target] != nil || sessions[target] != nil {
            if connecting[target] != nil {
                await withCheckedContinuation { connecting[target]?.append($0) }
            } else if let session = sessions[target] {
                if await session.isAlive { return session }
                await forget(session, target)
            }
        }
        connecting[target] = []
        defer { for waiter in connecting.removeValue(forKey: target) ?? [] { waiter.resume() } }
        let session = try await connect(target, access)
        sessions[target] = session
        return session
    }

    private func connect(_ target: SSHTarget, _ access: SSHAccess?) async throws(SSHError) -> SSHSession {
        let wait = pace.take(now: monotonicNanoseconds())
        if wait > 0 {
            let isOver = waiting("the turn to connect to \(target), by limits.connectsPerMinute", Double(wait) / 1e9)
            defer { isOver() }
            do { try await Task.sleep(for: .nanoseconds(Int64(wait))) } catch { throw .cancelled(commandSent: false) }
        }
        let isOver = waiting("an SSH connection to \(target)", Double(connectTimeout.components.seconds))
        defer { isOver() }
        let access = access ?? self.access
        // The program that carries the stream resolves the name, maybe where only it can.
        let address = access.way == nil ? try await Address.resolve(target.host, port: target.port) : nil
        let session = SSHSession(loop: loop, target: target)
        opened.add(1, ordering: .relaxed)
        try await session.connect(access, to: address, deadline: .deadline(connectTimeout))
        return session
    }
}

/// A token bucket: a burst of ten, then one start every so often.
struct Pace {
    private let interval: UInt64
    private let burst: UInt64
    /// When the bucket is full again.
    private var full: UInt64 = 0

    init(perMinute: Int) {
        interval = 60_000_000_000 / UInt64(perMinute)
        burst = UInt64(min(10, perMinute))
    }

    /// Nanoseconds to wait before the next start; the start is booked.
    mutating func take(now: UInt64) -> UInt64 {
        full = max(full, now) + interval
        let ahead = full - now
        return ahead > interval * burst ? ahead - interval * burst : 0
    }
}

/// A resolved socket address.
struct Address: Sendable {
    private var bytes: [UInt8]

    var family: Int32 { bytes.withUnsafeBytes { Int32($0.loadUnaligned(as: sa_family_t.self)) } }

    func connect(_ descriptor: Int32) -> Int32 {
        bytes.withUnsafeBytes { Glibc.connect(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) }
    }

    /// Resolves names on another thread than the loop's: the resolver blocks.
    static func resolve(_ host: String, port: Int) async throws(SSHError) -> Address {
        let result: Result<Address, SSHError> = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: resolve(host, port)) }
        }
        return try result.get()
    }

    private static func resolve(_ host: String, _ port: Int) -> Result<Address, SSHError> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard code == 0, let first = list?.pointee, let address = first.ai_addr else {
            return .failure(.unresolved(host: host, reason: String(cString: gai_strerror(code))))
        }
        return .success(Address(bytes: Array(UnsafeRawBufferPointer(start: address, count: Int(first.ai_addrlen)))))
    }
}

func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
