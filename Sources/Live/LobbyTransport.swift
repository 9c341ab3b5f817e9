package import ExeDev
package import FleetCore
import FoundationEssentials
import Reconciler
package import SSH

/// exe.dev's lobby over SSH: `ssh exe.dev <command> --json`, which needs a registered key and no token. Statuses and errors are those of
/// `POST /exec`: what ended with a nonzero status is a 422, whose JSON stands on standard error (facts/exedev.md §1.1, §10.10).
package final class LobbyTransport: ExeDevTransport {
    private let entrance: Entrance
    private let client: SSHClient
    private let address: ObservedVM.Address

    /// `EXE_DEV_LOBBY` of the environment overrides `exe.dev:22`, as `[user@]host[:port]`.
    package init(_ ssh: SSHSettings, folder: String, state: StateDirectory, environment: [String: String], waits: Waits) throws {
        // A VM's login is not the lobby's, where any name will do.
        let settings = SSHSettings(keyFile: ssh.keyFile, user: nil, hostKeys: ssh.hostKeys, config: ssh.config)
        // The port of VMs is not that of the lobby.
        let own = environment.filter { $0.key != "EXE_DEV_SSH_PORT" }
        entrance = try Entrance(
            identity: Identity(settings: settings, folder: folder, state: state, environment: own), needsKey: true)
        client = SSHClient(loop: .shared, connectsPerMinute: 30, waiting: waits.begin)
        address = try Self.address(environment["EXE_DEV_LOBBY"] ?? Identity.proxy)
    }

    static func address(_ text: String) throws(StateError) -> ObservedVM.Address {
        let at = text.lastIndex(of: "@")
        let rest = at.map { text[text.index(after: $0)...] } ?? text[...]
        let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
        let port = parts.count == 2 ? Int(parts[1]) : nil
        guard !parts[0].isEmpty, parts.count == 1 || (parts.count == 2 && port.map { 1...65535 ~= $0 } == true) else {
            throw StateError("EXE_DEV_LOBBY is \(text)", advice: "write it [user@]host[:port]")
        }
        return ObservedVM.Address(host: String(parts[0]), port: port, user: at.map { String(text[..<$0]) })
    }

    package var credential: Credential? { Credential(place: "EXE_DEV_SSH_KEY, the agent or ~/.ssh", kind: .sshKey) }

    package func post(_ body: [UInt8], deadline: Duration) async throws(TransportFailure) -> HTTPReply {
        try await post(body, deadline: deadline, gate: { true })
    }

    package func post(_ body: [UInt8], deadline: Duration, gate: @escaping Gate) async throws(TransportFailure) -> HTTPReply {
        // Sent, it would end the connection, and nobody would know what it had done.
        guard body.count <= ExeDevCommand.mostBytes else { return Self.refusal(413, "the command has \(body.count) bytes") }
        let entry: Entrance.Entry
        do throws(EffectError) { entry = try await entrance.entry(to: address) } catch {
            throw TransportFailure(reason: error.message, wasSent: false)
        }
        do throws(SSHError) {
            let result = try await client.run(
                on: entry.target, access: entry.access, command: Self.asJSON(String(decoding: body, as: UTF8.self)), isOfShell: false,
                stdin: [],
                deadline: deadline, outputLimit: 8 << 20, gate: gate)
            return Self.reply(to: result)
        } catch {
            // As a token that is refused: no retry lets in.
            if case .authenticationRefused = error { return Self.refusal(401, "\(error)") }
            throw TransportFailure(reason: Self.words(error), wasSent: error.outcomeUnknown)
        }
    }

    /// A line of `ssh` as it is typed: what the program on the VM prints goes to `write`, with whether that is standard error. Returns its
    /// exit status. Throws when it came to no end: then what became of it is not known.
    package func run(
        _ command: ExeDevCommand, input: SSHInput, write: @escaping @Sendable (ArraySlice<UInt8>, Bool) -> Void
    ) async throws(ExeDevError) -> Int32 {
        let entry: Entrance.Entry
        do throws(EffectError) { entry = try await entrance.entry(to: address) } catch {
            throw .lost(verb: command.verb, reason: error.message, mayHaveHappened: false)
        }
        do throws(SSHError) {
            let result = try await client.stream(
                on: entry.target, access: entry.access, command: command.line, isOfShell: false, input: input, write: write)
            guard let status = result.exitStatus else {
                throw .disconnected(
                    target: "\(entry.target)", reason: "the command was ended by \(result.signal ?? "a signal")", commandSent: true)
            }
            return status
        } catch {
            if case .authenticationRefused = error { throw .tokenRefused("\(error)", credential) }
            throw .lost(verb: command.verb, reason: Self.words(error), mayHaveHappened: error.outcomeUnknown)
        }
    }

    /// With what to do, short enough that an error shows all of it.
    private static func words(_ error: SSHError) -> String {
        if case .hostKeyUnknown(_, _, let line) = error { return "\(error); if exe.dev publishes it, add to known_hosts: \(line)" }
        return "\(error)" + (error.advice.map { "; \($0)" } ?? "")
    }

    /// The flag stands before operands, of which some may follow `--`; what `ssh` runs on a VM is not the lobby's.
    static func asJSON(_ line: String) -> String {
        let parsed = LobbyLine(line)
        guard let first = parsed.words.first, !parsed.isRemote else { return line }
        let path = parsed.command?.path ?? first
        if line.hasPrefix(path) { return path + " --json" + line.dropFirst(path.count) }
        // Its first words are quoted, or stand apart.
        let words = path.split(separator: " ").map(String.init)
        return ExeDevCommand.typed(words + ["--json"] + parsed.words.dropFirst(words.count)).line
    }

    static func reply(to result: ExecResult) -> HTTPReply {
        guard let status = result.exitStatus else { return refusal(500, "the command was ended by \(result.signal ?? "a signal")") }
        guard status != 0 else { return HTTPReply(status: 200, headers: [:], body: result.stdout, isTruncated: result.truncated) }
        // Quota errors come as JSON on standard error, others may be anywhere.
        let hasJSON = { (bytes: [UInt8]) in bytes.contains(UInt8(ascii: "{")) }
        let said = hasJSON(result.stderr) || (!hasJSON(result.stdout) && !result.stderr.isEmpty) ? result.stderr : result.stdout
        let text = String(decoding: said.prefix(4000), as: UTF8.self)
        if text.contains("{") { return HTTPReply(status: 422, headers: [:], body: said, isTruncated: false) }
        return refusal(422, text.isEmpty ? "the command ended with status \(status)" : text)
    }

    private static func refusal(_ status: Int, _ text: String) -> HTTPReply {
        let body = (try? JSONEncoder().encode(["error": text])).map { [UInt8]($0) } ?? []
        return HTTPReply(status: status, headers: [:], body: body, isTruncated: false)
    }
}
