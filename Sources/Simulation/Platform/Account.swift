/// One of an account's VMs, with whatever the holder of the account knows of its inside.
package protocol Hosted: Sendable {
    var vm: VirtualMachine { get set }
}

extension VirtualMachine: Hosted {
    package var vm: VirtualMachine {
        get { self }
        set { self = newValue }
    }
}

/// An account of exe.dev: its VMs in the order of their names, and what each command does to them. A value with time as a parameter; the wire
/// serves it over machines that boot, the in-memory world over machines that are values, so the two cannot disagree.
package struct Account<Host: Hosted>: Sendable {
    package var hosts: [Host] = []
    private var nextIndex = 0
    /// Names that somebody else has.
    package var foreignNames: Set<String> = []
    package var quota = Int.max
    /// Where new VMs are created; nil is where it began.
    package var region: String?
    /// How large a VM may be, and a disk without anybody's approval.
    package var largestCPU = Int.max
    package var selfServeDisk = "1000GB"
    package var preferences = Preferences()
    /// The devices of the owner's tailnet, and the VM behind each. One stays when its VM goes, unless the VM logged out.
    private(set) package var devices: [String: Int] = [:]

    package init() {}
}

extension Account: Codable where Host: Codable {
    private enum CodingKeys: String, CodingKey { case hosts = "vms", nextIndex, devices, region, preferences }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        hosts = try container.decode([Host].self, forKey: .hosts)
        nextIndex = try container.decode(Int.self, forKey: .nextIndex)
        region = try container.decodeIfPresent(String.self, forKey: .region)
        devices = try container.decodeIfPresent([String: Int].self, forKey: .devices) ?? [:]
        preferences = try container.decodeIfPresent(Preferences.self, forKey: .preferences) ?? Preferences()
    }
}

extension Account {
    /// A VM joins the tailnet, as the device that it was before. Another device of its name keeps it: Tailscale puts a number behind the new one.
    @discardableResult
    package mutating func join(_ vm: VirtualMachine) -> String {
        if let name = devices.first(where: { $0.value == vm.index })?.key { return name }
        var (name, number) = (vm.name, 0)
        while devices[name] != nil {
            number += 1
            name = "\(vm.name)-\(number)"
        }
        devices[name] = vm.index
        return name
    }

    package mutating func logOut(_ vm: VirtualMachine) { devices = devices.filter { $0.value != vm.index } }
}

/// Why exe.dev does not do what it was asked for.
package enum AccountRefusal: Error, Sendable, Hashable {
    case nameTaken(String), limitReached
    case notFound(String), notRunning(String), notPaused(String)
    /// Its sshd does not answer.
    case notReady
    case invalid(String)

    package var text: String {
        switch self {
        case .nameTaken(let name): "VM name \"\(name)\" is not available"
        // boldsoftware/exe.dev#190
        case .limitReached:
            "You have reached the maximum number of VMs allowed on your plan. Delete an existing VM to create a new one."
        case .notFound(let name): "VM \"\(name)\" not found"
        case .notRunning(let name): "VM \"\(name)\" is not running."
        case .notPaused(let name): "VM \"\(name)\" is not paused."
        case .notReady: "failed to connect to VM: connection refused"
        case .invalid(let text): text
        }
    }
}

/// What `new` is asked for.
package struct NewVM: Sendable {
    package var name: String
    package var tags: [String] = []
    package var comment = ""
    package var make = VirtualMachine.Make()
}

extension Account {
    package func place(of name: String) -> Int? {
        for place in hosts.indices where hosts[place].vm.name == name { return place }
        return nil
    }

    /// Under whatever name it has by now.
    package func place(index: Int) -> Int? { hosts.firstIndex { $0.vm.index == index } }

    package func find(_ name: String) throws(AccountRefusal) -> Int {
        guard let place = place(of: name) else { throw .notFound(name) }
        return place
    }

