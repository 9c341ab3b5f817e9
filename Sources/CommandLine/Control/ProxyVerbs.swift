import ExeDev
import FoundationEssentials
import Glibc
import Live
import Tokens

/// A VM behind exe.dev's HTTPS proxy: `https://VM.exe.xyz`, where a token of the VM lets in (facts/exedev.md §7).
struct ProxyAddress: Hashable {
    let vm: String
    /// Nil is the port that is shared.
    let port: Int?
    /// With its slash.
    let path: String

    /// `web-one`, `web-one:3000/health`; `https://web-one.exe.xyz/health` too.
    init(_ text: String) throws(UsageError) {
        if text.hasPrefix("http://") { throw UsageError("VMs are behind HTTPS alone: write https\(text.dropFirst(4))") }
        var rest = text.hasPrefix("https://") ? text.dropFirst(8) : text[...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        (path, rest) = (slash == rest.endIndex ? "/" : String(rest[slash...]), rest[..<slash])
        let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let host = parts[0].hasSuffix(".exe.xyz") ? parts[0].dropLast(8) : parts[0]
        guard host.wholeMatch(of: /[a-z0-9][a-z0-9-]*/) != nil else { throw UsageError("\(text) does not begin with the name of a VM") }
        vm = String(host)
        guard parts.count > 1 else {
            port = nil
            return
        }
        guard let number = Int(parts[1]), 1...65535 ~= number else { throw UsageError("\(parts[1]) is no port") }
        port = number
    }

    /// The VM that git wants a password for; nil for another host, and for what git itself would not say: a key that stands twice, or a
    /// character that only looks like the end of a line, by which a URL would name one host and reach another.
    static func asked(byGit input: [UInt8]) -> ProxyAddress? {
        guard input.allSatisfy({ $0 == 10 || ($0 >= 32 && $0 != 127) }) else { return nil }
        var fields: [String: String] = [:]
        for line in input.split(separator: 10) {
            let pair = String(decoding: line, as: UTF8.self).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            // Those may come several times: git 2.46 names its capabilities so.
            if pair[0].hasSuffix("[]") { continue }
            guard pair.count == 2, fields.updateValue(String(pair[1]), forKey: String(pair[0])) == nil else { return nil }
        }
        guard fields["protocol"] == "https", let host = fields["host"],
            host.wholeMatch(of: /[a-z0-9][a-z0-9-]*\.exe\.xyz(:[0-9]{1,5})?/) != nil
        else { return nil }
        return try? ProxyAddress(host)
    }

    /// Settings of curl, which it reads before its arguments. Whatever host a redirect or another argument names, the connection goes to the
    /// VM's proxy, whose certificate does not fit another host: so no other host is told the token.
    func curlSettings(token: String, _ environment: [String: String]) -> [String] {
        // What is set to nothing is not set.
        let environment = environment.filter { !$0.value.isEmpty }
        let place = environment["EXE_DEV_PROXY"] ?? "\(vm).exe.xyz:"
        var lines = [
            "header = \"X-Exedev-Authorization: Bearer \(token)\"", "connect-to = \"::\(place)\"", "proto = \"=https\"",
            "proto-redir = \"=https\"", "globoff",
        ]
        if let file = environment["EXE_DEV_PROXY_CA"] { lines.append("cacert = \"\(file)\"") }
        return lines
    }

    var url: String { "https://\(vm).exe.xyz" + (port.map { ":\($0)" } ?? "") + path }
}

extension ControlCommand {
    private static let tokenOptions: [Arguments.Option] = [
        .path("token-file", "a file with a token of the VM (else $EXE_DEV_VM_TOKEN, else one of 15 minutes is signed)"),
        .path("key", "the SSH key that signs it, or the .pub file of one in the ssh-agent (else $EXE_DEV_SSH_KEY, ~/.ssh/id_ed25519)"),
    ]

    static let curl = ControlCommand(
        path: "curl", operands: ["<vm[:port][/path]>", "[curl option]..."],
        summary: "runs curl on a VM behind exe.dev's HTTPS proxy, with a token of that VM", options: tokenOptions,
        examples: ["curl web-one/health", "curl web-one:3000/api -X POST -d @body.json"], verbatimAfter: 1
    ) { arguments, session in
        guard let first = arguments.operands.first else { throw UsageError("<vm[:port][/path]> is missing") }
        let address = try ProxyAddress(first)
        let token = try session.proxyToken(of: address.vm, arguments)
        try session.becomeCurl(address, token: token, Array(arguments.operands.dropFirst()))
    }

    static let gitCredential = ControlCommand(
        path: "git-credential", operands: ["<get|store|erase>"], summary: "is a credential helper of git for repositories on VMs",
        options: tokenOptions, examples: ["git-credential get"]
    ) { arguments, session in
        guard let verb = try arguments.operands(upTo: 1).first else { throw UsageError("<get|store|erase> is missing") }
        // What git wants to be kept is signed anew each time.
        guard verb == "get" else { return .done }
        // Another host is another helper's.
        guard let address = ProxyAddress.asked(byGit: Terminal.input(upTo: 65536) ?? []) else { return .done }
        session.terminal.out("username=exedev\npassword=\(try session.proxyToken(of: address.vm, arguments))")
        return .done
    }
}

extension ControlSession {
    /// A token that the VM's proxy takes.
    fileprivate func proxyToken(of vm: String, _ arguments: Arguments) throws -> String {
        if let file = arguments.value("token-file") {
            return try Self.checked(ExeDevToken.load(environment: [:], file: file, credentialsDirectory: nil), of: vm)
        }
        if let text = environment["EXE_DEV_VM_TOKEN"], !text.isEmpty {
            return try Self.checked(ExeDevToken(text, from: "$EXE_DEV_VM_TOKEN"), of: vm)
        }
        let key = try ControlCommand.signingKey(arguments, environment)
        return try ProxyToken.sign(vm: vm, key: key, SignatureProgram(environment: environment), now: SystemClock().now).text
    }

    /// A signed token says whose it is: another VM, which may be anybody's, is not told it.
    private static func checked(_ token: ExeDevToken, of vm: String) throws -> String {
        guard token.isSigned else { return token.headerText }
        let namespace = try token.signed().signature.namespace
        guard namespace == SignedToken.proxy(of: vm) else {
            throw Failure("the token of \(token.place) is for \(namespace), not for \(vm)", advice: "exedev-ctl token mint --vm=\(vm)")
        }
        return token.headerText
    }

    /// curl takes this process over: its streams, signals and exit status are the caller's. The token goes through a pipe, not into its arguments,
    /// and no token of ours into its environment.
    fileprivate func becomeCurl(_ address: ProxyAddress, token: String, _ words: [String]) throws -> Never {
        let lines = address.curlSettings(token: token, environment)
        let text = Array((lines.joined(separator: "\n") + "\n").utf8)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0, write(ends[1], text, text.count) == text.count, close(ends[1]) == 0 else {
            throw Failure("there is no pipe")
        }
        for name in environment.keys where name.hasPrefix("EXE_DEV_") { unsetenv(name) }
        var arguments = (["curl", "-K", "/dev/fd/\(ends[0])"] + words + [address.url]).map { strdup($0) } + [nil]
        // Swift's threads block signals, and SIGPIPE is ignored here: curl is to end by them.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        signal(SIGPIPE, SIG_DFL)
        execvp("curl", &arguments)
        throw Failure("curl cannot be run: \(String(cString: strerror(errno)))", advice: "install curl")
    }
}
