import Foundation
import Glibc
import Synchronization
import Testing

@testable import SSH

@Suite(.serialized) struct SSHTests {
    @Test(arguments: ["ed25519", "ecdsa", "ecdsa-384", "ecdsa-521", "rsa"])
    func runsAScript(keyType: String) async throws {
        let sshd = try RealSSHD(keyType: keyType)
        let client = try sshd.client()
        let result = try await client.sh(sshd.target, "echo out; echo err >&2; exit 7")
        #expect(String(decoding: result.stdout, as: UTF8.self) == "out\n")
        #expect(String(decoding: result.stderr, as: UTF8.self) == "err\n")
        #expect(result.exitStatus == 7 && result.signal == nil)
        await client.closeAll()
    }

    /// Nothing but the mark's own beginning is held back.
    @Test func aPromptPassesAtOnce() {
        for text in ["ready\n", "name? ", "", "a\u{1e}b"] {
            var end = EndOfStream(isProven: true)
            #expect(String(decoding: end.passes(Array(text.utf8)[...]), as: UTF8.self) == text)
        }
        var (end, out) = (EndOfStream(isProven: true), [UInt8]())
        for byte in Array("x\u{1e}__EXE".utf8) + EndOfStream.mark { out += end.passes([byte]) }
        #expect(String(decoding: out, as: UTF8.self) == "x\u{1e}__EXE" && end.isGood(ExecResult(exitStatus: 0)))
    }

    /// What a stream passed on.
    private final class Heard: Sendable {
        let bytes = Mutex<(out: [UInt8], err: [UInt8])>(([], []))
        func write(_ piece: ArraySlice<UInt8>, _ isError: Bool) {
            bytes.withLock { if isError { $0.err += piece } else { $0.out += piece } }
        }
        var out: String { String(decoding: bytes.withLock { $0.out }, as: UTF8.self) }
    }

    /// A pipe that holds `text` and is closed behind it.
    private static func input(_ text: String, isOpen: Bool = false) -> (input: SSHInput, end: Int32) {
        var ends: [Int32] = [-1, -1]
        _ = pipe(&ends)
        _ = Array(text.utf8).withUnsafeBytes { write(ends[1], $0.baseAddress, $0.count) }
        if !isOpen { close(ends[1]) }
        return (SSHInput(descriptor: ends[0]), ends[1])
    }

    @Test(arguments: [
        ("cat; echo err >&2", 0 as Int32?, "in\n", "err\n"), ("exit 7", 7, "", ""), ("exit 0", 0, "", ""), ("printf x; false", 1, "x", ""),
        ("printf '\\036__EXEDEV_END__\\nno'; exit 3", 3, "\u{1e}__EXEDEV_END__\nno", ""),
    ])
    func streamsBothWays(command: String, status: Int32?, out: String, err: String) async throws {
        let sshd = try RealSSHD()
        let (client, heard) = (try sshd.client(), Heard())
        _ = try await client.sh(sshd.target, "true")
        let result = try await client.stream(
            on: sshd.target, command: "sh -c '\(command.replacing("'", with: "'\\''"))'", input: Self.input("in\n").input
        ) { heard.write($0, $1) }
        #expect(result.exitStatus == status)
        #expect(heard.out == out && String(decoding: heard.bytes.withLock { $0.err }, as: UTF8.self) == err)
        await client.closeAll()
    }

