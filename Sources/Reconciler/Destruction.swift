import FleetCore

/// The end of a fleet: every VM that carries its tag is removed, servers too. What the verb `destroy` does once the operator agreed.
package struct Destruction: Sendable {
    let tag: String
    let world: any WorldWriter

    package init(tag: String, world: any WorldWriter) { (self.tag, self.world) = (tag, world) }

    /// The names of the VMs that carry the tag now.
    package func owned() async throws(EffectError) -> [String] {
        try await world.listVMs().filter { $0.tags.contains(tag) }.map(\.name).sorted()
    }

    /// Removes `names` and returns what is still there.
    package func remove(_ names: [String], removed: (String) -> Void) async throws(EffectError) -> [String] {
        for name in names {
            // Looked at again just before: ownership is what is observed now, not what was true when the operator typed.
            guard try await owned().contains(name) else { continue }
            try await world.removeVM(name)
            removed(name)
        }
        return try await owned()
    }
}
