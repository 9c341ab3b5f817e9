/// Who and what reaches a VM beside its owner, and what that may do (facts/exedev.md §1.3).
package struct Access: Codable, Sendable, Hashable {
    package struct User: Codable, Sendable, Hashable {
        package var email: String
        /// Empty where nobody knows.
        package var invitedAt = ""
        /// May log in; else only the shared port.
        package var isRoot = false
    }

    package struct Link: Codable, Sendable, Hashable {
        package var token: String
        package var createdAt: String
        package var uses = 0
        package var usedAt: String?
    }

    package struct Domain: Codable, Sendable, Hashable {
        package var name: String
        package var hasWildcard = false
    }

    /// Whom the VM may write to.
    package enum ReplyPolicy: String, Codable, Sendable, CaseIterable { case all, known, owner, none }

    package var users: [User] = []
    package var links: [Link] = []
    package var domains: [Domain] = []
    /// The owner's team.
    package var hasTeam = false
    package var teamIsRoot = false
    package var receivesEmail = false
    package var replyPolicy = ReplyPolicy.known
    package var supportIsRoot = false

    package init() {}
}

/// What a command of `share` changes.
package enum Sharing: Sendable, Hashable {
    case port(Int), isPublic(Bool)
    case add(String, at: String = "", asRoot: Bool = false)
    case remove(String)
    /// Takes the login and leaves the port.
    case demote(String)
    case addLink(String, at: String), removeLink(String)
    /// Somebody who is logged in comes by it, and stays in when the link goes (doc:sharing).
    case useLink(String, by: String, at: String)
    case team(Bool), teamIsRoot(Bool)
    case receivesEmail(Bool), replyPolicy(Access.ReplyPolicy)
}

extension Account {
    /// Share commands reach into the VM, so they fail until its sshd answers (pulumi, 2026-07).
    package mutating func share(_ name: String, _ changes: [Sharing], isReachable: Bool) throws(AccountRefusal) -> VirtualMachine {
        let place = try find(name)
        guard isReachable else { throw .notReady }
        for change in changes { try hosts[place].vm.share(change) }
        return hosts[place].vm
    }

    /// A domain serves one VM of all that there are.
    package mutating func add(_ domain: Access.Domain, to name: String) throws(AccountRefusal) {
        let place = try find(name)
        if let other = hosts.first(where: { host in host.vm.access.domains.contains { $0.name == domain.name } }) {
            throw .invalid("domain \"\(domain.name)\" is already registered to VM \"\(other.vm.name)\"")
        }
        hosts[place].vm.access.domains.append(domain)
    }

    package mutating func remove(domain: String, from name: String) throws(AccountRefusal) {
        let place = try find(name)
        guard let at = hosts[place].vm.access.domains.firstIndex(where: { $0.name == domain }) else {
            throw .invalid("domain \"\(domain)\" not found on VM \"\(name)\"")
        }
        hosts[place].vm.access.domains.remove(at: at)
    }
}

extension VirtualMachine {
    fileprivate mutating func share(_ change: Sharing) throws(AccountRefusal) {
        switch change {
        case .port(let port):
            guard (1...65535).contains(port) else { throw .invalid("invalid port \"\(port)\"") }
            self.port = port
        case .isPublic(let flag): isPublic = flag
        case .add(let person, let time, let asRoot): add(Self.address(person), time, asRoot)
        case .remove(let person): access.users.removeAll { $0.email == Self.address(person) }
        case .demote(let person):
            guard let place = access.users.firstIndex(where: { $0.email == Self.address(person) }) else {
                throw .invalid("VM \"\(name)\" is not shared with \(person)")
            }
            access.users[place].isRoot = false
        case .addLink(let token, let time): access.links.append(Access.Link(token: token, createdAt: time))
        case .removeLink(let token):
            guard let place = access.links.firstIndex(where: { $0.token == token }) else { throw .invalid("share link not found") }
            access.links.remove(at: place)
        case .useLink(let token, let person, let time):
            guard let place = access.links.firstIndex(where: { $0.token == token }) else { throw .invalid("share link not found") }
            access.links[place].uses += 1
            access.links[place].usedAt = time
            add(Self.address(person), time, false)
        case .team(let isIn): (access.hasTeam, access.teamIsRoot) = (isIn, isIn && access.teamIsRoot)
        case .teamIsRoot(let flag): (access.hasTeam, access.teamIsRoot) = (access.hasTeam || flag, flag)
        case .receivesEmail(let flag): access.receivesEmail = flag
        case .replyPolicy(let policy): access.replyPolicy = policy
        }
    }

    /// Who is in stays as they are, or becomes more.
    private mutating func add(_ email: String, _ time: String, _ asRoot: Bool) {
        guard let place = access.users.firstIndex(where: { $0.email == email }) else {
            return access.users.append(Access.User(email: email, invitedAt: time, isRoot: asRoot))
        }
        access.users[place].isRoot = asRoot || access.users[place].isRoot
    }

    /// As mail systems do; nothing public says whether exe.dev does.
    private static func address(_ person: String) -> String { person.lowercased() }
}
