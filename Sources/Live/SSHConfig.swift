import FleetCore
import FoundationEssentials
import SSH
import Shell
import Spawn

/// What OpenSSH's own configuration says of one host, as `ssh -G` prints it. OpenSSH reads its files itself.
struct SSHConfig: Sendable {
    var host: String
    var port: Int
    /// Nil: nothing but the name of the local user.
    var user: String?
    var alias: String?
    /// Nil: nothing but OpenSSH's default files.
    var keyFiles: [String]?
    /// `IdentitiesOnly`
    var usesThemOnly: Bool
    /// Nil: the environment's. Empty: none.
    var agentSocket: String?
    var knownHostsFiles: [String]
    /// `ProxyJump`
    var jump: String?

    /// Reads what `ssh -G` printed. `localUser`: what it prints for a host of which no `User` is said. `environment`: of the operator, for `${NAME}`.
    init(_ output: String, of name: String, environment: [String: String], localUser: String) throws(StateError) {
        var values: [String: [String]] = [:]
        for line in output.split(whereSeparator: \.isNewline) {
            let halves = line.split(separator: " ", maxSplits: 1).map(String.init)
            if halves.count == 2 { values[halves[0], default: []].append(halves[1]) }
        }
        func value(_ key: String) -> String? { values[key]?.first.flatMap { $0 == "none" ? nil : $0 } }
        guard let host = value("hostname"), let port = value("port").flatMap({ Int($0) }) else {
            throw StateError("`ssh -G \(name)` does not say where \(name) is", advice: nil)
        }
        if let command = value("proxycommand") {
            throw StateError(
                "OpenSSH's configuration has ProxyCommand \(command) for \(name), which is not used here",
                advice: "use ProxyJump, or leave ssh.config out of the fleet file")
        }
        let user = value("user")
        (self.host, self.port, self.user) = (host, port, user == localUser ? nil : user)
        (alias, jump) = (value("hostkeyalias"), value("proxyjump"))
        usesThemOnly = value("identitiesonly") == "yes"
        let local = Machine.hostname
        let names = Names(
            values: [
                "d": environment["HOME"] ?? "", "h": host, "i": "\(Machine.userID)", "j": jump ?? "", "k": alias ?? name,
                "L": String(local.prefix { $0 != "." }), "l": local, "n": name, "p": "\(port)", "r": user ?? localUser, "u": localUser,
                "%": "%",
            ], environment: environment)
        agentSocket = try values["identityagent"]?.first.map { value throws(StateError) in try names.agentSocket(value) } ?? nil
        let files = values["identityfile"] ?? []
        keyFiles = files.allSatisfy(Self.isUsual) ? nil : try files.map { file throws(StateError) in try names.expanded(file) }
        knownHostsFiles = try Self.paths(value("userknownhostsfile") ?? "").map { file throws(StateError) in try names.expanded(file) }
    }

    private static func isUsual(_ file: String) -> Bool { file.hasPrefix("~/.ssh/id_") && !file.contains { "%$".contains($0) } }

    /// Several paths stand on one line, without quotes.
    private static func paths(_ line: String) -> [String] {
        line.split(separator: " ").reduce(into: []) { paths, word in
            if ["/", "~", "${", "%d"].contains(where: word.hasPrefix) || paths.isEmpty {
                paths.append(String(word))
            } else {
                paths[paths.count - 1] += " " + word
            }
        }
    }

    /// Expands what OpenSSH expands after `-G`: `~/`, then `%` with a letter and `${NAME}` (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES).
    private struct Names {
        var values: [String: String]
        var environment: [String: String]

        func expanded(_ path: String) throws(StateError) -> String {
            var out = ""
            var rest = OperatorPath.expanded(path, home: environment["HOME"])[...]
            while let mark = rest.firstIndex(where: { $0 == "%" || $0 == "$" }) {
                out += rest[..<mark]
                rest = rest[mark...]
                if rest.first == "%" {
                    out += try token(rest.dropFirst().prefix(1), in: path)
                    rest = rest.dropFirst(2)
                } else if rest.hasPrefix("${") {
                    let name = rest.dropFirst(2).prefix { $0 != "}" }
                    guard name.endIndex < rest.endIndex else { throw Self.failure(path, "a ${ without its }") }
                    out += try variable(name, in: path)
                    rest = rest[rest.index(after: name.endIndex)...]
                } else {
                    out.append(rest.removeFirst())
                }
            }
            return out + rest
        }

