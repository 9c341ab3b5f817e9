import Digest
import FleetCore
import SSH

/// Our keys for a host, and how a host proves its identity.
enum Identity {
    /// The fleet file's key, `EXE_DEV_SSH_KEY`, or those of an ssh-agent and the first of the usual files of `~/.ssh`.
    static func keys(_ settings: SSHSettings, folder: String, environment: [String: String]) throws -> [UserKey] {
        if let file = settings.keyFile { return [try UserKey.file(path(file, folder, environment))] }
        if let file = environment["EXE_DEV_SSH_KEY"] { return [try UserKey.file(file)] }
        let agent = environment["SSH_AUTH_SOCK"].flatMap { try? SSHAgent.keys(socket: $0) } ?? []
        for name in ["id_ed25519", "id_ecdsa", "id_rsa"] {
            guard let home = environment["HOME"], try StateDirectory.read("\(home)/.ssh/\(name)") != nil else { continue }
            // An unusable file does not matter when the agent holds its key.
            if let key = try? UserKey.file("\(home)/.ssh/\(name)") { return agent + [key] }
            if agent.isEmpty { return [try UserKey.file("\(home)/.ssh/\(name)")] }
        }
        if !agent.isEmpty { return agent }
        throw StateError(
            "there is no SSH key",
            advice: "set ssh.keyFile in the fleet file, $EXE_DEV_SSH_KEY or $SSH_AUTH_SOCK; the key must be registered with exe.dev")
    }

    /// This machine's name and a digest of the state directory's path: the same for every run of the fleet on this machine.
    static func holder(_ state: StateDirectory) -> String {
        let host = Machine.hostname.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }
        return "\(host.isEmpty ? "unnamed" : host)/\(sha256Hex(state.path).prefix(8))"
    }

    static func hostKeys(_ settings: SSHSettings, folder: String, state: StateDirectory, environment: [String: String]) throws
        -> HostKeyRule
    {
        switch settings.hostKeys {
        case .fingerprints(let list): return .fingerprints(list)
        case .knownHosts(let file): return .knownHosts(try known(path(file, folder, environment)))
        case .standard:
            let file = environment["EXE_DEV_KNOWN_HOSTS"] ?? (environment["HOME"] ?? "") + "/.ssh/known_hosts"
            return .knownHosts(try known(file))
        case .trustOnFirstUse:
            let file = state.path + "/known_hosts"
            let trusted = TrustedHosts(try known(file)) { line in
                let before = try StateDirectory.read(file) ?? []
                try StateDirectory.replace(file, with: before + Array((line + "\n").utf8))
            }
            return .trustOnFirstUse(trusted)
        }
    }

    private static func known(_ file: String) throws -> KnownHosts {
        KnownHosts(String(decoding: try StateDirectory.read(file) ?? [], as: UTF8.self))
    }

    private static func path(_ file: String, _ folder: String, _ environment: [String: String]) -> String {
        if file.hasPrefix("~/"), let home = environment["HOME"] { return home + file.dropFirst() }
        return file.hasPrefix("/") ? file : folder + "/" + file
    }
}
