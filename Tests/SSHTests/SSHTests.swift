import Foundation
import Glibc
import SSH
import Synchronization
import Testing

/// A real sshd on loopback, with keys of its own, ended with the value that holds it.
final class RealSSHD {
    let folder: String
    let port: Int
    private var process: pid_t = 0

    /// `options`: more lines of sshd_config.
    init(keyType: String = "ed25519", options: String = "") throws {
        folder = NSTemporaryDirectory() + "sshd-" + UUID().uuidString
        // Below the ports that connections of others are given.
        port = Int.random(in: 10000..<32000)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        for (name, type) in [("host", "ed25519"), ("user", keyType), ("stranger", "ed25519")] {
            try Self.run("/usr/bin/ssh-keygen", ["-q", "-t", type, "-N", "", "-C", name, "-f", "\(folder)/\(name)"])
        }
        let config = """
            Port \(port)
            ListenAddress 127.0.0.1
            HostKey \(folder)/host
            AuthorizedKeysFile \(folder)/user.pub
            PidFile none
            StrictModes no
            UsePAM no
            PermitRootLogin yes
            # Not the outermost shell: then bash reads no .bashrc of this machine, which may say something or take its time.
            SetEnv SHLVL=1
            \(options)

            """
        try config.write(toFile: folder + "/config", atomically: true, encoding: .utf8)
        try start()
    }

    private func start() throws {
        process = try Self.spawn("/usr/sbin/sshd", ["-D", "-E", folder + "/log", "-f", folder + "/config"])
    }

    private func stop() {
        if process > 0 {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
    }

    /// Another machine answers there from now on.
    func changeHostKey() throws {
        stop()
        for suffix in ["", ".pub"] {
            try FileManager.default.removeItem(atPath: "\(folder)/host\(suffix)")
            try FileManager.default.copyItem(atPath: "\(folder)/stranger\(suffix)", toPath: "\(folder)/host\(suffix)")
        }
        try start()
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Foundation's `Process` needs a run loop that a test's thread does not have.
    static func spawn(_ program: String, _ arguments: [String]) throws -> pid_t {
        var pid: pid_t = 0
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let code = posix_spawn(&pid, program, nil, nil, &words, environ)
        try #require(code == 0, "\(program) cannot be started: install openssh-server and openssh-client")
        return pid
    }

    static func run(_ program: String, _ arguments: [String]) throws {
        var status: Int32 = 0
        waitpid(try spawn(program, arguments), &status, 0)
        try #require(status == 0, "\(program) failed")
    }

    var target: SSHTarget { SSHTarget(host: "127.0.0.1", port: port, user: NSUserName()) }

    func knownHosts(_ key: String = "host") throws -> HostKeyRule {
        let words = try String(contentsOfFile: "\(folder)/\(key).pub", encoding: .utf8).split(separator: " ")
        return .knownHosts(KnownHosts("[127.0.0.1]:\(port) \(words[0]) \(words[1])\n"))
    }

    func client(key: String = "user", rule: HostKeyRule? = nil) throws -> SSHClient {
        SSHClient(
            loop: SSHLoop(), keys: [try UserKey.file("\(folder)/\(key)")], hostKeys: try rule ?? knownHosts(), connectsPerMinute: 600)
    }
}

extension SSHClient {
    /// sshd needs a moment to listen: a refused connection is tried again, a bounded number of times.
    func sh(_ target: SSHTarget, _ script: String, stdin: [UInt8]? = nil, command: String = "sh -eu -s", seconds: Int = 20)
        async throws(SSHError) -> ExecResult
    {
        for _ in 0..<200 {
            do throws(SSHError) {
                return try await run(
                    on: target, command: command, stdin: stdin ?? Array(script.utf8), deadline: .seconds(seconds), outputLimit: 32 << 20)
            } catch {
                guard case .notConnected = error else { throw error }
            }
            try? await Task.sleep(for: .milliseconds(20))
        }
        throw .timedOut(target: "\(target)", during: "starting sshd")
    }
}

@Suite(.serialized) struct SSHTests {
    @Test(arguments: ["ed25519", "ecdsa", "rsa"])
    func runsAScript(keyType: String) async throws {
        let sshd = try RealSSHD(keyType: keyType)
        let client = try sshd.client()
        let result = try await client.sh(sshd.target, "echo out; echo err >&2; exit 7")
        #expect(String(decoding: result.stdout, as: UTF8.self) == "out\n")
        #expect(String(decoding: result.stderr, as: UTF8.self) == "err\n")
        #expect(result.exitStatus == 7 && result.signal == nil)
        await client.closeAll()
    }

    /// Connecting took long, and the time of the command is over.
    @Test func sendsNothingWhenItsTimeIsOver() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        _ = try await client.sh(sshd.target, "true")
        let file = sshd.folder + "/was-here"
        let error = await #expect(throws: SSHError.self) {
            try await client.run(
                on: sshd.target, command: "sh -eu -s", stdin: Array("touch \(file)".utf8), deadline: .seconds(60), outputLimit: 1024,
                gate: { false })
        }
        #expect(error == .cancelled(commandSent: false) && error?.outcomeUnknown == false)
        _ = try await client.sh(sshd.target, "true")
        #expect(!FileManager.default.fileExists(atPath: file))
        await client.closeAll()
    }

