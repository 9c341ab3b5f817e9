import Foundation
import HTTPServer
import Shell
import Tokens

/// `POST /exec`: the rules before a command runs, the faults around it, and the log that tests read.
actor ExecService {
    let platform: Platform
    let state: StateDirectory
    private let signatures: Signatures
    /// What the lobby's sshd proves itself with; nil without one.
    private let lobby: String?
    private var counts: [String: Int] = [:]
    let sleep: @Sendable (Duration) async throws -> Void

    init(
        platform: Platform, state: StateDirectory, signatures: Signatures, lobby: String? = nil,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.platform = platform
        self.state = state
        (self.signatures, self.lobby) = (signatures, lobby)
        self.sleep = sleep
    }

    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        guard request.path == "/exec" else { return plain(.failure(404, "not found")) }
        guard request.method == "POST" else { return plain(.failure(405, "method not allowed")) }
        let words = try? Lexer.words(of: String(decoding: request.body, as: UTF8.self))
        let command = words.flatMap(Invocation.path) ?? words?.first ?? ""
        counts[command, default: 0] += 1
        let faults = state.read(Faults.self, at: state.faults)
        let rule = faults?.rules?.first { $0.hits(command, number: counts[command] ?? 0) }
        let response = await within(limit(of: command, faults)) { await self.answer(words, command, request, faults, rule) }
        log(response.status, words ?? [])
        return response
    }

    private func answer(
        _ words: [String]?, _ command: String, _ request: HTTPRequest, _ faults: Faults?, _ rule: Faults.Rule?
    ) async -> HTTPResponse {
        if rule?.fault == .latency { try? await sleep(.milliseconds(rule?.milliseconds ?? 200)) }
        if let early = before(rule) { return early }
        guard let principal = await principal(request) else { return plain(.failure(401, "invalid token")) }
        if let refusal = refusal(words, command, principal) { return plain(refusal) }
        if command == "exe0-to-exe1", await isForged(words ?? []) { return plain(.failure(422, "invalid token")) }
        if command == "ssh", let call = words.flatMap(Self.sshCall) {
            return await ssh(call, tag: principal.tag, request, faults, rule?.fault)
        }
        var response = plain(await platform.run(words ?? [], tag: principal.tag, key: principal.key))
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

    private func refusal(_ words: [String]?, _ command: String, _ principal: Principal) -> Reply? {
        guard let words, !words.isEmpty else { return .failure(400, "empty or unbalanced command line") }
        guard CommandUsage.all[command] != nil else { return .failure(404, "unknown command") }
        let vm = command == "ssh" ? Self.sshCall(words)?.vm : nil
        return principal.allows(command, vm: vm) ? nil : .failure(403, "command not allowed by token: \(command)")
    }

    private func principal(_ request: HTTPRequest) async -> Principal? {
        guard let authorization = request.headers["authorization"] else { return nil }
        if let lobby, authorization == "Lobby " + lobby { return await platform.principal(login: request.headers["x-lobby-key"] ?? "") }
        guard authorization.hasPrefix("Bearer ") else { return nil }
        let (text, now) = (String(authorization.dropFirst(7)), Int(Date().timeIntervalSince1970))
        if text.hasPrefix("exe1.") { return await platform.principal(exe1: text, now: now) }
        guard let token = try? SignedToken(text), token.permissions.isValid(at: now), token.signature.namespace == SignedToken.lobby,
            let key = await platform.key(line: token.signature.publicLine), !key.isOfVM, await signatures.isGood(token)
        else { return nil }
        return Principal(permissions: token.permissions, tag: key.tag, key: key.fingerprint)
    }

    /// Whether there is a token among the words with another's signature.
    private func isForged(_ words: [String]) async -> Bool {
        for word in words { if let token = try? SignedToken(word), await !signatures.isGood(token) { return true } }
        return false
    }

    func plain(_ reply: Reply) -> HTTPResponse {
        HTTPResponse(status: reply.status, headers: reply.headers, body: Data(reply.body.utf8))
    }

    /// Values of `--env` may be secrets, so may those of the registry and of integrations.
    private func log(_ status: Int, _ words: [String]) {
        let secret = ["env", "registry-auth", "setup-script", "bearer", "header"]
        let shown = words.indices.map { place in
            let name = words[place].drop { $0 == "-" }
            if place > 0, secret.contains(String(words[place - 1].drop { $0 == "-" })) { return "…" }
            if let flag = secret.first(where: { name.hasPrefix($0 + "=") }) { return "--\(flag)=…" }
            if words[place].contains("exe0.") || words[place].contains("exe1.") { return "…" }
            return words[place].replacing("\n", with: " ")
        }
        guard let file = fopen(state.requests, "a") else { return }
        defer { fclose(file) }
        fputs("\(Date().ISO8601Format()) \(status) \(shown.joined(separator: " "))\n", file)
    }
}
