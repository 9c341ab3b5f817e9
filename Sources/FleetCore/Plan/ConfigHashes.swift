import K3s

/// Hashes of nodes' configurations, kept from pass to pass: hashing every node's anew would be most of a settled pass.
package struct ConfigHashes: Sendable {
    private var known: [String: Shared<Known>] = [:]
    /// Those of this run: nothing of their setups but what is asked for below can have changed since.
    private var checked: Set<String> = []

    private struct Known: Hashable {
        var setup: NodeSetup
        var digest: String
    }

    package init() {}

    /// The fleet file and the ledger may be others from now on.
    package var forAnotherRun: ConfigHashes {
        var hashes = self
        hashes.checked = []
        return hashes
    }

    /// That of a node's setup, while nothing of it can have changed since. `server`: the address and the CA of the control plane.
    func hash(of node: String, _ overlay: String, _ server: (address: String, caHash: String)?) -> String? {
        guard checked.contains(node), let last = known[node], last.setup.overlayAddress == overlay,
            last.setup.serverAddress == server?.address, last.setup.caHash == server?.caHash
        else { return nil }
        return last.digest
    }

    /// That of this setup, which counts from now on for the node; computed only when the last one was another.
    mutating func note(_ setup: NodeSetup) -> String {
        let last = known[setup.name]
        let hash = if let last, last.setup == setup { last.digest } else { setup.configHash }
        known[setup.name] = Shared(Known(setup: setup, digest: hash))
        checked.insert(setup.name)
        return hash
    }
}
