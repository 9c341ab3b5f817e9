package import FleetCore
package import Live
package import Reconciler

/// One fleet as its file asked when it was last read, and the hands for it.
package struct FleetContext: Sendable {
    package var fleet: DesiredFleet
    package var state: StateDirectory
    package var world: any WorldWriter
    /// What the world has sent so far.
    package var traffic: @Sendable () -> Traffic
    /// Lets go of the world's connections.
    package var close: @Sendable () async -> Void

    package init(
        fleet: DesiredFleet, state: StateDirectory, world: any WorldWriter, traffic: @escaping @Sendable () -> Traffic,
        close: @escaping @Sendable () async -> Void
    ) {
        (self.fleet, self.state, self.world, self.traffic, self.close) = (fleet, state, world, traffic, close)
    }
}

/// Where a fleet is asked for.
package struct FleetSource: Sendable {
    let file: String
    let open: @Sendable () throws -> FleetContext

    /// `open` reads the fleet file again each time and throws when it cannot be used.
    package init(file: String, open: @escaping @Sendable () throws -> FleetContext) {
        (self.file, self.open) = (file, open)
    }
}
