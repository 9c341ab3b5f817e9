import ExeDev
import FoundationEssentials
import Live
import Tokens

extension ControlCommand {
    static let tokenMint = ControlCommand(
        path: "token mint", operands: [], summary: "signs an API token on this machine with an SSH key that is on the account",
        options: [
            .list("cmds", "the commands that it may run: ls,new,'share show'; may be repeated (else exe.dev's default set, without rm)"),
            .value("exp", "when it ends: 45m, 12h, 30d, 1y, 2026-12-31, seconds since 1970, or never (30d)"),
            .value("nbf", "from when on it is valid, written likewise"),
            .value("ctx", "JSON that the VM behind a VM's token is told"),
            .value("vm", "for this VM's HTTPS proxy, not for the lobby"),
            .value("permissions", "the whole permissions JSON, as it is signed"),
            .path("key", "an SSH key, or the .pub file of one in the ssh-agent (else $EXE_DEV_SSH_KEY, ~/.ssh/id_ed25519)"),
            .out,
        ],
        examples: ["token mint --cmds=ls,new,rm,restart --exp=30d", "token mint --vm=web-one --exp=1h --key=~/.ssh/id_ed25519.pub"]
    ) { arguments, session in
        _ = try arguments.operands(upTo: 0)
        let now = Int(SystemClock().now)
        let request = try TokenRequest(arguments, now: now)
        let permissions = try Permissions(try request.payload())
        for command in request.cmds where !Control.isCommand(command) {
            session.terminal.say("exedev-ctl: WARNING: \(command) is no command of exe.dev that this program knows")
        }
        if let end = permissions.expires, end <= max(now, permissions.notBefore ?? 0) { throw UsageError("it would end before it begins") }
        let namespace = try arguments.value("vm").map { vm throws(UsageError) in try Self.proxy(of: vm) } ?? SignedToken.lobby
        let key = try Self.signingKey(arguments, session.environment)
        let signature = try SignatureProgram(environment: session.environment).sign(permissions, namespace: namespace, key: key)
        try session.hand(out: SignedToken(permissions, signature).text, arguments)
        return .done
    }

    private static func proxy(of vm: String) throws(UsageError) -> String {
        guard vm.wholeMatch(of: /[a-z0-9][a-z0-9-]*/) != nil else { throw UsageError("--vm takes the name of a VM") }
        return SignedToken.proxy(of: vm)
    }

    static func signingKey(_ arguments: Arguments, _ environment: [String: String]) throws -> String {
        if let key = arguments.value("key") ?? environment["EXE_DEV_SSH_KEY"] { return key }
        let files = ["id_ed25519", "id_ecdsa", "id_rsa"].map { (environment["HOME"] ?? "") + "/.ssh/" + $0 }
        guard let file = files.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw Failure(
                "there is no SSH key to sign with", advice: "name one with --key, or the .pub file of one that your ssh-agent holds")
        }
        return file
    }
}

/// What `token mint` is asked for.
struct TokenRequest {
    private let permissions: String?
    let cmds: [String]
    private let context: String?
    private let (expires, notBefore): (Int?, Int?)

    /// `now`: seconds since 1970.
    init(_ arguments: Arguments, now: Int) throws(UsageError) {
        permissions = arguments.value("permissions")
        cmds = arguments.values("cmds").flatMap { $0.split(separator: ",").map { $0.trimmingBlanks } }
        context = arguments.value("ctx")
        if let context, !StrictJSON.isValue(Data(context.utf8)) {
            throw UsageError("--ctx is not one JSON value: write --ctx='{\"role\":\"ci\"}', or --ctx='\"text\"'")
        }
        let (exp, nbf) = (arguments.value("exp"), arguments.value("nbf"))
        if permissions != nil, !cmds.isEmpty || context != nil || exp != nil || nbf != nil {
            throw UsageError("--permissions is the whole: --cmds, --exp, --nbf and --ctx would be part of it")
        }
        if !arguments.values("cmds").isEmpty, cmds.isEmpty || cmds.contains("") || arguments.values("cmds").contains("") {
            throw UsageError("--cmds names no command")
        }
        let end = exp ?? "30d"
        expires = end == "never" ? nil : try TokenMoment.seconds(end, option: "exp", now: now)
        notBefore = try nbf.map { text throws(UsageError) in try TokenMoment.seconds(text, option: "nbf", now: now) }
    }

    /// Compact JSON, which is signed byte for byte.
    func payload() throws -> Data {
        if let permissions { return Data(permissions.utf8) }
        var members = [expires.map { "\"exp\":\($0)" }, notBefore.map { "\"nbf\":\($0)" }].compactMap(\.self)
        if !cmds.isEmpty {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .withoutEscapingSlashes
            members.append("\"cmds\":" + String(decoding: try encoder.encode(cmds), as: UTF8.self))
        }
        if let context { members.append("\"ctx\":\(context)") }
        return Data("{\(members.joined(separator: ","))}".utf8)
    }
}

extension StringProtocol {
    fileprivate var trimmingBlanks: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}

extension ControlSession {
    /// A secret, to standard output or into `--out`.
    func hand(out text: String, _ arguments: Arguments) throws {
        guard let file = arguments.value("out") else { return terminal.out(text) }
        try StateDirectory.replace(file, with: Array((text + "\n").utf8))
        terminal.say("exedev-ctl: wrote \(file) (0600)")
    }
}
