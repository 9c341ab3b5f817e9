import Foundation
import HTTPServer

/// `ssh` through `/exec` (facts/exedev.md §2.4): NDJSON frames as they come for who accepts them; else text with both streams mixed, 30 s at
/// most, and the exit status in a trailer.
extension ExecService {
    /// `ssh [-l user] [user@]vm [command…]`; nil when no VM is named, or when help is asked for.
    static func sshCall(_ words: [String]) -> (vm: String, command: String)? {
        var rest = words.dropFirst()
        while let flag = rest.first, flag.hasPrefix("-l") || flag == "--l" || flag.hasPrefix("--l=") || flag == "--json" {
            rest = rest.dropFirst(flag == "-l" || flag == "--l" ? 2 : 1)
        }
        if rest.first == "--" { rest = rest.dropFirst() } else if rest.first?.hasPrefix("-") == true { return nil }
        guard let target = rest.popFirst() else { return nil }
        return (target.split(separator: "@").last.map(String.init) ?? target, rest.joined(separator: " "))
    }

    func ssh(_ call: (vm: String, command: String), tag: String?, _ request: HTTPRequest, _ faults: Faults?, _ fault: Faults.Kind?) async
        -> HTTPResponse
    {
        guard let vm = await platform.vm(named: call.vm, tag: tag) else {
            return plain(.failure(422, AccountRefusal.notFound(call.vm).text))
        }
        guard vm.status(at: Date().timeIntervalSince1970) == .running else {
            return plain(.failure(422, "VM \"\(vm.name)\" is not running.\n\nTo see why it failed, run:\n  ssh exe.dev vm-logs \(vm.name)"))
        }
        guard await platform.machines.answersSSH(vm) else { return plain(.failure(422, "failed to connect to VM: connection refused")) }
        let session = RemoteSession(
            ssh: [
                "ssh", "-q", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=\(state.knownHosts)", "-o", "HostKeyAlias=exe.dev", "-o",
                "ConnectTimeout=10",
                "-o", "ServerAliveInterval=15",
                "-i", state.proxyKey, "-o", "IdentitiesOnly=yes", "-p", "\(platform.sshPort)", "exedev@\(vm.sshAddress)",
            ], command: call.command, heartbeat: faults?.heartbeatMilliseconds ?? 30000, fault: fault)
        let isNew = request.headers["accept"]?.contains("application/x-ndjson") == true
        return await withCheckedContinuation { continuation in
            // It reads from pipes for as long as the command runs.
            Thread.detachNewThread { session.run(asFrames: isNew) { continuation.resume(returning: $0) } }
        }
    }
}

extension Platform {
    /// As who sends the command sees it.
    func vm(named name: String, tag: String?) -> VirtualMachine? {
        account.hosts.first { $0.name == name && (tag.map($0.tags.contains) ?? true) }
    }
}
