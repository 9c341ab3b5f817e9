package import FleetCore
package import Live
package import Reconciler

/// One fleet as its file declared when it was last read, with its state directory and its effects.
package struct FleetContext: Sendable {
    package var fleet: DesiredFleet
    package var state: StateDirectory
    package var world: any WorldWriter
    /// The requests and connections so far.
    package var traffic: @Sendable () -> Traffic
    /// Closes the connections.
    package var close: @Sendable () async -> Void

    package init(
        fleet: DesiredFleet, state: StateDirectory, world: any WorldWriter, traffic: @escaping @Sendable () -> Traffic,
        close: @escaping @Sendable () async -> Void
    ) {
        (self.fleet, self.state, self.world, self.traffic, self.close) = (fleet, state, world, traffic, close)
    }
}

/// A fleet file.
package struct FleetSource: Sendable {
    let file: String
    let open: @Sendable () throws -> FleetContext

    /// `open` reads the fleet file each time and throws when it is unusable.
    package init(file: String, open: @escaping @Sendable () throws -> FleetContext) {
        (self.file, self.open) = (file, open)
    }
}