    /// `host`: the machine that the VM becomes. It is `starting` until somebody says from when it runs.
    @discardableResult
    package mutating func create(_ new: NewVM, createdAt: (Int) -> String, host: (VirtualMachine) -> Host) throws(AccountRefusal) -> Host {
        try check(new)
        var vm = VirtualMachine(name: new.name, index: nextIndex, createdAt: createdAt(nextIndex), make: new.make)
        (vm.tags, vm.comment, vm.region) = (new.tags, new.comment, region)
        // One that was renamed may be called like this VM. No name is as short as this.
        if hosts.contains(where: { $0.vm.machine == new.name }) { vm.rename(new.name, machine: "v\(nextIndex)") }
        nextIndex += 1
        let made = host(vm)
        insert(made)
        return made
    }

    private mutating func insert(_ host: Host) {
        hosts.insert(host, at: hosts.firstIndex { host.vm.name < $0.vm.name } ?? hosts.endIndex)
    }

    /// Its host stays what it is; the old name is free at once.
    @discardableResult
    package mutating func rename(_ old: String, _ new: String) throws(AccountRefusal) -> Host {
        let place = try find(old)
        try check(name: new)
        var host = hosts.remove(at: place)
        host.vm.rename(new)
        insert(host)
        return host
    }

    private func check(name: String) throws(AccountRefusal) {
        guard VirtualMachine.isName(name) else {
            throw .invalid(
                "invalid VM name: 5-52 characters: start with a lowercase letter, then lowercase letters or digits, "
                    + "with optional single hyphen separators")
        }
        guard place(of: name) == nil, !foreignNames.contains(name) else { throw .nameTaken(name) }
    }

    private func check(_ new: NewVM) throws(AccountRefusal) {
        try check(name: new.name)
        guard hosts.count < quota else { throw .limitReached }
        try Self.check(tags: new.tags)
        try Self.check(comment: new.comment)
    }

    private static func check(tags: [String]) throws(AccountRefusal) {
        if let bad = tags.first(where: { !VirtualMachine.isTag($0) }) { throw .invalid("invalid tag \"\(bad)\"") }
    }

    private static func check(comment: String) throws(AccountRefusal) {
        if comment.utf8.count > 200 { throw .invalid("comment is longer than 200 bytes") }
    }

    /// Nil when there is none of that name.
    @discardableResult
    package mutating func remove(_ name: String) -> Host? { place(of: name).map { hosts.remove(at: $0) } }

    /// A power cut for one that runs, a start for one that was stopped, which lists show so many seconds later. Whether it was stopped.
    package mutating func restart(_ name: String, now: Double, listedAfter lag: Double) throws(AccountRefusal) -> Bool {
        let place = try find(name)
        let wasStopped = hosts[place].vm.isStopped
        if wasStopped { hosts[place].vm.listedStoppedUntil = now + lag }
        hosts[place].vm.runs(from: now)
        return wasStopped
    }

    /// Its memory is kept, and nothing of it runs.
    package mutating func pause(_ name: String, now: Double) throws(AccountRefusal) {
        let place = try find(name)
        guard hosts[place].vm.status(at: now) == .running else { throw .notRunning(name) }
        hosts[place].vm.pausedAt = now
    }

    package mutating func resume(_ name: String) throws(AccountRefusal) {
        let place = try find(name)
        guard hosts[place].vm.isPaused else { throw .notPaused(name) }
        hosts[place].vm.pausedAt = nil
    }

    package mutating func tag(_ name: String, _ tags: [String], removing: Bool = false) throws(AccountRefusal) -> [String] {
        let place = try find(name)
        try Self.check(tags: tags)
        hosts[place].vm.tags.removeAll { tags.contains($0) }
        if !removing { hosts[place].vm.tags += tags }
        return hosts[place].vm.tags
    }

    package mutating func comment(_ name: String, _ text: String) throws(AccountRefusal) {
        let place = try find(name)
        try Self.check(comment: text)
        hosts[place].vm.comment = text
    }
}

extension VirtualMachine {
    package mutating func runs(from time: Double) {
        (isStopped, runningAt, pausedAt) = (false, time, nil)
        (make, next) = (next ?? make, nil)
    }

    /// Somebody stops it, or it stops by itself.
    package mutating func stop() { isStopped = true }
}
