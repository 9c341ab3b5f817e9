import Foundation
import K3s

/// Commands that concern no VM, or little of one. Of pools, teams, billing and integrations only the shape is documented: there are none.
extension Platform {
    static let regions = [
        "pdx": "Portland, USA", "lax": "Los Angeles, USA", "nyc": "New York, USA", "dal": "Dallas, USA", "fra": "Frankfurt, Germany",
        "tyo": "Tokyo, Japan", "syd": "Sydney, Australia", "sgp": "Singapore", "lon": "London, UK",
    ]

    func other(_ call: Invocation) async throws -> Reply {
        switch call.path {
        case "cp": return .json(try await copy(call))
        case "grant-support-root": return text("root access for support: \(call.words.dropFirst().first ?? "off")\n")
        case "egress": return .json(try egress(call))
        case "set-region": return .json(try setRegion(call.words.first ?? ""))
        case "doc": return text("# \(call.words.first ?? "exe.dev")\n\nThis is a simulator; see exe.dev's own documents.\n")
        case "browser": return .json(.object([("url", "https://exe.dev/auth/simulated")]))
        case "vm-logs": return text("\(try named(call.words.first).name): nothing went wrong\n")
        case "billing plan": return .json(.object([("plan", "Personal"), ("max_vms", .number(min(account.quota, 25)))]))
        case "billing usage": return .json(.object([("usage", .list([]))]))
        case "pool list": return .json(.object([("pools", .list([]))]))
        case "integrations list": return .json(.object([("integrations", .list([]))]))
        case "team members": return .lines([.object([("email", .string(owner.email)), ("role", "owner")])])
        case "domain ls": return .json(.object([("domains", .list([]))]))
        default: return .failure(404, "unknown command")
        }
    }

    private func text(_ text: String) -> Reply { Reply(status: 200, headers: ["Content-Type": "text/plain"], body: text) }

    /// A new machine like the source; the disk of a container is not copied.
    private func copy(_ call: Invocation) async throws -> JSON {
        let source = try named(call.words.first)
        let name = call.words.dropFirst().first ?? "\(source.name)-copy"
        var words = ["new", "--name=\(name)", "--image=\(source.make.image)", "--disk=\(source.make.disk)", "--comment=\(source.comment)"]
        words += ["cpu", "memory"].map { "--\($0)=\(call.value($0) ?? ($0 == "cpu" ? source.make.cpu : source.make.memory))" }
        if call.value("copy-tags") != "false" { words += source.tags.map { "--tag=\($0)" } }
        guard let new = try Invocation(words) else { throw AccountRefusal.invalid("cannot copy") }
        _ = try await create(new)
        let vm = try named(name)
        return .object([
            ("name", .string(vm.name)), ("state", "starting"), ("source", .string(source.name)), ("ssh", .string("ssh \(vm.sshAddress)")),
            ("ssh_host", .string(vm.sshAddress)), ("https_url", .string("https://\(vm.name).exe.xyz")), ("tags", .strings(vm.tags)),
            ("created_at", .string(vm.createdAt)), ("egress_policy", .string(vm.make.egress)), ("elapsed", "1s"),
        ])
    }

    private func egress(_ call: Invocation) throws -> JSON {
        let vm = try named(call.words.first)
        if let policy = call.words.dropFirst().first {
            guard ["integrations", "all"].contains(policy) else { throw AccountRefusal.invalid("invalid egress policy \"\(policy)\"") }
            try change { account throws(AccountRefusal) in
                let place = try account.find(vm.name)
                var make = account.hosts[place].make
                make.egress = policy
                account.hosts[place].make = make
            }
        }
        return .object([("vm_name", .string(vm.name)), ("egress_policy", .string(try named(vm.name).make.egress))])
    }

    private func setRegion(_ code: String) throws -> JSON {
        guard let name = Self.regions[code] else { throw AccountRefusal.invalid("unknown region \"\(code)\"") }
        try change { account throws(AccountRefusal) in account.region = code }
        return .object([("region", .string(code)), ("region_display", .string(name))])
    }

    var region: String { account.region ?? "lax" }
}
