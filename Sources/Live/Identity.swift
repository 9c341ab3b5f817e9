import FleetCore
import SSH

/// Who we are to a host, and how a host proves who it is.
enum Identity {
    /// The fleet file's key, `EXE_DEV_SSH_KEY`, or the usual files of `~/.ssh`.
    static func keys(_ settings: SSHSettings, folder: String, environment: [String: String]) throws -> [PrivateKey] {
        if let file = settings.keyFile { return [try PrivateKey(file: path(file, folder, environment))] }
        if let file = environment["EXE_DEV_SSH_KEY"] { return [try PrivateKey(file: file)] }
        for name in ["id_ed25519", "id_ecdsa", "id_rsa"] {
            guard let home = environment["HOME"], try StateDirectory.read("\(home)/.ssh/\(name)") != nil else { continue }
            return [try PrivateKey(file: "\(home)/.ssh/\(name)")]
        }
        throw StateError(
            "there is no SSH key", advice: "set ssh.keyFile in the fleet file or $EXE_DEV_SSH_KEY; the key must be registered with exe.dev")
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
            return .trustOnFirstUse(try known(file)) { line in
                let before = try StateDirectory.read(file) ?? []
                try StateDirectory.replace(file, with: before + Array((line + "\n").utf8))
            }
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
