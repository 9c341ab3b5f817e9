package import FleetCore
import K3s

/// Reads all that a lost ledger can be made from. Writes nothing.
package struct Recovery: Sendable {
    /// Hosts read at the same time.
    private static let atOnce = 8

    private let fleet: DesiredFleet
    private let observer: Observer
    private let world: any WorldReader

    package init(of fleet: DesiredFleet, in world: any WorldReader) {
        (self.fleet, self.world, observer) = (fleet, world, Observer(world: world))
    }

    /// The VMs with the fleet's tag, what their hosts say, and the cluster as its server sees it.
    package func observe() async throws -> Observation {
        var observed = Observation()
        observed.note(.vms(try await world.listVMs()))
        let running = RecoveredLedger.owned(by: fleet, in: observed).filter { $0.status == .running }
        var rest = running[...]
        await withTaskGroup(of: Observer.Observed.self) { group in
            for vm in rest.prefix(Self.atOnce) { group.addTask { await observer.read(.host(vm.name), vm: vm) } }
            rest = rest.dropFirst(Self.atOnce)
            for await host in group {
                observed.note(host)
                if let vm = rest.popFirst() { group.addTask { await observer.read(.host(vm.name), vm: vm) } }
            }
        }
        let server = try RecoveredLedger.server(of: fleet, in: observed)
        observed.note(await observer.read(.cluster, vm: observed.vms?[server]))
        return observed
    }
}
