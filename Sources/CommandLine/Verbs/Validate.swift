import FleetCore
import K3s
import Live

extension Verb {
    static let validate = Verb(
        name: "validate", summary: "check a fleet file; report all its problems at once", operands: "[FILE]",
        options: [.path("file", "the fleet file (default fleet.json)")]
    ) { arguments, terminal in
        let file = try arguments.path() ?? arguments.value("file") ?? "fleet.json"
        let (_, fleet) = try CommandContext.readFleet(file, terminal)
        if let remark = CommandContext.overlayKey(of: fleet, file: file).remark { terminal.say("warning: \(remark)") }
        let servers = fleet.nodes.filter { $0.role == .server }.count
        terminal.out(
            "\(file) is good: fleet \(fleet.cluster.name), \(servers) server\(servers == 1 ? "" : "s"), \(fleet.nodes.count - servers) agents, k3s \(fleet.cluster.k3s)"
        )
        return .done
    }

    static let schema = Verb(name: "schema", summary: "print the JSON Schema of the fleet file", operands: "", options: []) {
        arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        terminal.out(FleetSchema.json)
        return .done
    }
}
