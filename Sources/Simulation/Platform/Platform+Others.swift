import Foundation
import K3s

/// Commands that concern no VM, or little of one. Of billing only the shape is documented.
extension Platform {
    static let regions = [
        "pdx": "Portland, USA", "lax": "Los Angeles, USA", "nyc": "New York, USA", "dal": "Dallas, USA", "fra": "Frankfurt, Germany",
        "tyo": "Tokyo, Japan", "syd": "Sydney, Australia", "sgp": "Singapore", "lon": "London, UK",
    ]

    func other(_ call: Invocation) async throws -> Reply {
        switch call.path {
        case "whoami": .json(whoami())
        case "help": .text(CommandUsage.all.keys.sorted().joined(separator: "\n"))
        case "set-region": .json(try setRegion(operand(call, 0)))
        case "doc": .text("# \(call.words.first ?? "exe.dev")\n\nThis is a simulator; see exe.dev's own documents.\n")
        case "browser": .json(.object([("url", "https://exe.dev/auth/simulated")]))
        case "ssh": throw usage(call)
        case "billing plan": .json(.object([("plan", "Personal"), ("max_vms", .number(min(account.quota, 25)))]))
        case "billing usage": .json(.object([("usage", .list([]))]))
        default: .failure(404, "unknown command")
        }
    }

    private func whoami() -> JSON {
        .object([
            ("email", .string(owner.email)), ("region", .string(region)), ("region_display", .string(Self.regions[region] ?? region)),
            ("ssh_keys", .list(register.keys.map(row))),
        ])
    }

    func egress(_ call: Invocation) throws -> JSON {
        let vm = try named(call.words.first)
        if let policy = call.words.dropFirst().first {
            try Self.check(egress: policy)
            try change { account throws(AccountRefusal) in
                let place = try account.find(vm.name)
                account.hosts[place].make.egress = policy
                account.hosts[place].next?.egress = policy
            }
        }
        return .object([("vm_name", .string(vm.name)), ("egress_policy", .string(try named(vm.name).make.egress))])
    }

    func grantSupport(_ call: Invocation) throws -> Reply {
        let (vm, word) = (try named(call.words.first), try operand(call, 1))
        guard word == "on" || word == "off" else { throw usage(call) }
        try change { account throws(AccountRefusal) in
            account.hosts[try account.find(vm.name)].access.supportIsRoot = word == "on"
        }
        return .text("root access for support to \(vm.name): \(word)\n")
    }

    /// Only exeuntu has opted in; another image is told where to find it, with 200 (SDK 0.4.0, types.py).
    func installShelley(_ call: Invocation) async throws -> JSON {
        let vm = try named(call.words.first)
        guard await machines.answersSSH(vm) else { throw AccountRefusal.notReady }
        guard vm.make.image != "exeuntu" else {
            return .object([("vm_name", .string(vm.name)), ("status", "installed"), ("backup", "/usr/local/bin/shelley.old")])
        }
        return .object([
            ("error", "shelley_not_installed"), ("message", "the VM's image has not opted into Shelley"),
            ("download_url", "https://github.com/boldsoftware/shelley/releases"), ("arch", "amd64"),
        ])
    }

    private func setRegion(_ code: String) throws -> JSON {
        guard let name = Self.regions[code] else { throw AccountRefusal.invalid("unknown region \"\(code)\"") }
        try change { account throws(AccountRefusal) in account.region = code }
        return .object([("region", .string(code)), ("region_display", .string(name))])
    }

    var region: String { account.region ?? Self.firstRegion }
    static let firstRegion = "lax"
}
