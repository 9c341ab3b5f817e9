/// Reads `policy.window`: one window, or a list of them.
struct WindowSection {
    /// Of a name of the IANA's; nil for one that the system does not know.
    let zone: (String) -> TimeZoneRules?

    func windows(_ field: Field?) -> [MaintenanceWindow] {
        guard let field else { return [] }
        guard case .array(let nodes) = field.node.value else { return [window(field)].compactMap(\.self) }
        if nodes.isEmpty { field.refuse("an empty list would never let a node be restarted; leave the field out for no window") }
        return field.items().compactMap(window)
    }

    private func window(_ field: Field) -> MaintenanceWindow? {
        let fields = field.fields(SpecFields.window)
        guard field.isObject else { return nil }
        for name in ["from", "to"] where fields[name] == nil { field.miss(name) }
        let (from, to) = (fields["from"].flatMap { minute($0, upTo: 1439) }, fields["to"].flatMap { minute($0, upTo: 1440) })
        let (days, zone) = (fields["days"].map(days) ?? Set(0...6), fields["zone"].map(rules) ?? .utc)
        if let from, from == to { fields["to"]?.refuse("is the same as from; a whole day is from \"00:00\" to \"24:00\"") }
        guard let from, let to, let zone else { return nil }
        return MaintenanceWindow(days: days, from: from, to: to, zone: zone)
    }

    private func days(_ field: Field) -> Set<Int> {
        let known = MaintenanceWindow.dayNames
        let items = field.items()
        if case .array(let nodes) = field.node.value, nodes.isEmpty {
            field.refuse("an empty list names no day; leave it out for every day")
        }
        return Set(
            items.compactMap { $0.string(in: known, or: "is no day: mon, tue, wed, thu, fri, sat or sun").flatMap(known.firstIndex) })
    }

    /// `HH:MM`.
    private func minute(_ field: Field, upTo limit: Int) -> Int? {
        let last = limit == 1440 ? "24:00" : "23:59"
        guard let text = field.string() else { return nil }
        let bytes = Array(text.utf8)
        let digits = [0, 1, 3, 4].compactMap { $0 < bytes.count && (48...57).contains(bytes[$0]) ? Int(bytes[$0]) - 48 : nil }
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":"), digits.count == 4, digits[2] < 6 else {
            field.refuse("\"\(text)\" is no time of the day: \"00:00\" to \"\(last)\"")
            return nil
        }
        let minute = (digits[0] * 10 + digits[1]) * 60 + digits[2] * 10 + digits[3]
        if minute <= limit { return minute }
        field.refuse("\"\(text)\" is no time of the day: \"00:00\" to \"\(last)\"")
        return nil
    }

    private func rules(_ field: Field) -> TimeZoneRules? {
        guard let name = field.string(where: Self.isName, or: "is no name of a time zone, as \"Europe/Berlin\"") else { return nil }
        if let rules = zone(name) { return rules }
        field.refuse(
            "this machine knows no time zone \"\(name)\": is it spelled as in the IANA's list, and is the package tzdata installed?")
        return nil
    }

    /// What may be looked up as a file: no path that leaves the folder.
    static func isName(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return text.utf8.count <= 64 && (1...3).contains(parts.count)
            && parts.allSatisfy { part in
                part.utf8.first.map { (65...90).contains($0) || (97...122).contains($0) } ?? false
                    && part.utf8.allSatisfy {
                        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || [43, 45, 95].contains($0)
                    }
            }
    }
}
