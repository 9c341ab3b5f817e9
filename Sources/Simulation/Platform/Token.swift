package import Foundation

enum Base64URL {
    static func encode(_ data: Data) -> String {
        String(data.base64EncodedString().filter { $0 != "=" }.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }

    static func decode(_ text: some StringProtocol) -> Data? {
        guard !text.contains(where: { "+/=".contains($0) }) else { return nil }
        let plain = String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        return Data(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4))
    }
}

/// An `exe0` token taken apart: who signed it is not checked here.
package struct Token: Sendable, Equatable {
    package struct Malformed: Error {}

    /// What a token without `cmds` may run: `rm`, `restart`, `tag` are not among them (exe.dev's docs through cli, 2026-07).
    package static let defaultCommands: Set<String> = [
        "help", "ls", "new", "whoami", "ssh-key list", "share show", "exe0-to-exe1", "team", "team members",
    ]

    package let payload: Data
    package let signature: Data
    package let expires: Int?
    package let notBefore: Int?
    package let commands: Set<String>

    package init(_ text: String) throws(Malformed) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= 8192, parts.count == 3, parts[0] == "exe0", let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2]), let fields = Token.fields(of: payload)
        else { throw Malformed() }
        self.payload = payload
        self.signature = signature
        expires = try Token.moment(fields["exp"])
        notBefore = try Token.moment(fields["nbf"])
        switch fields["cmds"] {
        case nil: commands = Token.defaultCommands
        case let list as [String]: commands = Set(list)
        default: throw Malformed()
        }
    }

    /// Strict: an object of the four known keys, each once, with nothing around it.
    private static func fields(of payload: Data) -> [String: Any]? {
        guard payload.first == UInt8(ascii: "{"), payload.last == UInt8(ascii: "}"), !payload.contains(0), !payload.contains(10),
            let fields = try? JSONSerialization.jsonObject(with: payload) as? [String: Any],
            Set(fields.keys).isSubset(of: ["exp", "nbf", "cmds", "ctx"])
        else { return nil }
        let text = String(decoding: payload, as: UTF8.self)
        let twice = ["exp", "nbf", "cmds"].contains { text.components(separatedBy: "\"\($0)\":").count > 2 }
        return twice ? nil : fields
    }

    private static func moment(_ value: Any?) throws(Malformed) -> Int? {
        guard let value else { return nil }
        guard let number = value as? Int, (946_684_800...4_102_444_800).contains(number) else { throw Malformed() }
        return number
    }

    package func isValid(at now: Int) -> Bool {
        now < expires ?? .max && now >= notBefore ?? 0
    }

    /// As `ssh-keygen -Y verify` wants it.
    var armored: String {
        "-----BEGIN SSH SIGNATURE-----\n\(signature.base64EncodedString(options: .lineLength76Characters))\n-----END SSH SIGNATURE-----\n"
    }
}
