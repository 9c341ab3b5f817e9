/// Reserved CPUs that VMs share (facts/exedev.md §10.5; doc:cli-pool).
package struct Pool: Codable, Sendable, Hashable {
    var id: String
    var name: String
    var cpus: Int
    var region: String
    var maxVMs: Int
    /// The VMs in it, by their indices.
    var members: [Int] = []

    /// 2 GiB and 25 VMs a CPU, 1000 VMs at most.
    var capacity: Int { min(maxVMs, cpus * 25, 1000) }

    static func check(cpus: Int?) throws(AccountRefusal) -> Int {
        guard let cpus, (4...512).contains(cpus), cpus % 2 == 0 else { throw .invalid("--cpus must be an even number from 4 through 512") }
        return cpus
    }
}

extension Preferences {
    func pool(_ name: String) throws(AccountRefusal) -> Int {
        guard let place = pools.firstIndex(where: { $0.name == name }) else { throw .invalid("pool \"\(name)\" not found") }
        return place
    }

    /// Puts a VM into one pool, or with nil into none.
    mutating func move(_ vm: Int, into name: String?) throws(AccountRefusal) {
        let place = try name.map { name throws(AccountRefusal) in try pool(name) }
        if let place, pools[place].members.count >= pools[place].capacity, !pools[place].members.contains(vm) {
            throw .invalid("pool \"\(pools[place].name)\" is full: \(pools[place].capacity) VMs")
        }
        for other in pools.indices { pools[other].members.removeAll { $0 == vm } }
        if let place { pools[place].members.append(vm) }
    }
}

/// Their answers are documented in words, not in fields: these are the simulator's own.
extension Platform {
    func pools(_ call: Invocation) throws -> JSON {
        switch call.path {
        case "pool list": return try listPools(call)
        case "pool hosts": return .object([("hosts", .list([]))])
        case "pool adopt", "pool detach": return try movePool(call)
        case "pool new": return try newPool(call)
        case "pool resize":
            let (name, cpus) = (try operand(call, 0), try call.value("cpus").map { text in try Pool.check(cpus: Int(text)) })
            let most = try maxVMs(call)
            guard cpus != nil || most != nil else { throw usage(call) }
            return try changePool(name) { pool throws(AccountRefusal) in
                (pool.cpus, pool.maxVMs) = (cpus ?? pool.cpus, most ?? pool.maxVMs)
                guard pool.members.count <= pool.capacity || call.has("force") else {
                    throw .invalid("pool \"\(name)\" has \(pool.members.count) VMs")
                }
            }
        case "pool rename":
            let (old, new) = (try operand(call, 0), try operand(call, 1))
            guard !account.preferences.pools.contains(where: { $0.name == new }) else { throw taken(new) }
            return try changePool(old) { pool throws(AccountRefusal) in pool.name = new }
        default:
            let name = try operand(call, 0)
            try change { account throws(AccountRefusal) in
                let place = try account.preferences.pool(name)
                let count = account.preferences.pools[place].members.count
                guard count == 0 || call.has("force") else { throw .invalid("pool \"\(name)\" has \(count) VMs: use --force") }
                account.preferences.pools.remove(at: place)
            }
            return .object([("status", "deleted"), ("name", .string(name))])
        }
    }

    private func taken(_ name: String) -> AccountRefusal { .invalid("pool name \"\(name)\" is not available") }

    private func maxVMs(_ call: Invocation) throws(AccountRefusal) -> Int? {
        guard let text = call.value("max-vms") else { return nil }
        guard let number = Int(text), (1...1000).contains(number) else { throw .invalid("--max-vms must be from 1 through 1000") }
        return number
    }

    private func newPool(_ call: Invocation) throws -> JSON {
        let (name, cpus) = (try operand(call, 0), try Pool.check(cpus: call.value("cpus").flatMap { Int($0) }))
        let (region, most) = (call.value("region") ?? region, try maxVMs(call) ?? 1000)
        guard Self.regions[region] != nil else { throw AccountRefusal.invalid("unknown region \"\(region)\"") }
        guard !account.preferences.pools.contains(where: { $0.name == name }) else { throw taken(name) }
        let pool = Pool(id: "pool-\(account.preferences.poolsMade + 1)", name: name, cpus: cpus, region: region, maxVMs: most)
        try change { account throws(AccountRefusal) in
            account.preferences.poolsMade += 1
            account.preferences.pools.append(pool)
        }
        return row(pool)
    }

    private func listPools(_ call: Invocation) throws -> JSON {
        let (name, range) = (call.words.first, call.value("range") ?? "live")
        guard ["live", "24h", "7d", "30d"].contains(range), call.value("range") == nil || call.has("usage") else { throw usage(call) }
        let pools = account.preferences.pools.filter { $0.name == name ?? $0.name }
        guard name == nil || !pools.isEmpty else { throw AccountRefusal.invalid("pool \"\(name ?? "")\" not found") }
        return .object([("pools", .list(pools.map(row)))] + (call.has("usage") ? [("range", .string(range))] : []))
    }

    private func movePool(_ call: Invocation) throws -> JSON {
        guard let typed = call.value("vm"), call.path == "pool detach" || call.value("pool") != nil else { throw usage(call) }
        let (vm, name) = (try named(typed), call.path == "pool adopt" ? call.value("pool") : nil)
        guard name != nil || pool(of: vm) != nil else { throw AccountRefusal.invalid("VM \"\(vm.name)\" is in no pool") }
        try change { account throws(AccountRefusal) in try account.preferences.move(vm.index, into: name) }
        return .object(
            [("vm_name", .string(vm.name))] + membership(of: vm) + (name == nil ? [("standalone", .bool(!call.has("poolless")))] : []))
    }

    private func changePool(_ name: String, _ body: (inout Pool) throws(AccountRefusal) -> Void) throws -> JSON {
        row(
            try change { account throws(AccountRefusal) in
                let place = try account.preferences.pool(name)
                var pool = account.preferences.pools[place]
                try body(&pool)
                account.preferences.pools[place] = pool
                return pool
            })
    }

    private func row(_ pool: Pool) -> JSON {
        let names = account.hosts.filter { pool.members.contains($0.index) }.map(\.name)
        return .object([
            ("pool_id", .string(pool.id)), ("name", .string(pool.name)), ("cpus", .number(pool.cpus)),
            ("memory_gib", .number(pool.cpus * 2)), ("region", .string(pool.region)), ("max_vms", .number(pool.capacity)),
            ("vms", .strings(names)),
        ])
    }

    private func pool(of vm: VirtualMachine) -> Pool? { account.preferences.pools.first { $0.members.contains(vm.index) } }

    /// As `new` and `cp` tell it.
    func membership(of vm: VirtualMachine) -> [(String, JSON)] {
        pool(of: vm).map { [("pool_id", .string($0.id)), ("pool_name", .string($0.name))] } ?? []
    }
}
