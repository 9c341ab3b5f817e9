import Digest
import FleetCore
import SSH

/// Our keys for a host, and how a host proves its identity.
struct Identity {
    /// The SSH proxy that answers for every VM of exe.dev, with one key (exe.dev #30; facts/exedev.md §5).
    static let proxy = "exe.dev"

    let settings: SSHSettings
    /// Of the fleet file.
    let folder: String
    let state: StateDirectory
    let environment: [String: String]

    private var home: String? { environment["HOME"] }

    // MARK: our keys

    /// The fleet file's key or `EXE_DEV_SSH_KEY`, then that one alone; else those of the ssh-agent and of the usual files of `~/.ssh`.
    /// `config`: what OpenSSH's own configuration says.
    func keys(_ config: SSHConfig? = nil) throws -> KeyRing {
        let agent = agent(config?.agentSocket ?? environment["SSH_AUTH_SOCK"])
        if let file = namedKey { return KeyRing([try UserKey.file(file, agent: agent.keys)]) }
        let (files, unusable) = try files(config?.keyFiles ?? usualFiles, agent.keys)
        let offered = config?.usesThemOnly == true ? [] : agent.keys
        return try checked(KeyRing(agent: offered, files: files, unused: unusable + agent.unused))
    }

    private var namedKey: String? {
        settings.keyFile.map(path) ?? environment["EXE_DEV_SSH_KEY"]
    }

    /// The file of the key that signs tokens of VMs: the one that hosts are entered with, as far as it is a file, or a `.pub` file of the ssh-agent's.
    func signingKey() throws(StateError) -> String {
        if let namedKey { return namedKey }
        for file in usualFiles where try StateDirectory.read(file) != nil { return file }
        throw StateError(
            "there is no file of an SSH key, with which tokens of VMs are signed",
            advice: "name one with ssh.keyFile or $EXE_DEV_SSH_KEY, or the .pub file of a key that the ssh-agent holds")
    }

    private var usualFiles: [String] { home.map { home in ["id_ed25519", "id_ecdsa", "id_rsa"].map { "\(home)/.ssh/\($0)" } } ?? [] }

    private func agent(_ socket: String?) -> (keys: [UserKey], unused: [String]) {
        guard let socket, !socket.isEmpty else { return ([], []) }
        do {
            let (usable, others) = try SSHAgent.keys(socket: socket)
            return (usable, others.map { "\($0) (ssh-agent): keys of this kind cannot be used here" })
        } catch {
            return ([], ["\(error)"])
        }
    }

    /// The keys of those files that are there; an unusable one is no reason to stop while there are others.
    private func files(_ names: [String], _ agent: [UserKey]) throws -> (keys: [UserKey], unusable: [String]) {
        var (keys, unusable): ([UserKey], [String]) = ([], [])
        for name in names where try StateDirectory.read(name) != nil {
            do throws(KeyError) {
                keys.append(try UserKey.file(name, agent: agent))
            } catch {
                unusable.append(error.description)
            }
        }
        return (keys, unusable)
    }

    private func checked(_ ring: KeyRing) throws -> KeyRing {
        guard ring.keys.isEmpty else { return ring }
        throw StateError(
            "there is no SSH key" + (ring.unused.isEmpty ? "" : ": " + ring.unused.joined(separator: "; ")),
            advice: "set ssh.keyFile in the fleet file, $EXE_DEV_SSH_KEY or $SSH_AUTH_SOCK; the key must be registered with exe.dev")
    }

    // MARK: the hosts' keys

    /// `config`: what OpenSSH's own configuration says; the fleet file and `EXE_DEV_KNOWN_HOSTS` come before it.
    func hostKeys(_ config: SSHConfig? = nil) throws -> HostKeyRule {
        switch settings.hostKeys {
        case .fingerprints(let list): return .fingerprints(list)
        case .knownHosts(let file): return .knownHosts(try known([path(file)]))
        case .standard: return .knownHosts(try known(knownHostsFiles(config)))
        case .trustOnFirstUse:
            let file = state.path + "/known_hosts"
            let trusted = TrustedHosts(try known([file])) { line in
                try state.create()
                let before = try StateDirectory.read(file) ?? []
                try StateDirectory.replace(file, with: before + Array((line + "\n").utf8))
            }
            return .trustOnFirstUse(trusted)
        }
    }

    private func knownHostsFiles(_ config: SSHConfig?) -> [String] {
        if let file = environment["EXE_DEV_KNOWN_HOSTS"] { return [file] }
        return config?.knownHostsFiles ?? [(home ?? "") + "/.ssh/known_hosts"]
    }

    private func known(_ files: [String]) throws -> KnownHosts {
        let texts = try files.map { String(decoding: try StateDirectory.read($0) ?? [], as: UTF8.self) }
        return KnownHosts(texts.joined(separator: "\n"))
    }

    func path(_ file: String) -> String { OperatorPath.absolute(file, in: folder, home: home) }

    /// This machine's name and a digest of the state directory's path: the same for every run of the fleet on this machine.
    static func holder(_ state: StateDirectory) -> String {
        let host = Machine.hostname.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }
        return "\(host.isEmpty ? "unnamed" : host)/\(sha256Hex(state.path).prefix(8))"
    }
}
