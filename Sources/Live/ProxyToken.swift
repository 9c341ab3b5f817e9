import FoundationEssentials
import Tokens

/// A token of one VM, for exe.dev's HTTPS proxy in front of it (facts/exedev.md §7): signed on this machine, and good for a quarter of an hour.
package struct ProxyToken: Sendable {
    package static let seconds = 900.0

    package let text: String
    /// Seconds since 1970.
    package let ends: Double

    /// The proxy takes it out before the VM sees it.
    package var headerLine: String { "X-Exedev-Authorization: Bearer \(text)" }

    private static func permissions(until end: Double) throws -> Permissions { try Permissions(Data("{\"exp\":\(Int(end))}".utf8)) }

    /// Blocks, and may ask for a passphrase. `now`: seconds since 1970.
    package static func sign(vm: String, key: String, _ program: SignatureProgram, now: Double) throws -> ProxyToken {
        let permissions = try permissions(until: now + seconds)
        let signature = try program.sign(permissions, namespace: SignedToken.proxy(of: vm), key: key)
        return ProxyToken(text: try SignedToken(permissions, signature).text, ends: now + seconds)
    }

    /// The same where nobody can be asked.
    static func signAlone(vm: String, key: String, _ program: SignatureProgram, now: Double) async throws -> ProxyToken {
        let permissions = try permissions(until: now + seconds)
        let signature = try await program.signAlone(permissions, namespace: SignedToken.proxy(of: vm), key: key)
        return ProxyToken(text: try SignedToken(permissions, signature).text, ends: now + seconds)
    }
}
