package import FoundationEssentials

/// What is wrong with a token or its permissions, and what would be right.
package struct PermissionError: Error, Sendable, Hashable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// The permissions JSON of an `exe0` token, by exe.dev's rules, which are narrower than JSON's (facts/exedev.md §3.2, 2026-07). The one
/// checker: of minting, of `token inspect`, and of the simulator.
package struct Permissions: Sendable, Hashable {
    /// As it is signed.
    package let payload: Data
    /// Seconds since 1970: from then on it is void, and before then.
    package let expires: Int?
    package let notBefore: Int?
    /// What it may run, each an exact command path; nil is the default set.
    package let listed: [String]?
    /// What a VM behind the HTTPS proxy is told with each request: JSON as it is written.
    package let context: String?

    /// What a token without `cmds` may run: `rm`, `restart`, `tag`, `ssh` are not among them (exe.dev's docs through cli, 2026-07).
    package static let defaultCommands = [
        "help", "ls", "new", "whoami", "ssh-key list", "share show", "exe0-to-exe1", "team", "team members",
    ]

    /// Seconds since 1970 that `exp` and `nbf` may hold: the years 2000 to 2100.
    package static let moments = 946_684_800...4_102_444_800

    package init(_ payload: Data) throws(PermissionError) {
        try Self.checkBytes(payload)
        guard StrictJSON.isValue(payload), (try? JSONDecoder().decode([String: AnyValue].self, from: payload)) != nil else {
            throw PermissionError("the permissions are not a JSON object")
        }
        if let key = JSONKeys.repeated(in: payload) { throw PermissionError("the permissions have the key \"\(key)\" twice") }
        let values = Dictionary(
            JSONKeys.members(of: payload).map { ($0.key, String(decoding: $0.value, as: UTF8.self)) }, uniquingKeysWith: { _, last in last }
        )
        if let other = values.keys.sorted().first(where: { !["exp", "nbf", "cmds", "ctx"].contains($0) }) {
            throw PermissionError("the permissions have the key \"\(other)\"; only exp, nbf, cmds and ctx are known")
        }
        (self.payload, context) = (payload, values["ctx"])
        (expires, notBefore) = (try Self.moment("exp", values), try Self.moment("nbf", values))
        guard let cmds = values["cmds"] else {
            listed = nil
            return
        }
        guard let list = try? JSONDecoder().decode([String].self, from: Data(cmds.utf8)) else {
            throw PermissionError("cmds is not a list of texts: write [\"ls\",\"share show\"]")
        }
        if let odd = list.first(where: { !Self.isPath($0) }) {
            throw PermissionError("cmds has \"\(odd)\": a command is words with one blank between them, without flags")
        }
        listed = list
    }

    private static func checkBytes(_ payload: Data) throws(PermissionError) {
        guard payload.first == UInt8(ascii: "{"), payload.last == UInt8(ascii: "}") else {
            throw PermissionError("the permissions are not one JSON object without white space around it")
        }
        guard !payload.contains(where: { $0 < 32 || $0 == 127 }) else {
            throw PermissionError("the permissions hold a line break, a tab or another control character: write them in one line")
        }
        guard String(validating: payload, as: UTF8.self) != nil else { throw PermissionError("the permissions are not UTF-8") }
    }

    /// A plain number: `1e9`, `1.0` and `"1"` are refused.
    private static func moment(_ key: String, _ values: [String: String]) throws(PermissionError) -> Int? {
        guard let text = values[key] else { return nil }
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), !text.hasPrefix("0"), let number = Int(text), moments.contains(number)
        else {
            throw PermissionError("\(key) is \(text): write whole seconds since 1970, of the years 2000 to 2100, e.g. 1796083200")
        }
        return number
    }

    private static func isPath(_ text: String) -> Bool {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        return words.allSatisfy { word in !word.isEmpty && !word.hasPrefix("-") && word.utf8.allSatisfy { (33...126).contains($0) } }
    }

    /// What it may run.
    package var commands: [String] { listed ?? Self.defaultCommands }

    /// `words`: a command path, and for `ssh` the VM behind it: `ssh` allows each VM, `ssh my-vm` this one (facts/exedev.md §2.4).
    package func allows(_ path: String, vm: String? = nil) -> Bool {
        commands.contains(path) || (path == "ssh" && vm.map { commands.contains("ssh \($0)") } == true)
    }

    /// `now`: seconds since 1970.
    package func isValid(at now: Int) -> Bool { expires.map { now < $0 } ?? true && notBefore.map { now >= $0 } ?? true }

    private struct AnyValue: Decodable { init(from decoder: any Decoder) throws {} }
}
