import FleetCore
import K3s
import Live
import Reconciler

/// VMs that are there and that the fleet still lacks, against what an account's plan allows.
struct VMQuota {
    /// VMs of the usual plan (facts/exedev.md §10.4, 28 Nov 2026).
    static let usual = 25

    let there: Int
    let coming: Int
    var total: Int { there + coming }

    /// `vms`: all that the account shows.
    init(of fleet: DesiredFleet, _ vms: some Collection<ObservedVM>) {
        let names = Set(vms.map(\.name))
        (there, coming) = (vms.count, fleet.nodes.filter { !names.contains($0.name) }.count)
    }

    /// Nil unless exe.dev may refuse a VM half-way.
    var warning: String? {
        guard coming > 0, total > Self.usual else { return nil }
        return "\(there) VMs are there and \(coming) are to come: more than the \(Self.usual) of the usual plan; "
            + "see exedev-ctl billing plan"
    }
}

extension CommandContext {
    /// Said before the first VM is made.
    func tellQuota(_ result: Reconciler.Result, _ terminal: Terminal) {
        guard let vms = result.observed.vms, let warning = VMQuota(of: fleet, vms.values).warning else { return }
        terminal.say("WARNING: \(warning)")
    }
}
