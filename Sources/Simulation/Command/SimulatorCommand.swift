import Foundation
import Glibc
import Shell
import Spawn

/// The command line of `exedev-sim`.
package enum SimulatorCommand {
    static let help = """
        exe.dev on this machine: POST /exec, real booting VMs, SSH, and https://VM.exe.xyz. Needs root.

        usage: exedev-sim VERB [--state DIR]
          serve   run in the foreground; prints a line when ready
          up      start serve in the background, return when it is ready
          env     print what a client needs, as export lines
          ls      list the VMs
          down    end serve and all VMs, remove everything but the cached root image

        DIR/faults.json makes things go wrong, at once: {"rules": [{"command": "new", "nth": 1, "times": 1, "fault": KIND}], "ssh": {…}}.
        A rule hits the nth request of its command (of any, without one) and as many more as times says. KIND is one of
          lostReply      done, then the connection closes without an answer
          truncate       done, and the answer ends in its middle
          status504      504, and nothing was done
          status504Done  504 although it was done
          status429      refused before it is read; "retryAfter": seconds
          status500      500, and nothing was done
          status502html  502 with a page of HTML
          error200       200 with an error in it
          latency        as ever, "milliseconds" later
          noExitCode     of ssh: done, and the stream ends in order, without an exit code
        "heartbeatMilliseconds": how often a quiet stream of ssh sends a blank line.
        "limit": milliseconds after which a command is answered with 504 and goes on; 30 s, and 5.5 min for cp, as exe.dev has it, without one.
        "ssh": {"drop": [VM or "*"], "refuse": [VM or "*"], "cut": N}: connection attempts vanish, are refused; a larger N cuts what is open.
        DIR/foreign-names: names of VMs, one a line, that other customers have. DIR/dns: an alias outside and
        what it stands for, one a line, for domain add. DIR/requests.log: what was asked, and with what status.

        $EXE_DEV_PROXY of env is where https://VM.exe.xyz[:port] is served, with the CA $EXE_DEV_PROXY_CA: exedev-ctl curl goes there, and
          curl --connect-to ::$EXE_DEV_PROXY --cacert $EXE_DEV_PROXY_CA https://VM.exe.xyz
          chromium --host-resolver-rules="MAP *.exe.xyz $EXE_DEV_PROXY" --ignore-certificate-errors https://VM.exe.xyz
        It logs in whoever opens /__exe.dev/login, as the account's owner, or with ?as=EMAIL as somebody else, who sees what is public or
        shared with them. Answers come whole; it carries no WebSockets.

        The shipped planner and loop in a world in memory with virtual time; needs neither root nor a network:
          fuzz    [--seeds A..B] [--nodes N] [--scenario NAME]   random faults; a failure prints its seed and the fewest faults
          guards  [--seeds A..B] [--rule NAME] [--part K/N]      takes each safety rule away: which trial notices?
          prove   [--nodes N] [--scenario NAME] [--part K/N]     every fault at every effect, read and write, and pairs of crashes,
                  [--every N]                                    of pairs one in N, of crashes one in N/48, of others one in N/8
          soak    [--passes N] [--nodes N]                       passes over a settled fleet in one process: what each costs, what grows
        """

    /// `installScript` is what the k3s mirror serves as `install.sh`; without one it answers 404.
    /// Returns the exit status: 0, 1 when it failed, 64 for a command line that is wrong (sysexits).
    package static func run(arguments: [String], installScript: String? = nil) async -> Int32 {
        if arguments.contains("--help") || arguments.first == "help" {
            print(help)
            return 0
        }
        if let verb = arguments.first, ["fuzz", "guards", "prove"].contains(verb) {
            guard let options = ProofCommand.options(Array(arguments.dropFirst())) else { return wrong("\(verb): a wrong option") }
            do { return try ProofCommand.run(verb, options) } catch { return failed("\(error)") }
        }
        if arguments.first == "soak" {
            guard let options = SoakCommand.options(Array(arguments.dropFirst())) else { return wrong("soak: a wrong option") }
            do { return try SoakCommand.run(options) } catch { return failed("\(error)") }
        }
        guard let verb = arguments.first, ["serve", "up", "env", "ls", "down", "lobby"].contains(verb) else {
            return wrong("a verb is missing or unknown")
        }
        guard let state = state(Array(arguments.dropFirst())) else { return wrong("usage: exedev-sim \(verb) [--state DIR]") }
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: state.path, isDirectory: &isFolder), !isFolder.boolValue {
            return failed("--state needs a folder, and \(OutsideText.line(state.path)) is a file")
        }
        guard getuid() == 0 else { return failed("root is needed to make VMs") }
        do {
            return try await run(verb, state, installScript)
        } catch {
            return failed("\(error)")
        }
    }

    private static func run(_ verb: String, _ state: StateDirectory, _ installScript: String?) async throws -> Int32 {
        switch verb {
        case "serve": try await Serve(state: state, installScript: installScript).run()
        case "up": return try await up(state)
        case "env": return env(state)
        case "ls": ls(state)
        case "lobby": return try LobbyServer(state: state).answer(ProcessInfo.processInfo.environment["SSH_ORIGINAL_COMMAND"])
        default: try down(state)
        }
        return 0
    }

    private static func state(_ flags: [String]) -> StateDirectory? {
        switch flags.count {
        case 0: return StateDirectory(path: StateDirectory.standard)
        case 1 where flags[0].hasPrefix("--state="): return StateDirectory(path: String(flags[0].dropFirst(8)))
        case 2 where flags[0] == "--state" && !flags[1].isEmpty: return StateDirectory(path: flags[1])
        default: return nil
        }
    }

    private static func wrong(_ text: String) -> Int32 {
        complain(text + " (see --help)")
        return 64
    }

    private static func failed(_ text: String) -> Int32 {
        complain(text)
        return 1
    }

    private static func complain(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data("exedev-sim: \(text)\n".utf8))
    }

    private static func processID(_ state: StateDirectory) -> pid_t? {
        guard let text = try? String(contentsOfFile: state.process, encoding: .utf8),
            let process = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), kill(process, 0) == 0,
            let line = try? String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8), line.contains("serve")
        else { return nil }
        let stat = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
        return stat.contains(") Z ") ? nil : process
    }

    /// The root image takes a minute the first time, so it is made here, where the operator sees it.
    private static func up(_ state: StateDirectory) async throws -> Int32 {
        if processID(state) != nil, FileManager.default.fileExists(atPath: state.ready) { return 0 }
        _ = try state.open()
        try? FileManager.default.removeItem(atPath: state.ready)
        let began = size(of: state.serveLog)
        let serve = try Background("/proc/self/exe", ["serve", "--state", state.path], log: state.serveLog)
        for _ in 0..<6000 {
            if FileManager.default.fileExists(atPath: state.ready) { return 0 }
            if let status = serve.ended() { return failed("serve ended with \(status)" + said(state.serveLog, after: began)) }
            try await Task.sleep(for: .milliseconds(50))
        }
        return failed("serve is not ready after 300 s" + said(state.serveLog, after: began))
    }

    private static func size(of file: String) -> Int { FileManager.default.contents(atPath: file)?.count ?? 0 }

    /// The last lines of a log, after so many bytes.
    private static func said(_ log: String, after began: Int) -> String {
        let text = String(decoding: (FileManager.default.contents(atPath: log) ?? Data()).dropFirst(began), as: UTF8.self)
        let lines = text.split(whereSeparator: \.isNewline).suffix(5).map { "\n  " + OutsideText.line(String($0)) }
        return lines.isEmpty ? "; its log \(log) says nothing" : ":" + lines.joined()
    }

    private static func env(_ state: StateDirectory) -> Int32 {
        guard let settings = state.read(Settings.self, at: state.settings) else { return failed("nothing is up in \(state.path)") }
        let mirror = "http://10.42.0.1:8089/k3s"
        let variables = [
            ("EXE_DEV_ENDPOINT", "http://127.0.0.1:\(settings.httpPort)/exec"), ("EXE_DEV_API_KEY", settings.token),
            ("EXE_DEV_SSH_KEY", state.clientKey), ("EXE_DEV_SSH_PORT", "\(settings.sshPort)"), ("EXE_DEV_KNOWN_HOSTS", state.knownHosts),
            ("TS_AUTHKEY", settings.tailscaleKey), ("EXEDEV_K8S_RELEASES", mirror), ("EXEDEV_K8S_INSTALLERS", mirror),
        ]
        let lobby = settings.lobbyPort.map { [("EXE_DEV_LOBBY", "root@127.0.0.1:\($0)")] } ?? []
        let proxy = settings.proxyPort.map {
            [("EXE_DEV_PROXY", "127.0.0.1:\($0)"), ("EXE_DEV_PROXY_CA", ProxyCertificate(state: state).authority)]
        }
        for (name, value) in variables + lobby + (proxy ?? []) { print("export \(name)='\(value)'") }
        return 0
    }

    private static func ls(_ state: StateDirectory) {
        for vm in state.read(Platform.State.self, at: state.table)?.hosts ?? [] {
            print("\(vm.name)\t\(vm.status(at: Date().timeIntervalSince1970).rawValue)\t\(vm.sshAddress)")
        }
    }

    private static func down(_ state: StateDirectory) throws {
        let files = FileManager.default
        guard files.fileExists(atPath: state.path) else { return }
        if let process = processID(state) {
            kill(process, SIGKILL)
            while processID(state) != nil { usleep(10000) }
        }
        LobbyServer(state: state).stop()
        try state.write(Data(MachineScript.text.utf8), to: state.script)
        try Subprocess.check("sh", [state.script, "down", state.id, state.path])
        try files.removeItem(atPath: state.path)
    }
}
