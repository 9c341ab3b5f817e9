import K3s

/// Values that the file asks for otherwise, and that stay as they are.
extension FleetFacts {
    /// Worked out anew.
    func criticalChangesNow() -> [FoundingChange] {
        guard let critical = ledger.critical, hasSeveralServers else { return [] }
        return CriticalValues.changes(critical, CriticalValues.of(fleet.cluster.serverConfig, disable: fleet.cluster.disable))
    }

    /// Those that the file asks for, or those that are there.
    private var hasSeveralServers: Bool {
        fleet.nodes.count { $0.role == .server } > 1 || ledger.nodes.values.count { $0.instance?.isServer == true } > 1
    }

    /// With the values that cannot change.
    var serverConfig: [String: ConfigValue] {
        var config = fleet.cluster.serverConfig
        for change in foundingChanges { config[change.key] = ledger.founding?[change.key] }
        for change in criticalChanges where change.key != CriticalValues.disable { config[change.key] = ledger.critical?[change.key] }
        return config
    }

    /// The same of `cluster.disable`.
    var disable: [String] {
        guard criticalChanges.contains(where: { $0.key == CriticalValues.disable }) else { return fleet.cluster.disable }
        if case .list(let components)? = ledger.critical?[CriticalValues.disable] { return components }
        return []
    }
}