    @Test func aSignalIsTold() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        _ = try await client.sh(sshd.target, "true")
        let result = try await client.stream(on: sshd.target, command: "kill -TERM $$", input: Self.input("").input) { _, _ in }
        #expect(result.exitStatus == nil && result.signal == "TERM")
        await client.closeAll()
    }

    @Test func streamsMuchAndAnswersWhileItsInputIsOpen() async throws {
        let sshd = try RealSSHD()
        let (client, heard) = (try sshd.client(), Heard())
        _ = try await client.sh(sshd.target, "true")
        let file = sshd.folder + "/much"
        let bytes = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        let descriptor = open(file, O_RDONLY)
        defer { close(descriptor) }
        let result = try await client.stream(on: sshd.target, command: "cat", input: SSHInput(descriptor: descriptor)) {
            heard.write($0, $1)
        }
        #expect(result.exitStatus == 0 && heard.bytes.withLock { $0.out } == bytes)
        // Nobody closes this one: the command ends by itself.
        let (input, end) = Self.input("line\n", isOpen: true)
        defer { close(end) }
        let second = Heard()
        let ended = try await client.stream(on: sshd.target, command: "sh -c 'read line; echo got $line'", input: input) {
            second.write($0, $1)
        }
        #expect(ended.exitStatus == 0 && second.out == "got line\n")
        await client.closeAll()
    }

    @Test func aTerminalHasItsSize() async throws {
        let sshd = try RealSSHD()
        let (client, heard) = (try sshd.client(), Heard())
        _ = try await client.sh(sshd.target, "true")
        let terminal = SSHTerminal(name: "xterm") { (columns: 101, rows: 33) }
        let result = try await client.stream(
            on: sshd.target, command: "stty size; exit 5", terminal: terminal, input: Self.input("").input
        ) { heard.write($0, $1) }
        #expect(result.exitStatus == 5 && heard.out == "33 101\r\n")
        await client.closeAll()
    }

    /// Connecting took so long that the command may no longer be sent.
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
        // A child's signal becomes the exit status of its shell.
        let child = try await client.sh(sshd.target, "kill -TERM $$")
        #expect(child.exitStatus == 128 + SIGTERM)
        await client.closeAll()
    }

    /// sshd closes an idle channel without an exit status; the command continues.
    @Test func aChannelThatWasCutIsNoGoodEnd() async throws {
        let sshd = try RealSSHD(options: "ChannelTimeout session:*=1s")
        let client = try sshd.client()
        let error = await #expect(throws: SSHError.self) { try await client.sh(sshd.target, "sleep 4; exit 7") }
        #expect(error?.outcomeUnknown == true, "\(String(describing: error))")
        #expect(try await client.sh(sshd.target, "echo well").stdout == Array("well\n".utf8))
        await client.closeAll()
    }

    /// A slow command on its own connection delays no other command.
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

    /// sshd closes the standard input of what runs on a connection that ends, and until then it stays open.
    @Test func inputStaysOpenUntilTheConnectionEnds() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        let (target, fifo) = (sshd.target, sshd.folder + "/fifo")
        _ = try await client.sh(target, "mkfifo \(fifo)")
        let script = Array("{ echo began >\(fifo); while read -r line; do :; done <&8; echo ended >\(fifo); } 8<&0 </dev/null\n".utf8)
        let cut = Task {
            try await client.run(
                on: target, command: "sh -s", stdin: script, endsInput: false, deadline: .seconds(60), outputLimit: 100, aside: true)
        }
        #expect(try await client.sh(target, "cat \(fifo)").stdout == Array("began\n".utf8))
        cut.cancel()
        #expect(try await client.sh(target, "cat \(fifo)").stdout == Array("ended\n".utf8))
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

    @Test func refusesAnUnknownHostAndSaysWhatIsMissing() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client(rule: .knownHosts(KnownHosts("")))
        for (alias, name) in [(nil, "[127.0.0.1]:\(sshd.port)"), ("exe.dev", "exe.dev")] {
            let target = SSHTarget(host: "127.0.0.1", port: sshd.port, user: sshd.target.user, hostKeyAlias: alias)
            let error = await #expect(throws: SSHError.self) { try await client.sh(target, "true") }
            guard case .hostKeyUnknown(_, let shown, let line)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(line == (try sshd.line(name)))
            #expect(error?.advice?.contains("ssh: {hostKeys: [\"\(shown)\"]}") == true && error?.advice?.hasSuffix(line) == true)
            // What the message says is enough.
            for rule in [HostKeyRule.fingerprints([shown]), .knownHosts(KnownHosts(line))] {
                let next = try sshd.client(rule: rule)
                #expect(try await next.sh(target, "echo well").stdout == Array("well\n".utf8))
                await next.closeAll()
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
