import FoundationEssentials
import Shell
import Tokens

/// What a client reports of its requests, for metrics.
package enum ClientNote: Sendable, Hashable {
    /// `status`: nil without a response.
    case answered(verb: String, status: Int?)
    /// The client waited that long after a 429.
    case throttled(seconds: Double)
}

/// Is told what is waited for, and for how many seconds at most. What it returns is called when that is over.
package typealias WaitObserver = @Sendable (_ what: String, _ seconds: Double) -> @Sendable () -> Void

/// Speaks exe.dev's commands over a transport. Bounded retries live here; decisions do not.
package struct ExeDevClient: Sendable {
    let transport: any ExeDevTransport
    let sleep: @Sendable (Duration) async throws -> Void
    /// 0 to 1, for jitter.
    let random: @Sendable () -> Double
    private var gate: Gate = { true }
    let report: @Sendable (ClientNote) -> Void
    let waiting: WaitObserver

    /// 429 is refused before the command is read (SDK 0.4.0), so it is always safe to send again.
    static let throttleRetries = 5
    /// How often a read is repeated after a failure.
    static let readRetries = 2

    package init(
        transport: any ExeDevTransport, sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
        report: @escaping @Sendable (ClientNote) -> Void = { _ in },
        waiting: @escaping WaitObserver = { _, _ in {} }
    ) {
        (self.transport, self.sleep, self.random, self.report, self.waiting) = (transport, sleep, random, report, waiting)
    }

    /// The same client; its mutating commands are sent only while `gate` returns true.
    package func gated(_ gate: @escaping Gate) -> ExeDevClient {
        var copy = self
        copy.gate = gate
        return copy
    }

    package func list(pattern: String? = nil) async throws(ExeDevError) -> VMList {
        let command = ExeDevCommand.ls(pattern: pattern)
        let documents = try await documents(of: command)
        // A VM left out would mean "this VM is gone", so what is not one whole list is no list.
        guard documents.count == 1 else { throw .unreadable(verb: "ls", "it is \(documents.count) documents", mayHaveHappened: false) }
        if let key = JSONKeys.repeated(in: documents[0]) {
            throw .unreadable(verb: "ls", "it has the key \"\(key)\" twice", mayHaveHappened: false)
        }
        let reply: ListReply = try decoded(documents[0], command)
        do throws(RowError) { return VMList(vms: try Self.distinct(reply.vms)) } catch {
            throw .unreadable(verb: "ls", error.description, mayHaveHappened: false)
        }
    }

    private static func distinct(_ rows: [VMRow]) throws(RowError) -> [VM] {
        var (vms, names): ([VM], Set<String>) = ([], [])
        for row in rows {
            let vm = try row.vm(assumed: .unknown("without a status"))
            guard names.insert(vm.name).inserted else { throw RowError(description: "\(vm.name) stands in it twice") }
            vms.append(vm)
        }
        return vms
    }

    /// The VM of exactly that name: `ls NAME` also matches every name that begins with it.
    package func find(_ name: String) async throws(ExeDevError) -> VM? {
        try await list(pattern: name).vms.first { $0.name == name }
    }

    package func create(_ vm: NewVM) async throws(ExeDevError) -> CreatedVM {
        let command = ExeDevCommand.new(vm)
        let row: VMRow = try decoded(try await document(of: command), command)
        do throws(RowError) {
            return CreatedVM(vm: try row.vm(assumed: .starting), warning: row.error)
        } catch {
            throw .unreadable(verb: "new", error.description, mayHaveHappened: true)
        }
    }

    package func remove(_ names: [String]) async throws(ExeDevError) -> Removal {
        let command = ExeDevCommand.rm(names)
        do throws(ExeDevError) {
            let documents = try await exchange(command)
            let removal = removal(documents)
            // An error alone (with status 200, facts/exedev.md §1.1), or a response without one of the VMs, proves no removal.
            guard names.allSatisfy(removal.mentions) else {
                try refuseErrors(documents, command)
                throw ExeDevError.unreadable(verb: command.verb, "it does not say what became of the VM", mayHaveHappened: true)
            }
            return removal
        } catch {
            // The other dialect: 422 "not found" (servers of July 2026).
            if case .notFound = error { return Removal(deleted: [], failed: [:], notFound: names) }
            throw error
        }
    }

    private func removal(_ documents: [Data]) -> Removal {
        var removal = Removal(deleted: [], failed: [:], notFound: [])
        for document in documents where Body.error(document) == nil {
            guard let reply = try? JSONDecoder().decode(RemovalReply.self, from: document) else { continue }
            removal.deleted += reply.deleted ?? []
            removal.notFound += reply.notFound ?? []
            for name in reply.failed ?? [] { removal.failed[name] = reply.errors?[name] ?? "no reason given" }
        }
        for (name, reason) in removal.failed where Classify.isNotFound(reason, name) && !removal.notFound.contains(name) {
            removal.notFound.append(name)
        }
        return removal
    }

    package func restart(_ name: String) async throws(ExeDevError) { _ = try await document(of: .restart(name)) }

    package func shareShow(_ name: String) async throws(ExeDevError) -> ShareState {
        let command = ExeDevCommand.shareShow(name)
        let reply: ShareReply = try decoded(try await document(of: command), command)
        guard let status = reply.status else { throw .unreadable(verb: command.verb, "no status", mayHaveHappened: false) }
        return ShareState(
            isPublic: status == "public", port: reply.port?.value, users: (reply.users ?? []).map { $0.email.lowercased() }.sorted())
    }

    /// Runs a command and returns its body unchanged. Throws when the body holds an error, or does not say that a change was made.
    /// `mixed`: errors beside something else are returned with it.
    package func exec(_ command: ExeDevCommand, mixed: Bool = false) async throws(ExeDevError) -> String {
        let reply = try await send(command)
        if let documents = Body.documents(reply.body) {
            if !mixed || documents.allSatisfy({ Body.error($0) != nil }) { try refuseErrors(documents, command) }
            if command.isMutating { try refuseOthers(documents, command) }
            if !mixed, command.isMutating, let refusal = ExeDevAnswer(reply.body).refusal {
                throw .refused(verb: command.verb, refusal)
            }
        } else if command.isMutating {
            let isEmpty = reply.body.allSatisfy { [9, 10, 13, 32].contains($0) }
            guard !isEmpty, !ExeDevAnswer(reply.body).isUnreadable(for: command.parsed) else {
                let excerpt = String(decoding: reply.body.prefix(120), as: UTF8.self)
                throw .unreadable(verb: command.verb, isEmpty ? "it is empty" : excerpt, mayHaveHappened: true)
            }
        }
        return String(decoding: reply.body, as: UTF8.self)
    }

    // MARK: one exchange

    /// Not empty, and without an error.
    private func documents(of command: ExeDevCommand) async throws(ExeDevError) -> [Data] {
        let documents = try await exchange(command)
        try refuseErrors(documents, command)
        return documents
    }

    func document(of command: ExeDevCommand) async throws(ExeDevError) -> Data {
        let documents = try await documents(of: command)
        try refuseOthers(documents, command)
        return documents[0]
    }

    private func exchange(_ command: ExeDevCommand) async throws(ExeDevError) -> [Data] {
        let reply = try await send(command)
        guard let documents = Body.documents(reply.body) else {
            let excerpt = String(decoding: reply.body.prefix(120), as: UTF8.self)
            throw .unreadable(verb: command.verb, reply.body.isEmpty ? "it is empty" : excerpt, mayHaveHappened: command.isMutating)
        }
        return documents
    }

    private func refuseErrors(_ documents: [Data], _ command: ExeDevCommand) throws(ExeDevError) {
        let texts = documents.compactMap(Body.error)
        if !texts.isEmpty { throw Classify.refusal(command, texts.joined(separator: "; ")) }
    }

    private func refuseOthers(_ documents: [Data], _ command: ExeDevCommand) throws(ExeDevError) {
        guard let odd = documents.first(where: { !Body.isObject($0) }) else { return }
        throw .unreadable(verb: command.verb, String(decoding: odd.prefix(400), as: UTF8.self), mayHaveHappened: command.isMutating)
    }

    func decoded<T: Decodable>(_ document: Data, _ command: ExeDevCommand) throws(ExeDevError) -> T {
        do {
            return try JSONDecoder().decode(T.self, from: document)
        } catch {
            throw .unreadable(verb: command.verb, plainWords(of: error), mayHaveHappened: command.isMutating)
        }
    }

    private func send(_ command: ExeDevCommand) async throws(ExeDevError) -> HTTPReply {
        try await send(command) { gate throws(TransportFailure) in
            let isOver = waiting("exe.dev's answer to \(command.verb)", Double(command.deadline.components.seconds))
            defer { isOver() }
            return try await transport.post(Array(command.line.utf8), deadline: command.deadline, gate: gate)
        }
    }

    /// Sends by `post`, with retries for 429 and for failed reads.
    func send(
        _ command: ExeDevCommand, by post: (@escaping Gate) async throws(TransportFailure) -> HTTPReply
    ) async throws(ExeDevError) -> HTTPReply {
        let open: Gate = { true }
        let gate = command.isMutating ? self.gate : open
        var throttled = 0
        var failures = 0
        while true {
            let failure: ExeDevError
            do throws(TransportFailure) {
                let reply = try await post(gate)
                report(.answered(verb: command.verb, status: reply.status))
                guard let error = Classify.status(reply, command, transport.credential) else { return reply }
                failure = error
            } catch {
                report(.answered(verb: command.verb, status: nil))
                failure = Classify.transport(error, command)
            }
            let pause: Double
            switch failure {
            case .throttled(_, let after) where throttled < Self.throttleRetries:
                pause = min(max(after ?? 0, 0.5 * Double(1 << throttled)) + random(), 60)
                throttled += 1
            case .lost, .serverError, .timedOut:
                guard !command.isMutating, failures < Self.readRetries else { throw failure }
                pause = 0.5 * Double(1 << failures) + random() / 2
                failures += 1
            default: throw failure
            }
            try await rest(pause, failure, command)
            if case .throttled = failure { report(.throttled(seconds: pause)) }
        }
    }

    private func rest(_ seconds: Double, _ failure: ExeDevError, _ command: ExeDevCommand) async throws(ExeDevError) {
        let isOver = waiting("the pause before the next try (\(failure))", seconds)
        defer { isOver() }
        do { try await sleep(.seconds(seconds)) } catch { throw .lost(verb: command.verb, reason: "cancelled", mayHaveHappened: false) }
    }
}
