package import FoundationEssentials
import Glibc
import Shell

/// The body of an answer with status 200, before it is believed.
package struct ExeDevAnswer: Sendable {
    /// One JSON value, or one of each line; nil for a text.
    package let values: [Data]?
    private let trees: [JSONValue]
    private let isTorn: Bool
    /// Of a proxy on the way: no command answers with one.
    private let isPage: Bool

    package init(_ body: String) { self.init(Array(body.utf8)) }

    init(_ bytes: [UInt8]) {
        values = Body.documents(bytes)
        trees = (values ?? []).compactMap { try? JSONDecoder().decode(JSONValue.self, from: $0) }
        let first = bytes.first { ![9, 10, 13, 32].contains($0) }
        isTorn = values == nil && (first == UInt8(ascii: "{") || first == UInt8(ascii: "["))
        let begin = String(decoding: bytes.prefix(200), as: UTF8.self).lowercased()
        isPage = values == nil && (begin.contains("<!doctype html") || begin.contains("<html"))
    }

    /// It is not what the command answers with: a page, a text, or JSON without its end. What a program on a VM prints may be anything.
    func isUnreadable(for line: LobbyLine) -> Bool {
        values == nil && !line.isRemote && (isPage || (isTorn && !line.answersText) || line.expectsJSON)
    }

    /// What of `command` was not done although exe.dev answered 200, or what the answer does not prove (facts/exedev.md §1). Nil: all was done.
    package func complaint(about command: ExeDevCommand) -> String? {
        let line = command.parsed
        let errors = (values ?? []).compactMap(Body.message) + trees.flatMap { $0.list ?? [] }.compactMap(Self.error)
        let fault = errors.isEmpty ? fault(line, isChange: command.isMutating) : errors.joined(separator: "; ")
        if let fault { return OutsideText.line("exe.dev \(line.verb): \(fault)") }
        return line.verb == "ls" && !line.asksForHelp ? missing(line).map { OutsideText.line($0) } : nil
    }

    /// An element of a list whose only key is `error`.
    private static func error(_ value: JSONValue) -> String? {
        guard let members = value.members, members.count == 1, let error = members["error"] else { return nil }
        return error.text ?? "an error without words"
    }

    private func fault(_ line: LobbyLine, isChange: Bool) -> String? {
        if isUnreadable(for: line) { return "the answer cannot be read" + (isChange ? Self.unknown : "") }
        if line.verb == "ls", !line.asksForHelp, !line.has("group"), !trees.allSatisfy(Self.isList) {
            return "the answer is no list of VMs"
        }
        guard isChange else { return nil }
        let failures = failures
        let silent = line.verb == "rm" ? line.operands.filter { isKept($0) && !failures.contains($0) } : []
        var faults: [String] = []
        if !failures.isEmpty { faults.append("not done for \(failures.text)") }
        if !silent.isEmpty { faults.append("the answer does not say what became of \(silent.joined(separator: ", "))" + Self.unknown) }
        if !faults.isEmpty { return faults.joined(separator: "; ") }
        let saysNothing = line.expectsJSON && trees.allSatisfy { $0.members?.isEmpty == true }
        return saysNothing ? "the answer says nothing" + Self.unknown : nil
    }

    private static let unknown = ": it is not known whether it was done; look before you send it again"

    // MARK: rm, and changes as a whole

    private func isKept(_ name: String) -> Bool {
        !trees.contains { $0.members?["deleted"]?.list?.contains { $0.text.map { Self.matches($0, name) } ?? false } == true }
    }

    /// What a change was not done for, by its own answer.
    var refusal: String? { failures.isEmpty ? nil : "not done for \(failures.text)" }

    private var failures: Failures {
        var failures = Failures()
        for members in trees.compactMap(\.members) {
            failures.add(members["failed"], nil)
            failures.add(members["not_found"], "not found")
            failures.add(members["errors"], nil)
            for key in ["status", "state"] where ["error", "failed", "failure"].contains(members[key]?.text?.lowercased()) {
                failures.add(.bool(true), members["message"]?.text)
            }
        }
        return failures
    }

    /// What was not done, in whatever shape it is told: names, names with their reasons, or a number of them.
    private struct Failures {
        private var names: [String] = []
        private var reasons: [String: String] = [:]

        var isEmpty: Bool { names.isEmpty }
        var text: String { names.map { name in name + (reasons[name].map { " (\($0))" } ?? "") }.joined(separator: ", ") }
        func contains(_ name: String) -> Bool { names.contains(name) }

        mutating func add(_ value: JSONValue?, _ reason: String?) {
            guard let value, !value.isVoid else { return }
            switch value {
            case .text(let name): note(name, reason)
            case .list(let list): for element in list { add(element, reason) }
            case .object(let members):
                if let name = (members["vm_name"] ?? members["name"])?.text {
                    note(name, (members["error"] ?? members["reason"])?.text ?? reason)
                } else {
                    for (name, told) in members.sorted(by: { $0.key < $1.key }) { note(name, told.text ?? reason) }
                }
            case .null, .bool, .number: note("what was asked for", reason)
            }
        }

        private mutating func note(_ name: String, _ reason: String?) {
            if !names.contains(name) { names.append(name) }
            if let reason, reasons[name] == nil { reasons[name] = reason }
        }
    }

    // MARK: ls

    /// Go writes `null` for a list without elements.
    private static func isList(_ tree: JSONValue) -> Bool {
        guard let members = tree.members else { return false }
        return members["vms"]?.list != nil || members["shared_vms"]?.list != nil
    }

    /// `ls NAME` also shows every VM whose name begins with it.
    private func missing(_ line: LobbyLine) -> String? {
        let shown = trees.flatMap { $0.values(of: "vm_name") }.compactMap(\.text)
        let missing = line.operands.filter { name in !shown.contains { Self.matches($0, name) } }
        guard !missing.isEmpty else { return nil }
        return "there is no VM \(missing.joined(separator: ", "))" + (shown.isEmpty ? "" : "; only others are shown")
    }

    private static func matches(_ name: String, _ pattern: String) -> Bool {
        pattern.contains { "*?[".contains($0) } ? fnmatch(pattern, name, 0) == 0 : name == pattern
    }
}
