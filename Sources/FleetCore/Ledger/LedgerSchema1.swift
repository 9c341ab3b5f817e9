/// Until November 2026 a record was one object of optional fields under `vms`.
enum LedgerSchema1 {
    /// To schema 2: each record says its state.
    static let migrate: LedgerShape.Step = { fields in
        guard case .object(let records)? = fields.removeValue(forKey: "vms") else { throw Odd("`vms` is missing") }
        fields["nodes"] = .object(
            try records.mapValues { record in
                guard case .object(let old) = record else { throw Odd("a record is not an object") }
                return .object(migrated(old))
            })
    }

    private struct Odd: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }

    private static func migrated(_ old: [String: JSONValue]) -> [String: JSONValue] {
        if let sentAt = old["creating"] { return requested(old, sentAt) }
        if let removedAt = old["removed"] { return gone(old, removedAt) }
        guard let stage = old["removal"] else { return present(old) }
        return present(old).merging(["state": "leaving", "stage": stage]) { $1 }
    }

    private static func requested(_ old: [String: JSONValue], _ sentAt: JSONValue) -> [String: JSONValue] {
        var new: [String: JSONValue] = ["state": "requested", "sentAt": sentAt]
        new["missingSince"] = old["missingSince"]
        var old = old
        // While a `new` was on its way, `former` was the machine that bears the name.
        if old["former"] == old["createdAt"] { old["former"] = nil }
        if let removedAt = old["removed"] {
            new["previous"] = .object(gone(old, removedAt))
        } else if old["createdAt"] != nil {
            new["previous"] = .object(present(old))
        }
        return new
    }

    private static func gone(_ old: [String: JSONValue], _ removedAt: JSONValue) -> [String: JSONValue] {
        var new: [String: JSONValue] = ["state": "gone", "removedAt": removedAt]
        new["createdAt"] = old["createdAt"]
        return new
    }

    private static func present(_ old: [String: JSONValue]) -> [String: JSONValue] {
        var new: [String: JSONValue] = ["state": "present"]
        for (key, name) in names { new[name] = old[key] }
        // An empty text stood for an install whose outcome was not known.
        if new["configuration"] == "" { new["configuration"] = "unknown" }
        return new
    }

    private static let names = [
        "createdAt": "createdAt", "former": "previousCreatedAt", "hasStaleIdentity": "hasStaleIdentity", "missingSince": "missingSince",
        "started": "startedAt", "poweredOn": "poweredOnAt", "rejoined": "restartedAt", "config": "configuration", "share": "share",
        "invited": "grants",
    ]
}

extension JSONValue: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self = .string(text) }
}