        /// `IdentityAgent`: nil for the environment's, empty for none. `$NAME` is the old form, in which an unset variable means none.
        func agentSocket(_ value: String) throws(StateError) -> String? {
            switch value {
            case "none": ""
            case "SSH_AUTH_SOCK": nil
            case _ where value.hasPrefix("$") && !value.hasPrefix("${"): environment[String(value.dropFirst())] ?? ""
            default: try expanded(value)
            }
        }

        private func token(_ letter: Substring, in path: String) throws(StateError) -> String {
            guard let value = values[String(letter)] else { throw Self.failure(path, "%\(letter), which is not known here") }
            return value
        }

        private func variable(_ name: Substring, in path: String) throws(StateError) -> String {
            guard let value = environment[String(name)] else {
                throw Self.failure(path, "${\(name)}, and the environment variable \(name) is not set")
            }
            return value
        }

        private static func failure(_ path: String, _ what: String) -> StateError {
            StateError("\(path) in OpenSSH's configuration has \(what)", advice: "name the file without it, or leave ssh.config out")
        }
    }
}

/// Asks OpenSSH.
struct OpenSSH: Sendable {
    /// `-F`; nil: OpenSSH's usual files.
    let file: String?
    let environment: [String: String]

    private let seconds: Double

    /// `seconds`: for which an answer is waited for.
    init(file: String?, environment: [String: String], seconds: Double = 10) {
        (self.file, self.seconds) = (file, seconds)
        // Its files may name any variable as ${NAME}; no token of ours is for OpenSSH.
        self.environment = environment.filter { name, _ in !Self.ours.contains(where: name.hasPrefix) }
    }

    private static let ours = ["EXE_DEV_", "EXEDEV_", "TS_AUTHKEY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_"]

    private var chosenFile: [String] { file.map { ["-F", $0] } ?? [] }

    /// `port`, `user`: those that exe.dev names for the host; they go before the configuration, as on a command line.
    func config(of host: String, port: Int?, user: String?) async throws(StateError) -> SSHConfig {
        let options = (port.map { ["-p", "\($0)"] } ?? []) + (user.map { ["-l", $0] } ?? [])
        let program = Confined(
            "ssh", ["-G", "-T"] + chosenFile + options + ["--", host], environment: environment, seconds: seconds, limit: 1 << 16)
        let ended: Confined.Ended
        do {
            ended = try await program.run(input: Data())
        } catch {
            throw StateError("ssh.config needs OpenSSH's client: \(error)", advice: "install openssh-client")
        }
        let output = String(decoding: ended.output, as: UTF8.self)
        guard !ended.wasKilled else {
            throw StateError(
                "`ssh -G \(host)`, which tells how \(host) is reached, did not end in \(Int(seconds)) s",
                advice: "run it by hand and see what it waits for (Match exec and names that do not resolve take time), "
                    + "or leave ssh.config out of the fleet file")
        }
        guard ended.status == 0 else {
            throw StateError("`ssh -G \(host)` failed: \(output.prefix(300))", advice: "correct OpenSSH's configuration")
        }
        return try SSHConfig(output, of: host, environment: environment, localUser: Machine.user)
    }

    /// The way to a host over `jump`, as `ssh -J` would take it.
    func way(to host: String, port: Int, over jump: String) -> @Sendable () throws(SSHError) -> SSHWay {
        let hops = jump.split(separator: ",").map { $0.trimmingPrefix(" ") }
        let before = hops.count > 1 ? ["-J", hops.dropLast().joined(separator: ",")] : []
        let last = hops.last.map { $0.hasPrefix("ssh://") ? String($0) : "ssh://\($0)" } ?? ""
        let options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-o", "ServerAliveInterval=15", "-o", "ControlMaster=no"]
        let words = ["ssh"] + chosenFile + options + before + ["-W", "[\(host)]:\(port)", "--", last]
        return { [environment] () throws(SSHError) in
            do {
                let program = try SocketProgram(words, environment: environment)
                return SSHWay(descriptor: program.descriptor) { OutsideText.line(program.end(), keeping: .end) }
            } catch {
                throw .notConnected(target: "\(host):\(port)", reason: "no way over \(jump): \(error)")
            }
        }
    }
}
