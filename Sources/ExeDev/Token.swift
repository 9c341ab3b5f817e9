import Files
import FoundationEssentials
package import Tokens

/// An API token. Its description does not show it.
package struct ExeDevToken: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let text: String
    /// A variable or a file.
    package let place: String

    /// Throws for a text that cannot be a token (facts/exedev.md §3: `exe0.…` or `exe1.…`, 8 KB at most, and fit for a header).
    package init(_ raw: String, from place: String) throws(TokenError) {
        let trimmed = raw.split(whereSeparator: \.isWhitespace)
        guard let only = trimmed.first else { throw TokenError(description: "\(place) is empty") }
        guard trimmed.count == 1, only.utf8.count <= 8192, only.utf8.allSatisfy({ (33...126).contains($0) }),
            only.hasPrefix("exe0.") || only.hasPrefix("exe1.")
        else {
            throw TokenError(description: "\(place) does not hold an exe.dev API token (exe0.… or exe1.…)")
        }
        (text, self.place) = (String(only), place)
    }

    /// What a message may say of it. `now`: seconds since 1970.
    func credential(now: Double) -> Credential {
        // An `exe1` token is opaque.
        let permissions = try? SignedToken.permissions(of: text)
        let day = { (moment: Int) in Date(timeIntervalSince1970: Double(moment)).ISO8601Format() }
        var credential = Credential(place: place, ended: permissions?.expires.flatMap { Double($0) <= now ? day($0) : nil })
        credential.begins = permissions?.notBefore.flatMap { Double($0) > now ? day($0) : nil }
        let namespace = (try? SignedToken(text))?.signature.namespace
        credential.foreign = namespace.flatMap { $0 == SignedToken.lobby ? nil : $0 }
        return credential
    }

    /// An `exe0` token; an `exe1` token is opaque.
    package var isSigned: Bool { text.hasPrefix("exe0.") }

    /// Taken apart; throws for an `exe1` token, and for an `exe0` token that is damaged.
    package func signed() throws(PermissionError) -> SignedToken { try SignedToken(text) }

    /// To be sent in a header.
    package var headerText: String { text }

    /// To be sent, where a signed token is asked for.
    package func signedText() throws(PermissionError) -> String {
        _ = try signed()
        return text
    }

    /// A signature alone makes a token, with a payload that everybody can write.
    package var secrets: [(name: String, value: String)] {
        [("exe-dev-api-key", text)] + (text.split(separator: ".").last.map { [("exe-dev-api-key", String($0))] } ?? [])
    }

    /// `file` (of `--token-file`), then `EXE_DEV_API_KEY`, `EXE_DEV_API_KEY_FILE`, then systemd's credential `exe-dev-api-key`.
    package static func load(environment: [String: String], file: String?, credentialsDirectory: String?) throws(TokenError) -> ExeDevToken
    {
        if let file { return try ExeDevToken(read(file), from: file) }
        if let value = environment["EXE_DEV_API_KEY"] { return try ExeDevToken(value, from: "$EXE_DEV_API_KEY") }
        if let file = environment["EXE_DEV_API_KEY_FILE"] { return try ExeDevToken(read(file), from: file) }
        if let directory = credentialsDirectory {
            let credential = directory + "/exe-dev-api-key"
            if FileManager.default.fileExists(atPath: credential) { return try ExeDevToken(read(credential), from: credential) }
        }
        throw TokenError(
            description: """
                there is no exe.dev API token
                  set $EXE_DEV_API_KEY, or pass --token-file FILE, or give systemd LoadCredential=exe-dev-api-key:FILE
                """)
    }

    private static func read(_ file: String) throws(TokenError) -> String {
        do throws(FileError) {
            guard let bytes = try RegularFile.read(file) else { throw FileError(description: "there is no file \(file)") }
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            throw TokenError(description: "cannot read the API token: \(error)")
        }
    }

    package var description: String { "<token>" }
    package var debugDescription: String { "<token>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Which token was sent, without the token.
package struct Credential: Sendable, Hashable {
    /// The variable or the file that holds it.
    package var place: String
    package var kind: Kind
    /// When it ended, by our clock and its own payload; nil when it has not, or nobody can tell.
    package var ended: String?
    /// When it begins, likewise; nil when it has.
    package var begins: String?
    /// What it was signed for, where that is not exe.dev itself.
    package var foreign: String?

    /// Why it may have been refused, as far as it tells itself.
    var reasons: String {
        let reasons = [
            ended.map { "; it ended at \($0)" }, begins.map { "; it begins at \($0)" },
            foreign.map { "; it was signed for \($0), not for \(SignedToken.lobby)" },
        ]
        return reasons.compactMap(\.self).joined()
    }

    package enum Kind: String, Sendable {
        case token = "API token"
        case sshKey = "SSH key"
    }

    package init(place: String, kind: Kind = .token, ended: String? = nil) {
        (self.place, self.kind, self.ended) = (place, kind, ended)
    }
}

package struct TokenError: Error, Sendable, CustomStringConvertible {
    package var description: String
}
