import Foundation
import Glibc
import SSH
import Testing

/// A real sshd on loopback with its own keys. It ends with this value.
final class RealSSHD {
    let folder: String
    let port: Int
    private var process: pid_t = 0

    /// `keyType`: of the user's key, for ECDSA and RSA with the bits, as in `ecdsa-384`. `options`: additional lines of sshd_config.
    init(keyType: String = "ed25519", hostKeyType: String = "ed25519", options: String = "") throws {
        folder = NSTemporaryDirectory() + "sshd-" + UUID().uuidString
        // Below the range of ephemeral ports.
        port = Int.random(in: 10000..<32000)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        for (name, type) in [("host", hostKeyType), ("user", keyType), ("stranger", "ed25519")] { try makeKey(name, type) }
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

    /// A key of the folder, without a passphrase unless one is given.
    func makeKey(_ name: String, _ type: String = "ed25519", passphrase: String = "", options: [String] = []) throws {
        let words = type.split(separator: "-").map(String.init)
        let bits = words.count > 1 ? ["-b", words[1]] : []
        try Self.run(
            "/usr/bin/ssh-keygen", ["-q", "-t", words[0]] + bits + ["-N", passphrase, "-C", name, "-f", "\(folder)/\(name)"] + options)
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

    /// From now on the server shows another host key.
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

    /// Foundation's `Process` needs a run loop, which a test's thread lacks.
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

    /// The host's key as known_hosts lists it under a name.
    func line(_ name: String) throws -> String {
        "\(name) \(try String(contentsOfFile: folder + "/host.pub", encoding: .utf8).split(separator: " ").prefix(2).joined(separator: " "))"
    }

    func client(key: String = "user", rule: HostKeyRule? = nil) throws -> SSHClient {
        SSHClient(
            loop: SSHLoop(), keys: [try UserKey.file("\(folder)/\(key)")], hostKeys: try rule ?? knownHosts(), connectsPerMinute: 600)
    }
}

extension SSHClient {
    /// sshd needs a moment to listen: retries refused connections, a bounded number of times.
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
