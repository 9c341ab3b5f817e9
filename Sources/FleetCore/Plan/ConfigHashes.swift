package import K3s

/// Hashes of nodes' configurations, kept from pass to pass: hashing every node's anew would be most of a settled pass.
package struct ConfigHashes: Sendable {
    private var known: [String: Known] = [:]
    /// Raised when the fleet file and the ledger may be others.
    private var run = 0

    private struct Known {
        var setup: Shared<NodeSetup>
        var digest: String
        /// In which it was last compared: nothing of its setup but what is asked for below can have changed since.
        var run: Int
    }

    package init() {}

    /// The fleet file and the ledger may be others from now on.
    package var forAnotherRun: ConfigHashes {
        var hashes = self
        hashes.run += 1
        return hashes
    }

    /// That of a node's setup, while nothing of it can have changed since. `server`: the address and the CA of the control plane.
    func hash(of node: String, _ overlay: String, _ server: (address: String, caHash: String)?) -> String? {
        guard let last = known[node], last.run == run, last.setup.overlayAddress == overlay,
            last.setup.serverAddress == server?.address, last.setup.caHash == server?.caHash
        else { return nil }
        return last.digest
    }

    /// That of this setup, which counts from now on for the node; computed only when the last one was another.
    package mutating func note(_ setup: NodeSetup) -> String {
        if let place = known.index(forKey: setup.name), known.values[place].setup.value == setup {
            known.values[place].run = run
            return known.values[place].digest
        }
        let digest = setup.configHash
        known[setup.name] = Known(setup: Shared(setup), digest: digest, run: run)
        return digest
    }
}
