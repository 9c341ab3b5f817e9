import Foundation
import Glibc
import Spawn
import Tokens

/// The simulator's files, and the names that follow from where they are.
struct StateDirectory: Sendable {
    let path: String
    /// Short, because it is part of machine names (at most 64 bytes); stable, so that `down` finds what a killed `serve` left.
    let id: String

    init(path: String) {
        let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
        self.path = absolute
        id = String(RootImage.fingerprint(of: absolute).suffix(6))
    }

    static var standard: String {
        let environment = ProcessInfo.processInfo.environment
        return (environment["XDG_STATE_HOME"] ?? (environment["HOME"] ?? "/root") + "/.local/state") + "/exedev-sim"
    }

    var keys: String { path + "/keys" }
    var clientKey: String { keys + "/client_ed25519" }
    /// With which `/exec` logs in on VMs; it is no key of the account.
    var proxyKey: String { keys + "/proxy_ed25519" }
    var hostKey: String { keys + "/host_ed25519" }
    var vms: String { path + "/vms" }
    var script: String { path + "/machine.sh" }
    var table: String { path + "/state.json" }
    var register: String { path + "/keys.json" }
    var settings: String { path + "/settings.json" }
    var faults: String { path + "/faults.json" }
    var foreignNames: String { path + "/foreign-names" }
    var dns: String { path + "/dns" }
    var knownHosts: String { path + "/known_hosts" }
    var requests: String { path + "/requests.log" }
    var serveLog: String { path + "/serve.log" }
    var process: String { path + "/serve.pid" }
    var ready: String { path + "/ready" }
    var gateway: String { "xs\(id)-gw" }

    func read<Value: Decodable>(_ type: Value.Type, at file: String) -> Value? {
        FileManager.default.contents(atPath: file).flatMap { try? JSONDecoder().decode(type, from: $0) }
    }

    /// By rename, readable by root alone.
    func write(_ value: some Encodable, to file: String) throws {
        try write(JSONEncoder().encode(value), to: file)
    }

    func write(_ data: Data, to file: String) throws {
        let unfinished = file + ".new"
        let descriptor = Glibc.open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Subprocess.Failure(description: "cannot write \(file)") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: data)
        guard rename(unfinished, file) == 0 else { throw Subprocess.Failure(description: "cannot write \(file)") }
    }

    var lines: (String) -> Set<String> {
        { file in
            let text = FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) } ?? ""
            return Set(text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) })
        }
    }
}

extension StateDirectory {
    /// What DNS answers outside, an alias and what it stands for a line.
    var aliases: [String: String] {
        let pairs = lines(dns).map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }.filter { $0.count == 2 }
        return Dictionary(pairs.map { ($0[0], $0[1]) }, uniquingKeysWith: { first, _ in first })
    }
}

/// What must stay the same over restarts of `serve`.
struct Settings: Codable {
    var httpPort: UInt16
    var sshPort: UInt16
    var token: String
    var tailscaleKey: String
    /// The `ssh-ed25519 AAAA…` of the client.
    var publicKey: String
    var hostPublicKey: String
    /// Of the lobby's sshd; nil in a directory of an older simulator.
    var lobbyPort: UInt16?
    /// Of the VMs' HTTPS proxy; as well.
    var proxyPort: UInt16?
}

extension StateDirectory {
    /// Makes the directory, the keys and the settings the first time; later reads them.
    func open() throws -> Settings {
        let files = FileManager.default
        for directory in [path, keys, vms] {
            try files.createDirectory(atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        try write(Data(MachineScript.text.utf8), to: script)
        for key in [clientKey, hostKey, proxyKey] where !files.fileExists(atPath: key) {
            try Subprocess.check("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "exedev-sim", "-f", key])
        }
        if let settings = read(Settings.self, at: settings) { return settings }
        let settings = Settings(
            httpPort: try Sockets.freePort(), sshPort: try Sockets.freePort(), token: try mintToken(),
            tailscaleKey: "tskey-auth-" + UUID().uuidString, publicKey: try publicKey(clientKey), hostPublicKey: try publicKey(hostKey),
            lobbyPort: try Sockets.freePort(), proxyPort: try Sockets.freePort())
        try write(settings, to: self.settings)
        // What `ssh exe.dev` leaves behind, and nothing of any VM: the proxy's name and its one key.
        try write(Data("exe.dev \(settings.hostPublicKey)\n".utf8), to: knownHosts)
        return settings
    }

    private func publicKey(_ file: String) throws -> String {
        let text = try String(contentsOfFile: file + ".pub", encoding: .utf8)
        return text.split(separator: " ").prefix(2).joined(separator: " ")
    }

    private func mintToken() throws -> String {
        let payload = JSON.object([("cmds", .strings(CommandUsage.all.keys.sorted()))]).text
        let signed = try Subprocess.run(
            "ssh-keygen", ["-Y", "sign", "-q", "-n", "v0@exe.dev", "-f", clientKey], input: Data(payload.utf8), quiet: true)
        let armored = String(decoding: signed.output, as: UTF8.self)
        return try SignedToken(Permissions(Data(payload.utf8)), SSHSignature(armored: armored)).text
    }
}
