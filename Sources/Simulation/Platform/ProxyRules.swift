import Foundation
import Tokens

/// `VM.exe.xyz[:port]`, as a Host header has it.
struct ProxyHost: Sendable, Hashable {
    let vm: String
    /// Nil is the port that is shared.
    let port: Int?
    /// As it was sent, in lower case.
    let text: String

    init?(_ text: String) {
        let text = text.lowercased()
        guard let match = text.wholeMatch(of: /([a-z0-9-]+)\.exe\.xyz(?::([0-9]{1,5}))?/) else { return nil }
        (vm, self.text) = (String(match.1), text)
        let number = match.2.flatMap { Int($0) }
        port = number == 443 ? nil : number
    }
}

/// Who is logged in, or whose key has signed the token.
struct Visitor: Sendable, Hashable {
    var userID: String
    var email: String
    /// Who does not own the VM reaches the shared port alone (api-evangelist changelog, 2026-02-25), if it is public or shared with them.
    var isOwner = true
    /// The `ctx` of the token, as it is written there.
    var context: String?
}

/// Whom exe.dev's HTTPS proxy lets in to which port of a VM (facts/exedev.md §3.2, §7, doc:proxy). Rules over values: what a request shows goes in,
/// what becomes of it comes out.
enum ProxyRules {
    /// Those that are reached beside the one that is shared, and can never be public.
    static let ports = 3000...9999

    /// What a request has to show.
    enum Pass: Hashable {
        case none
        /// A token that does not count.
        case void
        case visitor(Visitor)
    }

    enum Decision: Hashable {
        case forward(port: Int, Visitor?)
        case toLogin
        case refuse(Int, String)
    }

    static func decide(_ host: ProxyHost, _ vm: VirtualMachine?, _ pass: Pass, isBrowser: Bool, now: Double) -> Decision {
        guard let vm else { return .refuse(404, AccountRefusal.notFound(host.vm).text) }
        let port = host.port ?? vm.port
        guard host.port == nil || ports.contains(port) else { return .refuse(404, "port \(port) is not proxied") }
        let visitor: Visitor?
        switch pass {
        case .void: return .refuse(401, "invalid token")
        case .visitor(let known):
            let isInvited = port == vm.port && (vm.isPublic || vm.sharedWith.contains(known.email))
            guard known.isOwner || isInvited else { return .refuse(403, "\(known.email) has no access") }
            visitor = known
        case .none where vm.isPublic && port == vm.port: visitor = nil
        case .none: return isBrowser ? .toLogin : .refuse(401, "authentication required")
        }
        guard vm.status(at: now) == .running else { return .refuse(502, AccountRefusal.notRunning(vm.name).text) }
        return .forward(port: port, visitor)
    }

    // MARK: tokens

    /// The token that a request shows. Another `Authorization` is the VM's own affair.
    static func token(in headers: [String: String]) -> String? {
        if let preferred = headers["x-exedev-authorization"] { return value(of: preferred, "bearer") ?? "" }
        guard let text = headers["authorization"] else { return nil }
        let basic = value(of: text, "basic").flatMap { Data(base64Encoded: $0) }.map { String(decoding: $0, as: UTF8.self) }
        let password = basic.flatMap { pair in pair.firstIndex(of: ":").map { String(pair[pair.index(after: $0)...]) } }
        let token = value(of: text, "bearer") ?? password
        return token.flatMap { $0.hasPrefix("exe0.") || $0.hasPrefix("exe1.") ? $0 : nil }
    }

    private static func value(of header: String, _ scheme: String) -> String? {
        let words = header.split(separator: " ", maxSplits: 1)
        return words.count == 2 && words[0].lowercased() == scheme ? words[1].trimmingCharacters(in: .whitespaces) : nil
    }

    /// What a token stands for. It does so only if the signature of `signed` is good.
    struct Claim {
        var visitor: Visitor
        /// Nil of an `exe1` token.
        var signed: SignedToken?
    }

    /// Nil for a token that does not count at this VM: of another namespace, over or not yet valid, by a key that is not registered or is another VM's
    /// or another tag's.
    static func claim(_ text: String, on vm: VirtualMachine, _ register: KeyRegister, owner: Visitor, now: Int) -> Claim? {
        let namespace = SignedToken.proxy(of: vm.name)
        var visitor = owner
        if let issued = register.issued(text, at: now) {
            guard issued.namespace == namespace, register.keys.contains(where: { $0.fingerprint == issued.fingerprint && $0.covers(vm) })
            else { return nil }
            visitor.context = issued.permissions.flatMap { try? Permissions(Data($0.utf8)) }?.context
            return Claim(visitor: visitor)
        }
        guard let token = try? SignedToken(text), token.signature.namespace == namespace, token.permissions.isValid(at: now),
            let key = register.key(line: token.signature.publicLine), key.covers(vm)
        else { return nil }
        visitor.context = token.permissions.context
        return Claim(visitor: visitor, signed: token)
    }
}

extension KeyRegister.Key {
    fileprivate func covers(_ machine: VirtualMachine) -> Bool {
        (tag.map(machine.tags.contains) ?? true) && (vm.map { $0 == machine.name } ?? true)
    }
}
