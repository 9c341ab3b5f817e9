import Foundation

/// Domains of one's own (facts/exedev.md §1.4; SDK 0.4.0, types.py). What DNS says stands in a file that a test writes.
extension Platform {
    func domains(_ call: Invocation) throws -> JSON {
        switch call.path {
        case "domain ls":
            let ofAll = call.has("a")
            guard ofAll != !call.words.isEmpty else { throw usage(call) }
            let vms = ofAll ? account.hosts.filter(isVisible) : [try named(call.words.first)]
            return .object([("domains", .list(vms.flatMap { vm in vm.access.domains.map { row($0, vm) } }))])
        case "domain rm":
            let (vm, domain) = (try named(call.words.first), try operand(call, 1).lowercased())
            try change { account throws(AccountRefusal) in try account.remove(domain: domain, from: vm.name) }
            return .object([("vm_name", .string(vm.name)), ("domain", .string(domain)), ("removed", true)])
        default: return try addDomain(call)
        }
    }

    private func row(_ domain: Access.Domain, _ vm: VirtualMachine) -> JSON {
        .object([("vm_name", .string(vm.name)), ("domain", .string(domain.name)), ("wildcard", .bool(domain.hasWildcard))])
    }

    /// That DNS is not ready is no failure: 200, and an error among other keys.
    private func addDomain(_ call: Invocation) throws -> JSON {
        let (vm, domain) = (try named(call.words.first), try operand(call, 1).lowercased())
        let isPattern = domain.hasPrefix("*.")
        let labels = domain.split(separator: ".", omittingEmptySubsequences: false).dropFirst(isPattern ? 1 : 0)
        guard labels.count > 1, labels.allSatisfy({ $0.wholeMatch(of: /[a-z0-9]([a-z0-9-]*[a-z0-9])?/) != nil }) else {
            throw AccountRefusal.invalid("invalid domain \"\(domain)\"")
        }
        let (named, expected) = ([("vm_name", JSON.string(vm.name)), ("domain", .string(domain))], "\(vm.name).exe.xyz")
        let records = dns()
        guard records[domain] == expected else {
            let error = JSON.string("DNS of \(domain) does not point to \(expected)")
            return .object([("error", error)] + named + [("expected", .string(expected))])
        }
        let hasWildcard = call.has("wildcard") || isPattern
        let base = isPattern || labels.count == 2 ? labels.joined(separator: ".") : labels.dropFirst().joined(separator: ".")
        let (delegation, target) = ("_acme-challenge.\(base)", "\(base).acme.exe.xyz")
        guard !hasWildcard || records[delegation] == target else {
            return .object(
                [("error", .string("\(delegation) is not delegated to \(target)"))] + named
                    + [
                        ("wildcard_base", .string(base)), ("delegation_name", .string(delegation)), ("delegation_target", .string(target)),
                    ])
        }
        try change { account throws(AccountRefusal) in
            try account.add(Access.Domain(name: domain, hasWildcard: hasWildcard), to: vm.name)
        }
        return .object(
            named + [("wildcard", .bool(hasWildcard))] + (hasWildcard ? [("wildcard_base", .string(base))] : [])
                + (isPattern ? [("pattern", true)] : []))
    }
}
