import FoundationEssentials

/// The only code that reads exe.dev's statuses and messages. Messages are matched loosely: they are undocumented and change.
enum Classify {
    static func status(_ reply: HTTPReply, _ command: ExeDevCommand, _ credential: Credential? = nil) -> ExeDevError? {
        let verb = command.verb
        let text = words(reply)
        switch reply.status {
        case 200..<300:
            return reply.isTruncated ? .unreadable(verb: verb, "it is cut short", mayHaveHappened: command.isMutating) : nil
        case 401: return .tokenRefused(text, credential)
        case 403: return .notAllowed(verb: verb, text)
        case 422: return refusal(command, text)
        case 404 where isNotFound(text, nil): return .notFound(verb: verb, text)
        case 429: return .throttled(verb: verb, retryAfter: reply.headers["retry-after"].flatMap(seconds))
        case 504: return .timedOut(verb: verb, mayHaveHappened: command.isMutating)
        case 500...: return .serverError(verb: verb, status: reply.status, mayHaveHappened: command.isMutating)
        default: return .misunderstood(verb: verb, status: reply.status, text)
        }
    }

    /// The error of a command that ran and failed, by its message.
    static func refusal(_ command: ExeDevCommand, _ text: String) -> ExeDevError {
        let low = text.lowercased()
        // What a program on a VM printed is no word of exe.dev.
        if !command.parsed.isRemote, let ended = ended(low, command) { return ended }
        if let name = command.parsed.newName, low.contains("not available") { return .nameUnavailable(name) }
        if low.contains("failed to connect") || low.contains("failed to dial") || low.contains("handshake failed")
            || low.contains("failed to create session") || low.contains("failed to run command on vm") || low.contains("is not running")
        {
            return .vmNotReady(verb: command.verb, text)
        }
        if isNotFound(text, nil) { return .notFound(verb: command.verb, text) }
        if command.parsed.makesVM, low.contains("maximum number of vms") || low.contains("vm limit") { return .quotaReached(text) }
        if low.contains("unknown command") { return .misunderstood(verb: command.verb, status: 404, text) }
        return .refused(verb: command.verb, text)
    }

    /// What is 504 or 429 over HTTPS, and over SSH comes in words alone. Only a whole text is taken for 429, as it is sent again.
    private static func ended(_ low: String, _ command: ExeDevCommand) -> ExeDevError? {
        if low.contains("command timed out") || low.contains("deadline exceeded") && !low.contains("failed to") {
            return .timedOut(verb: command.verb, mayHaveHappened: command.isMutating)
        }
        let whole = low.split { $0.isWhitespace || $0 == "." }.joined(separator: " ")
        let isThrottled = ["slow down", "too many requests", "rate limit exceeded", "rate limited"].contains(whole)
        return isThrottled ? .throttled(verb: command.verb, retryAfter: nil) : nil
    }

    /// Whether the text says that the VM is not there, and not merely that something else was not found. `name`: nil for any VM.
    static func isNotFound(_ text: String, _ name: String?) -> Bool {
        var words = text.lowercased().split { $0.isWhitespace || $0 == "." || $0 == "\"" || $0 == "'" }[...]
        guard words.suffix(2) == ["not", "found"] else { return false }
        words = words.dropLast(2)
        if words.first == "vm" { words = words.dropFirst() }
        guard let only = words.first else { return true }
        return words.count == 1 && (name.map { $0.lowercased() == only } ?? (text.lowercased().hasPrefix("vm ")))
    }

    static func transport(_ failure: TransportFailure, _ command: ExeDevCommand) -> ExeDevError {
        .lost(verb: command.verb, reason: failure.reason, mayHaveHappened: command.isMutating && failure.wasSent)
    }

    /// The seconds of a `Retry-After`, at most an hour; nil for a date or an invalid number (`nan`, `-1`).
    private static func seconds(_ text: String) -> Double? {
        guard let seconds = Double(text), seconds >= 0 else { return nil }
        return min(seconds, 3600)
    }

    private static func words(_ reply: HTTPReply) -> String {
        let texts = (Body.documents(reply.body) ?? []).compactMap(Body.message)
        if !texts.isEmpty { return texts.joined(separator: "; ") }
        return String(decoding: reply.body.prefix(400), as: UTF8.self)
    }
}
