import Digest
import Foundation
import Tokens

/// The SSH keys of an account and the tokens that exe.dev itself has made (facts/exedev.md §1.4, §3.2, §10.1). A signed token is not in it: it is as
/// good as its key.
package struct KeyRegister: Codable, Sendable {
    struct Key: Codable, Sendable {
        var name: String
        /// The kind and the key in base64, without a comment. Of an API key that exe.dev made: its fingerprint alone is known.
        var line: String
        /// For VMs with this tag only, or for this VM only.
        var tag: String?
        var vm: String?

        /// exe.dev's own, of a token that it made: nobody logs in with it.
        var isOfToken: Bool { line.hasPrefix("api-key ") }

        /// Whether it logs in on the VM (facts/exedev.md §5).
        func admits(_ host: VirtualMachine) -> Bool {
            !isOfToken && (tag.map(host.tags.contains) ?? true) && host.name == vm ?? host.name
        }

        var fingerprint: String {
            let blob = line.split(separator: " ").last.flatMap { Data(base64Encoded: String($0)) } ?? Data(line.utf8)
            return "SHA256:" + Data(sha256([UInt8](blob))).base64EncodedString().filter { $0 != "=" }
        }
    }

    /// An `exe1` token. It is void without the key that is behind it.
    struct Issued: Codable, Sendable {
        var text: String
        /// The permissions JSON.
        var permissions: String?
        var fingerprint: String
        var namespace: String
        var tag: String?
    }

    private(set) var keys: [Key]
    private(set) var issued: [Issued] = []

    init(owner line: String) { keys = [Key(name: "simulator", line: line)] }

    /// A key that logs in to the lobby.
    package struct Login: Sendable {
        var fingerprint: String
        var line: String
        var tag: String?
    }

    /// Neither those of one VM nor exe.dev's own, of tokens that it made.
    var logins: [Login] {
        let ofPeople = keys.filter { $0.vm == nil && !$0.isOfToken }
        return ofPeople.map { Login(fingerprint: $0.fingerprint, line: $0.line, tag: $0.tag) }
    }

    func key(line: String) -> Key? { keys.first { $0.line == line } }

    /// For one that is given none.
    func freeName(_ kind: String) -> String {
        var number = 1
        while keys.contains(where: { $0.name == "\(kind)-\(number)" }) { number += 1 }
        return "\(kind)-\(number)"
    }

    mutating func add(_ typed: String, tag: String?, vm: String?) throws(AccountRefusal) -> Key {
        let words = typed.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count >= 2, words[0].contains("-"), Data(base64Encoded: words[1]) != nil else { throw .invalid("invalid public key") }
        let key = Key(name: words.count > 2 ? words[2] : freeName("key"), line: "\(words[0]) \(words[1])", tag: tag, vm: vm)
        guard self.key(line: key.line) == nil else { throw .invalid("this key is registered already") }
        keys.append(key)
        return key
    }

    /// By its name, its fingerprint or itself; its tokens go with it.
    mutating func remove(_ which: String, scope: String?) throws(AccountRefusal) -> Key {
        let line = which.split(separator: " ").prefix(2).joined(separator: " ")
        let place = try place(scope, which) { $0.name == which || $0.fingerprint == which || $0.line == line }
        let key = keys.remove(at: place)
        issued.removeAll { $0.fingerprint == key.fingerprint }
        return key
    }

    mutating func rename(_ old: String, _ new: String, scope: String?) throws(AccountRefusal) {
        keys[try place(scope, old) { $0.name == old }].name = new
    }

    /// A tag-scoped key touches keys of its tag alone.
    private func place(_ scope: String?, _ which: String, where isMeant: (Key) -> Bool) throws(AccountRefusal) -> Int {
        guard let place = keys.firstIndex(where: { isMeant($0) && (scope == nil || $0.tag == scope) }) else {
            throw .invalid("SSH key \"\(which)\" not found")
        }
        return place
    }

    /// The keys of a VM follow its name. Its tokens are void: the old name is in them.
    mutating func rename(vm old: String, _ new: String) {
        for place in keys.indices where keys[place].vm == old { keys[place].vm = new }
        issued.removeAll { $0.namespace == SignedToken.proxy(of: old) }
    }

    /// An API key with a token.
    mutating func generate(label: String, cmds: [String]?, ends: Int?, tag: String?, vm: String?) -> Issued {
        let key = Key(name: label, line: "api-key \(Data(UUID().uuidString.utf8).base64EncodedString())", tag: tag, vm: vm)
        keys.append(key)
        let list = cmds.map { "\"cmds\":" + JSON.strings($0).text }
        let members = [ends.map { "\"exp\":\($0)" }, list].compactMap(\.self)
        return issue("{\(members.joined(separator: ","))}", key.fingerprint, vm.map(SignedToken.proxy) ?? SignedToken.lobby, tag)
    }

    mutating func issue(_ permissions: String?, _ fingerprint: String, _ namespace: String, _ tag: String?) -> Issued {
        let text = "exe1." + UUID().uuidString.replacingOccurrences(of: "-", with: "").lowercased()
        let token = Issued(text: text, permissions: permissions, fingerprint: fingerprint, namespace: namespace, tag: tag)
        issued.append(token)
        return token
    }

    /// Nil for one that is unknown, has ended, or whose key is gone.
    func issued(_ text: String, at now: Int) -> Issued? {
        guard let token = issued.first(where: { $0.text == text }), keys.contains(where: { $0.fingerprint == token.fingerprint }),
            token.permissions.map({ (try? Permissions(Data($0.utf8)))?.isValid(at: now) ?? false }) ?? true
        else { return nil }
        return token
    }
}

/// Who sends a command.
package struct Principal: Sendable {
    var permissions: Permissions?
    /// Only VMs with this tag are there for it.
    var tag: String?
    /// The fingerprint of its key.
    var key: String

    /// `vm`: of an `ssh`. Without a list of its own a tag-scoped key may all that such keys may.
    func allows(_ command: String, vm: String? = nil) -> Bool {
        if tag != nil {
            guard CommandUsage.all[command]?.isForTags == true else { return false }
            if permissions?.listed == nil { return true }
        }
        return permissions?.allows(command, vm: vm) ?? true
    }
}
