package import K3s

/// Hashes of nodes' configurations, kept from pass to pass: hashing every node's anew would be most of a settled pass.
package struct ConfigHashes: Sendable {
    private var known: [NodeName: Known] = [:]
    /// What all of them are made of beside what is known of each.
    private var cluster: DesiredCluster?
    private var clusterID = ""
    /// Whole setups are compared at every question, as the proof does to see that less is enough.
    private var isStrict = false

    private struct Known {
        var node: DesiredNode
        var setup: Shared<NodeSetup>
        var digest: String
    }

    package init() {}

    /// Those that hold in a run with this fleet file and this ledger.
    func of(_ cluster: DesiredCluster, _ clusterID: String) -> ConfigHashes {
        var hashes = self
        if self.cluster != cluster || self.clusterID != clusterID { hashes.known = [:] }
        (hashes.cluster, hashes.clusterID) = (cluster, clusterID)
        return hashes
    }

    /// The same, trusted only when the whole setup is the same.
    var strict: ConfigHashes {
        var hashes = self
        hashes.isStrict = true
        return hashes
    }

    /// That of a node's setup, if it is known. `server`: the address and the CA of the control plane.
    func hash(of node: DesiredNode, _ overlay: String, _ server: (address: String, caHash: String)?) -> String? {
        guard !isStrict, let last = known[node.name], last.node == node, last.setup.overlayAddress == overlay,
            last.setup.serverAddress == server?.address, last.setup.caHash == server?.caHash
        else { return nil }
        return last.digest
    }

    /// That of this setup, which counts from now on for the node; computed only when the last one was another.
    package mutating func note(_ setup: NodeSetup, of node: DesiredNode) -> String {
        if let last = known[node.name], last.setup.value == setup {
            known[node.name]?.node = node
            return last.digest
        }
        let digest = setup.configHash
        known[node.name] = Known(node: node, setup: Shared(setup), digest: digest)
        return digest
    }
}
