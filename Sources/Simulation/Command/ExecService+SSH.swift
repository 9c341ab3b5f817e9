import Dispatch
import Foundation
import HTTPServer
import Spawn

/// `ssh` through `/exec` (facts/exedev.md §2.4): the newer format, NDJSON whose frames come when the command has ended, for who accepts it; else
/// text with both streams mixed and 30 s at most. Its exit status is a trailer at exe.dev; here it is a header.
extension ExecService {
    /// `ssh [-l user] [user@]vm [command…]`; nil when no VM is named.
    static func sshCall(_ words: [String]) -> (vm: String, command: String)? {
        var rest = words.dropFirst()
        if rest.first == "-l" { rest = rest.dropFirst(2) }
        if rest.first == "--" { rest = rest.dropFirst() }
        guard let target = rest.popFirst() else { return nil }
        return (target.split(separator: "@").last.map(String.init) ?? target, rest.joined(separator: " "))
    }

    func ssh(_ call: (vm: String, command: String), tag: String?, _ request: HTTPRequest) async -> Reply {
        guard let vm = await platform.vm(named: call.vm, tag: tag) else { return .failure(422, AccountRefusal.notFound(call.vm).text) }
        guard vm.status(at: Date().timeIntervalSince1970) == .running else {
            return .failure(422, "VM \"\(vm.name)\" is not running.\n\nTo see why it failed, run:\n  ssh exe.dev vm-logs \(vm.name)")
        }
        guard await platform.machines.answersSSH(vm) else { return .failure(422, "failed to connect to VM: connection refused") }
        let isNew = request.headers["accept"]?.contains("application/x-ndjson") == true
        guard let ended = await run(call.command, on: vm, seconds: isNew ? 600 : 30) else {
            return .failure(422, "failed to run command on VM")
        }
        // What `timeout` ends with.
        if !isNew, ended.status == 124 { return .failure(504, "command timed out") }
        guard isNew else {
            let body = String(decoding: ended.out + ended.err, as: UTF8.self)
            return Reply(status: 200, headers: ["Content-Type": "text/plain", "X-Exe-Exit": "\(ended.status)"], body: body)
        }
        let frames =
            Self.frames("stdout", ended.out) + Self.frames("stderr", ended.err) + [.object([("exit_code", .number(Int(ended.status)))])]
        return .lines(frames)
    }

    private static func frames(_ name: String, _ bytes: Data) -> [JSON] {
        stride(from: 0, to: bytes.count, by: 32768).map { start in
            .object([(name, .string(bytes[start..<min(start + 32768, bytes.count)].base64EncodedString()))])
        }
    }

    private func run(_ command: String, on vm: VirtualMachine, seconds: Int) async -> (status: Int32, out: Data, err: Data)? {
        let stem = state.path + "/ssh-" + UUID().uuidString
        defer { for end in [".out", ".err"] { try? FileManager.default.removeItem(atPath: stem + end) } }
        let script = """
            exec timeout "$1" ssh -q -o BatchMode=yes -o UserKnownHostsFile="$2" -o HostKeyAlias=exe.dev -i "$3" -p "$4" "exedev@$5" "$6" \
            >"$7.out" 2>"$7.err" </dev/null
            """
        let words = [
            "-c", script, "sh", "\(seconds)", state.knownHosts, state.clientKey, "\(platform.sshPort)", vm.sshAddress, command, stem,
        ]
        let status: Int32? = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: (try? Subprocess.run("sh", words))?.status) }
        }
        guard let status, let out = FileManager.default.contents(atPath: stem + ".out") else { return nil }
        return (status, out, FileManager.default.contents(atPath: stem + ".err") ?? Data())
    }
}

extension Platform {
    /// As who sends the command sees it.
    func vm(named name: String, tag: String?) -> VirtualMachine? {
        account.hosts.first { $0.name == name && (tag.map($0.tags.contains) ?? true) }
    }
}
