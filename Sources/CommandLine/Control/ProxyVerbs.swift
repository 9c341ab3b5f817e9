import ExeDev
import FoundationEssentials
import Glibc
import Live

/// A VM behind exe.dev's HTTPS proxy: `https://VM.exe.xyz`, where a token of the VM lets in (facts/exedev.md §7).
struct ProxyAddress: Hashable {
    let vm: String
    /// Nil is the port that is shared.
    let port: Int?
    /// With its slash.
    let path: String

    /// `web-one`, `web-one:3000/health`; `https://web-one.exe.xyz/health` too.
    init(_ text: String) throws(UsageError) {
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
        let input = String(decoding: Terminal.input(upTo: 65536) ?? [], as: UTF8.self)
        let pairs = input.split(whereSeparator: \.isNewline).map {
            $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        }
        let fields = Dictionary(pairs.filter { $0.count == 2 }.map { ($0[0], String($0[1])) }, uniquingKeysWith: { $1 })
        // Another host is another helper's.
        guard fields["protocol"] == "https", let host = fields["host"], host.split(separator: ":")[0].hasSuffix(".exe.xyz"),
            let address = try? ProxyAddress(host)
        else { return .done }
        session.terminal.out("username=exedev\npassword=\(try session.proxyToken(of: address.vm, arguments))")
        return .done
    }
}

extension ControlSession {
    /// A token that the VM's proxy takes.
    fileprivate func proxyToken(of vm: String, _ arguments: Arguments) throws -> String {
        if let file = arguments.value("token-file") {
            let token = try ExeDevToken.load(environment: [:], file: file, credentialsDirectory: nil)
            return token.headerText
        }
        if let text = environment["EXE_DEV_VM_TOKEN"] { return try ExeDevToken(text, from: "$EXE_DEV_VM_TOKEN").headerText }
        let key = try ControlCommand.signingKey(arguments, environment)
        return try ProxyToken.sign(vm: vm, key: key, SignatureProgram(environment: environment), now: SystemClock().now).text
    }

    /// curl takes this process over: its streams, signals and exit status are the caller's. The token goes through a pipe, not into its arguments,
    /// and no token of ours into its environment.
    fileprivate func becomeCurl(_ address: ProxyAddress, token: String, _ words: [String]) throws -> Never {
        var lines = ["header = \"X-Exedev-Authorization: Bearer \(token)\""]
        if let proxy = environment["EXE_DEV_PROXY"] { lines.append("connect-to = \"::\(proxy)\"") }
        if let file = environment["EXE_DEV_PROXY_CA"] { lines.append("cacert = \"\(file)\"") }
        let text = Array((lines.joined(separator: "\n") + "\n").utf8)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0, write(ends[1], text, text.count) == text.count, close(ends[1]) == 0 else {
            throw Failure("there is no pipe")
        }
        for name in environment.keys where name.hasPrefix("EXE_DEV_") { unsetenv(name) }
        var arguments = (["curl", "-K", "/dev/fd/\(ends[0])"] + words + [address.url]).map { strdup($0) } + [nil]
        execvp("curl", &arguments)
        throw Failure("curl cannot be run: \(String(cString: strerror(errno)))", advice: "install curl")
    }
}
