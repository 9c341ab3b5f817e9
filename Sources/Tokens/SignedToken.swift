package import FoundationEssentials

/// An `exe0` token taken apart (facts/exedev.md §3.1): `exe0.`, the permissions and the signature, each in base64url. Whether the signature is
/// good is not checked here.
package struct SignedToken: Sendable, Hashable {
    /// Bytes that a token may have (facts/exedev.md §3.2).
    package static let mostBytes = 8192

    package let permissions: Permissions
    package let signature: SSHSignature

    package init(_ text: String) throws(PermissionError) {
        guard text.utf8.count <= Self.mostBytes else {
            throw PermissionError("the token has \(text.utf8.count) bytes; \(Self.mostBytes) are allowed")
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.first == "exe0" else { throw PermissionError("it is no exe0 token") }
        guard parts.count == 3, let signature = Base64URL.decode(parts[2]) else { throw Self.damaged }
        permissions = try Self.permissions(of: text)
        self.signature = try SSHSignature(signature)
    }

    private static let damaged = PermissionError("the token is not exe0.PERMISSIONS.SIGNATURE in base64url: it is damaged")

    /// What a token says that it may, whatever its signature is.
    package static func permissions(of text: String) throws(PermissionError) -> Permissions {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.first == "exe0", parts.count == 3, let payload = Base64URL.decode(parts[1]) else { throw damaged }
        return try Permissions(payload)
    }

    package init(_ permissions: Permissions, _ signature: SSHSignature) throws(PermissionError) {
        (self.permissions, self.signature) = (permissions, signature)
        let count = text.utf8.count
        guard count <= Self.mostBytes else {
            throw PermissionError("the token would have \(count) bytes; \(Self.mostBytes) are allowed: shorten ctx or cmds")
        }
    }

    package var text: String { "exe0.\(Base64URL.encode(permissions.payload)).\(Base64URL.encode(signature.blob))" }

    /// What a token of the lobby is signed for, and one of a VM's HTTPS proxy (facts/exedev.md §3.2).
    package static let lobby = "v0@exe.dev"
    package static func proxy(of vm: String) -> String { "v0@\(vm).exe.xyz" }

    /// The VM whose proxy, or web terminal, takes tokens that are signed for `namespace`; nil for one of the lobby, and for what nothing takes.
    package static func vm(of namespace: String) -> String? {
        guard let match = namespace.wholeMatch(of: /v0@([a-z0-9][a-z0-9-]*)(\.xterm)?\.exe\.xyz/) else { return nil }
        return String(match.1)
    }
}

/// A signature as `ssh-keygen -Y sign` makes it (PROTOCOL.sshsig of OpenSSH).
package struct SSHSignature: Sendable, Hashable {
    package let blob: Data
    /// As it stands in an authorized_keys file, in base64 there.
    package let publicKey: Data
    /// The kind of that key, e.g. `ssh-ed25519`.
    package let keyKind: String
    package let namespace: String

    package init(_ blob: Data) throws(PermissionError) {
        var reader = Reader(rest: blob)
        guard reader.take(6) == Data("SSHSIG".utf8), reader.number() == 1, let key = reader.string(), let space = reader.string(),
            let reserved = reader.string(), let hash = reader.string(), reader.string() != nil, reader.rest.isEmpty
        else { throw PermissionError("the token's signature is no SSH signature of version 1") }
        var inside = Reader(rest: key)
        guard reserved.isEmpty, ["sha256", "sha512"].contains(String(decoding: hash, as: UTF8.self)), let kind = inside.string(),
            kind.allSatisfy({ (33...126).contains($0) })
        else { throw PermissionError("the token's SSH signature has parts that are not known") }
        (self.blob, publicKey) = (blob, key)
        (keyKind, namespace) = (String(decoding: kind, as: UTF8.self), String(decoding: space, as: UTF8.self))
    }

    /// Of what `ssh-keygen -Y sign` writes.
    package init(armored text: String) throws(PermissionError) {
        let lines = text.split(whereSeparator: \.isNewline)
        guard lines.first == "-----BEGIN SSH SIGNATURE-----", lines.last == "-----END SSH SIGNATURE-----",
            let blob = Data(base64Encoded: lines.dropFirst().dropLast().joined())
        else { throw PermissionError("ssh-keygen wrote no SSH signature") }
        try self.init(blob)
    }

    /// As `ssh-keygen -Y verify` reads it.
    package var armored: String {
        var lines = ["-----BEGIN SSH SIGNATURE-----"]
        var rest = blob.base64EncodedString()[...]
        while !rest.isEmpty {
            lines.append(String(rest.prefix(70)))
            rest = rest.dropFirst(70)
        }
        return (lines + ["-----END SSH SIGNATURE-----", ""]).joined(separator: "\n")
    }

    /// As a line of an authorized_keys file, without a comment.
    package var publicLine: String { "\(keyKind) \(publicKey.base64EncodedString())" }

    /// Strings of the SSH wire: a length in four bytes, then the bytes.
    private struct Reader {
        var rest: Data

        mutating func take(_ count: Int) -> Data? {
            guard count <= rest.count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Data(rest.prefix(count))
        }

        mutating func number() -> Int? { take(4)?.reduce(0) { $0 << 8 | Int($1) } }

        mutating func string() -> Data? { number().flatMap { take($0) } }
    }
}
