import Foundation
import HTTPServer
import Spawn
import Tokens

/// `POST /exec`: the rules before a command runs, the faults around it, and the log that tests read.
actor ExecService {
    private let platform: Platform
    private let state: StateDirectory
    private let publicKey: String
    private var verified: Set<String> = []
    private var counts: [String: Int] = [:]

    init(platform: Platform, state: StateDirectory, publicKey: String) {
        self.platform = platform
        self.state = state
        self.publicKey = publicKey
    }

    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        guard request.path == "/exec" else { return plain(.failure(404, "not found")) }
        guard request.method == "POST" else { return plain(.failure(405, "method not allowed")) }
        let words = try? Lexer.words(of: String(decoding: request.body, as: UTF8.self))
        let command = words.flatMap(Invocation.path) ?? words?.first ?? ""
        counts[command, default: 0] += 1
        let rules = state.read(Faults.self, at: state.faults)?.rules ?? []
        let rule = rules.first { $0.hits(command, number: counts[command] ?? 0) }
        let response = await answer(words, command, authorization: request.headers["authorization"], rule)
        log(response.status, words ?? [])
        return response
    }

    private func answer(_ words: [String]?, _ command: String, authorization: String?, _ rule: Faults.Rule?) async -> HTTPResponse {
        if rule?.fault == .latency { try? await Task.sleep(for: .milliseconds(rule?.milliseconds ?? 200)) }
        if let early = before(rule) { return early }
        if let refusal = refusal(words, command, authorization) { return plain(refusal) }
        var response = plain(await platform.run(words ?? []))
        switch rule?.fault {
        case .lostReply: response.ending = .dropped
        case .truncate: response.ending = .truncated
        case .status504Done: response = plain(.failure(504, "command timed out"))
        default: break
        }
        return response
    }

    private func before(_ rule: Faults.Rule?) -> HTTPResponse? {
        switch rule?.fault {
        case .status504: return plain(.failure(504, "command timed out"))
        case .status500: return plain(.failure(500, "internal error"))
        case .error200: return plain(.failure(200, "internal error"))
        case .status502html:
            return HTTPResponse(status: 502, headers: ["Content-Type": "text/html"], body: Data("<html>Bad Gateway</html>".utf8))
        case .status429:
            var reply = Reply.failure(429, "slow down")
            if let seconds = rule?.retryAfter { reply.headers["Retry-After"] = String(seconds) }
            return plain(reply)
        default: return nil
        }
    }

    private func refusal(_ words: [String]?, _ command: String, _ authorization: String?) -> Reply? {
        guard let header = authorization, header.hasPrefix("Bearer "), let token = verify(String(header.dropFirst(7))) else {
            return .failure(401, "invalid token")
        }
        guard let words, !words.isEmpty else { return .failure(400, "empty or unbalanced command line") }
        guard CommandUsage.all[command] != nil else { return .failure(404, "unknown command") }
        return token.permissions.allows(command) ? nil : .failure(403, "command not allowed by token: \(command)")
    }

    private func verify(_ text: String) -> SignedToken? {
        guard let token = try? SignedToken(text), token.permissions.isValid(at: Int(Date().timeIntervalSince1970)) else { return nil }
        if verified.contains(text) { return token }
        let signers = state.path + "/allowed_signers"
        let signature = state.path + "/signature"
        guard (try? state.write(Data("owner \(publicKey)\n".utf8), to: signers)) != nil,
            (try? state.write(Data(token.signature.armored.utf8), to: signature)) != nil,
            let ended = try? Subprocess.run(
                "ssh-keygen", ["-Y", "verify", "-q", "-f", signers, "-I", "owner", "-n", "v0@exe.dev", "-s", signature],
                input: token.permissions.payload,
                quiet: true),
            ended.status == 0
        else { return nil }
        verified.insert(text)
        return token
    }

    private func plain(_ reply: Reply) -> HTTPResponse {
        HTTPResponse(status: reply.status, headers: reply.headers, body: Data(reply.body.utf8))
    }

    /// Values of `--env` may be secrets, so may those of the registry.
    private func log(_ status: Int, _ words: [String]) {
        let secret = ["env", "registry-auth", "setup-script"]
        let shown = words.indices.map { place in
            let name = words[place].drop { $0 == "-" }
            if place > 0, secret.contains(String(words[place - 1].drop { $0 == "-" })) { return "…" }
            if let flag = secret.first(where: { name.hasPrefix($0 + "=") }) { return "--\(flag)=…" }
            return words[place].replacing("\n", with: " ")
        }
        guard let file = fopen(state.requests, "a") else { return }
        defer { fclose(file) }
        fputs("\(Date().ISO8601Format()) \(status) \(shown.joined(separator: " "))\n", file)
    }
}
