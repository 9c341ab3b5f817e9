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
            let signature = Base64URL.decode(parts[2]), let fields = TokenPayload(payload),
            Set(fields.values.keys).isSubset(of: ["exp", "nbf", "cmds", "ctx"])
        else { throw Malformed() }
        self.payload = payload
        self.signature = signature
        expires = try fields.moment("exp")
        notBefore = try fields.moment("nbf")
        commands = try fields.strings("cmds").map(Set.init) ?? Token.defaultCommands
    }

    package func isValid(at now: Int) -> Bool {
        now < expires ?? .max && now >= notBefore ?? 0
    }

    /// As `ssh-keygen -Y verify` wants it.
    var armored: String {
        "-----BEGIN SSH SIGNATURE-----\n\(signature.base64EncodedString(options: .lineLength76Characters))\n-----END SSH SIGNATURE-----\n"
    }
}
