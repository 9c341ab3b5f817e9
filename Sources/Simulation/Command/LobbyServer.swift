import Foundation
import Glibc
import Shell
import Spawn

/// exe.dev's lobby over a real sshd: each command line goes to `/exec`, as whose key logged in. It has no terminal, no files, no forwarding.
struct LobbyServer {
    let state: StateDirectory

    private var folder: String { state.path + "/lobby" }
    private var pidFile: String { folder + "/pid" }
    /// What curl reads: the secret is in no argument.
    private var curlFile: String { folder + "/curl" }
    private var secretFile: String { folder + "/secret" }
    private var keysFile: String { folder + "/authorized_keys" }
    /// The fingerprint of the key that logged in, in a session's environment.
    private static let variable = "EXE_SIM_KEY"

    /// By which `/exec` knows that a command comes from here.
    func makeSecret() throws -> String {
        for folder in [folder, "/run/sshd"] {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        let secret = UUID().uuidString
        try state.write(Data(secret.utf8), to: secretFile)
        return secret
    }

    /// Only these keys log in.
    func admit(_ keys: [KeyRegister.Login]) throws {
        let lines = keys.map { "environment=\"\(Self.variable)=\($0.fingerprint)\" \($0.line)\n" }
        try state.write(Data(lines.joined().utf8), to: keysFile)
    }

    func start(_ settings: Settings, keys: [KeyRegister.Login]) throws {
        stop()
        try admit(keys)
        let secret = try String(contentsOfFile: secretFile, encoding: .utf8)
        let header = "header = \"Authorization: Lobby \(secret)\"\nurl = \"http://127.0.0.1:\(settings.httpPort)/exec\"\n"
        try state.write(Data(header.utf8), to: curlFile)
        let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
        // Not the outermost shell: then bash reads no .bashrc of this machine.
        let config = """
            Port \(settings.lobbyPort ?? 0)
            ListenAddress 127.0.0.1
            HostKey \(state.hostKey)
            AuthorizedKeysFile \(keysFile)
            PermitUserEnvironment \(Self.variable)
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
            let line = try? String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8), line.contains(folder + "/sshd_config")
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
        if typed == "ssh" || typed.hasPrefix("ssh ") { return try passOn(typed) }
        let ended = try Subprocess.run(
            "curl", curl + ["-s", "-m", "400", "--data-binary", "@-", "-w", "\n%{http_code}"], input: Data(typed.utf8))
        let text = String(decoding: ended.output, as: UTF8.self)
        let at = text.lastIndex(of: "\n") ?? text.startIndex
        let (body, status) = (text[..<at], text[at...].trimmingCharacters(in: .whitespacesAndNewlines))
        // What became of it is not known: a session that ends without a status says so.
        if !status.hasPrefix("2"), !status.hasPrefix("4") { kill(getpid(), SIGKILL) }
        let out = status == "200" ? FileHandle.standardOutput : FileHandle.standardError
        let isReadable = status == "200" && !Self.asksForJSON(typed)
        try out.write(contentsOf: Data((isReadable ? ReadableAnswer.text(String(body)) : String(body)).utf8))
        return status == "200" ? 0 : 1
    }

    static func asksForJSON(_ typed: String) -> Bool {
        guard let words = try? Lexer.words(of: typed), let call = try? Invocation(words) else { return false }
        return call.has("json")
    }

    /// The options that name the place, and who we are.
    private var curl: [String] { ["-K", curlFile, "-H", "X-Lobby-Key: \(ProcessInfo.processInfo.environment[Self.variable] ?? "")"] }

    /// `ssh` on a VM: its frames become this session's streams as they come, its exit code this session's status.
    private func passOn(_ typed: String) throws -> Int32 {
        let file = folder + "/" + UUID().uuidString
        try state.write(Data(typed.utf8), to: file)
        defer { unlink(file) }
        let frames = ["-sN", "-H", "Accept: application/x-ndjson", "--data-binary", "@" + file]
        let program = try PipedProgram(["curl"] + curl + frames, .printsToUs)
        let answer = FileHandle(fileDescriptor: program.descriptor)
        var (pending, status) = (Data(), Int32?.none)
        while case let bytes = answer.availableData, !bytes.isEmpty {
            pending += bytes
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = pending[..<end]
                pending = Data(pending[(end + 1)...])
                guard let frame = try? JSONSerialization.jsonObject(with: line) as? [String: Any] else { continue }
                // Help is no stream.
                if frame["usage"] != nil {
                    try FileHandle.standardOutput.write(contentsOf: line + Data("\n".utf8))
                    status = 0
                }
                for (key, stream) in [("stdout", FileHandle.standardOutput), ("stderr", FileHandle.standardError)] {
                    try (frame[key] as? String).flatMap { Data(base64Encoded: $0) }.map { try stream.write(contentsOf: $0) }
                }
                if let code = frame["exit_code"] as? Int { status = Int32(code) }
                if frame["error"] != nil {
                    try FileHandle.standardError.write(contentsOf: line + Data("\n".utf8))
                    status = 1
                }
            }
        }
        _ = program.ended()
        // A session that ends without a status says that it is not known.
        if status == nil { kill(getpid(), SIGKILL) }
        return status ?? 1
    }
}
