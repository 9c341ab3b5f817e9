import Foundation
import Glibc
import Spawn

/// exe.dev's lobby over a real sshd: each command line goes to `/exec`, as the account's owner. It has no terminal, no files, no forwarding.
struct LobbyServer {
    let state: StateDirectory

    private var folder: String { state.path + "/lobby" }
    private var pidFile: String { folder + "/pid" }
    /// What curl reads: the owner's token is in no argument.
    private var curlFile: String { folder + "/curl" }

    func start(_ settings: Settings) throws {
        stop()
        for folder in [folder, "/run/sshd"] {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        let header = "header = \"Authorization: Bearer \(settings.token)\"\nurl = \"http://127.0.0.1:\(settings.httpPort)/exec\"\n"
        try state.write(Data(header.utf8), to: curlFile)
        let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
        // Not the outermost shell: then bash reads no .bashrc of this machine.
        let config = """
            Port \(settings.lobbyPort ?? 0)
            ListenAddress 127.0.0.1
            HostKey \(state.hostKey)
            AuthorizedKeysFile \(state.clientKey).pub
            PidFile \(pidFile)
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            PermitRootLogin prohibit-password
            DisableForwarding yes
            PermitTTY no
            SetEnv SHLVL=1
            ForceCommand \(executable) lobby --state \(state.path)

            """
        try state.write(Data(config.utf8), to: folder + "/sshd_config")
        _ = try Background("/usr/sbin/sshd", ["-D", "-f", folder + "/sshd_config", "-E", folder + "/log"], log: folder + "/log")
    }

    /// Also one that an earlier `serve` has left.
    func stop() {
        guard let text = try? String(contentsOfFile: pidFile, encoding: .utf8),
            let process = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)),
            let line = try? String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8), line.contains("sshd")
        else { return }
        kill(process, SIGKILL)
        while kill(process, 0) == 0, let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            !stat.contains(") Z ")
        {
            usleep(10000)
        }
        unlink(pidFile)
    }

    /// In a session of that sshd: the command's answer on standard output, or, with a status of 1, its error as JSON on standard error.
    func answer(_ typed: String?) throws -> Int32 {
        guard let typed, !typed.isEmpty else {
            try FileHandle.standardError.write(contentsOf: Data("exe.dev: this simulator has no terminal\n".utf8))
            return 1
        }
        let ended = try Subprocess.run(
            "curl", ["-s", "-K", curlFile, "--data-binary", "@-", "-w", "\n%{http_code}"], input: Data(typed.utf8))
        let text = String(decoding: ended.output, as: UTF8.self)
        let at = text.lastIndex(of: "\n") ?? text.startIndex
        let (body, status) = (text[..<at], text[at...].trimmingCharacters(in: .whitespacesAndNewlines))
        // What became of it is not known: a session that ends without a status says so.
        if !status.hasPrefix("2"), !status.hasPrefix("4") { kill(getpid(), SIGKILL) }
        let out = status == "200" ? FileHandle.standardOutput : FileHandle.standardError
        try out.write(contentsOf: Data(body.utf8))
        return status == "200" ? 0 : 1
    }
}