    @Test func usesOneConnectionAgain() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        _ = try await client.sh(sshd.target, "true")
        let before = client.connectionsOpened
        for number in 0..<5 {
            let result = try await client.sh(sshd.target, "echo \(number)")
            #expect(result.stdout == Array("\(number)\n".utf8))
        }
        let target = sshd.target
        async let first = client.sh(target, "echo a")
        async let second = client.sh(target, "echo b")
        #expect(try await first.stdout == Array("a\n".utf8))
        #expect(try await second.stdout == Array("b\n".utf8))
        #expect(client.connectionsOpened == before && client.sessionsKept == 1)
        await client.closeAll()
        #expect(client.sessionsKept == 0)
    }

    @Test func carriesMuchBothWays() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        let bytes = (0..<(8 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
        let result = try await client.sh(sshd.target, "", stdin: bytes, command: "cat", seconds: 60)
        #expect(result.stdout == bytes && !result.truncated)
        await client.closeAll()
    }

    @Test func boundsWhatItKeeps() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        _ = try await client.sh(sshd.target, "true")
        let result = try await client.run(
            on: sshd.target, command: "head -c 100000 /dev/zero", stdin: [], deadline: .seconds(20), outputLimit: 1000)
        #expect(result.stdout.count == 1000 && result.truncated && result.exitStatus == 0)
        await client.closeAll()
    }

    @Test func reportsASignal() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        let result = try await client.sh(sshd.target, "kill -TERM $PPID")
        #expect(result.signal == "TERM" && result.exitStatus == nil)
        // That of a child is told by its shell.
        let child = try await client.sh(sshd.target, "kill -TERM $$")
        #expect(child.exitStatus == 128 + SIGTERM)
        await client.closeAll()
    }

    /// sshd closes a channel on which nothing was said for a while, and tells no exit status; the command goes on.
    @Test func aChannelThatWasCutIsNoGoodEnd() async throws {
        let sshd = try RealSSHD(options: "ChannelTimeout session:*=1s")
        let client = try sshd.client()
        let error = await #expect(throws: SSHError.self) { try await client.sh(sshd.target, "sleep 4; exit 7") }
        #expect(error?.outcomeUnknown == true, "\(String(describing: error))")
        #expect(try await client.sh(sshd.target, "echo well").stdout == Array("well\n".utf8))
        await client.closeAll()
    }

    /// What takes long on a connection of its own keeps nobody waiting.
    @Test func whatRunsAsideHoldsNobodyUp() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        _ = try await client.sh(sshd.target, "mkfifo \(sshd.folder)/fifo")
        let (target, fifo) = (sshd.target, sshd.folder + "/fifo")
        async let slow = client.run(
            on: target, command: "cat \(fifo)", stdin: [], deadline: .seconds(20), outputLimit: 4096, aside: true)
        _ = try await client.sh(target, "echo well >\(fifo)")
        let answer = try await slow
        #expect(String(decoding: answer.stdout, as: UTF8.self) == "well\n", "\(answer)")
        #expect(client.sessionsKept == 1)
        await client.closeAll()
    }

    @Test func manyThatFindAConnectionDeadShareTheNextOne() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        let before = try await client.sh(sshd.target, "cut -d ' ' -f 4 /proc/$PPID/stat")
        let session = try #require(pid_t(String(decoding: before.stdout, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)))
        let opened = client.connectionsOpened
        kill(session, SIGKILL)
        let target = sshd.target
        let answers = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for number in 0..<8 { group.addTask { try await client.sh(target, "echo \(number)").stdout } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(answers) == Set((0..<8).map { Array("\($0)\n".utf8) }))
        #expect(client.connectionsOpened == opened + 1 && client.sessionsKept == 1)
        await client.closeAll()
    }

    @Test func theFirstKeyIsRequiredFromThenOn() async throws {
        let sshd = try RealSSHD()
        let lines = Mutex<[String]>([])
        let trusted = TrustedHosts(KnownHosts("")) { line in lines.withLock { $0.append(line) } }
        let client = try sshd.client(rule: .trustOnFirstUse(trusted))
        _ = try await client.sh(sshd.target, "true")
        await client.closeAll()
        _ = try await client.sh(sshd.target, "true")
        await client.closeAll()
        let words = try String(contentsOfFile: "\(sshd.folder)/host.pub", encoding: .utf8).split(separator: " ")
        #expect(lines.withLock { $0 } == ["[127.0.0.1]:\(sshd.port) \(words[0]) \(words[1])"])
        try sshd.changeHostKey()
        let error = await #expect(throws: SSHError.self) { try await client.sh(sshd.target, "true") }
        guard case .hostKeyMismatch? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(lines.withLock(\.count) == 1)
    }

    @Test func aKeyThatCannotBeKeptIsNotTaken() async throws {
        struct Full: Error {}
        let sshd = try RealSSHD()
        let client = try sshd.client(rule: .trustOnFirstUse(TrustedHosts(KnownHosts("")) { _ in throw Full() }))
        let error = await #expect(throws: SSHError.self) { try await client.sh(sshd.target, "true") }
        guard case .hostKeyUnknown? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func refusesAWrongHostBeforeItLogsIn() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client(rule: sshd.knownHosts("stranger"))
        do {
            _ = try await client.sh(sshd.target, "true")
            Issue.record("it cannot succeed")
        } catch {
            guard case .hostKeyMismatch = error else {
                Issue.record("\(error)")
                return
            }
            #expect(error.advice != nil && !error.outcomeUnknown)
        }
    }

    @Test func refusesAnUnknownHost() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client(rule: .knownHosts(KnownHosts("")))
        do {
            _ = try await client.sh(sshd.target, "true")
            Issue.record("it cannot succeed")
        } catch {
            guard case .hostKeyUnknown = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func explainsARefusedLogin() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client(key: "stranger")
        do {
            _ = try await client.sh(sshd.target, "true")
            Issue.record("it cannot succeed")
        } catch {
            guard case .authenticationRefused = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func endsAStepAtItsDeadline() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        _ = try await client.sh(sshd.target, "true")
        do {
            _ = try await client.sh(sshd.target, "exec cat /dev/fd/0 >/dev/null; read line", command: "tail -f /dev/null", seconds: 1)
            Issue.record("it cannot succeed")
        } catch {
            guard case .deadlineExceeded = error else {
                Issue.record("\(error)")
                return
            }
            #expect(error.outcomeUnknown)
        }
        let again = try await client.sh(sshd.target, "echo well")
        #expect(again.stdout == Array("well\n".utf8))
        await client.closeAll()
    }
}

@Suite struct KnownHostsTests {
    static let key = Array(Data(base64Encoded: "AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4")!)
    static let other = Array(key.dropLast() + [1])
    static let text = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4 comment"

    @Test(arguments: [
        ("web.exe.xyz \(text)", KnownHosts.Verdict.match),
        ("*.exe.xyz \(text)", .match),
        ("w?b.exe.xyz,other \(text)", .match),
        ("*.exe.xyz,!web.exe.xyz \(text)", .unknown),
        ("[web.exe.xyz]:2222 \(text)", .unknown),
        ("# web.exe.xyz \(text)", .unknown),
        ("@revoked * \(text)\nweb.exe.xyz \(text)", .revoked),
        ("@cert-authority * \(text)", .unknown),
        ("", .unknown),
    ])
    func judges(file: String, verdict: KnownHosts.Verdict) {
        #expect(KnownHosts(file).verdict(host: "web.exe.xyz", port: 22, key: Self.key) == verdict)
    }

    @Test func anotherKeyIsAMismatch() {
        #expect(
            KnownHosts("web.exe.xyz " + Self.text).verdict(host: "web.exe.xyz", port: 22, key: Self.other)
                == .mismatch(expected: fingerprint(Self.key)))
    }

    @Test func readsHashedNames() throws {
        let file = NSTemporaryDirectory() + "known-" + UUID().uuidString
        defer { for suffix in ["", ".old"] { try? FileManager.default.removeItem(atPath: file + suffix) } }
        try "web.exe.xyz \(Self.text)\n[web.exe.xyz]:2222 \(Self.text)\n".write(toFile: file, atomically: true, encoding: .utf8)
        try RealSSHD.run("/usr/bin/ssh-keygen", ["-q", "-H", "-f", file])
        let known = KnownHosts(try String(contentsOfFile: file, encoding: .utf8))
        #expect(known.verdict(host: "web.exe.xyz", port: 22, key: Self.key) == .match)
        #expect(known.verdict(host: "web.exe.xyz", port: 2222, key: Self.key) == .match)
        #expect(known.verdict(host: "db.exe.xyz", port: 22, key: Self.key) == .unknown)
    }
}
