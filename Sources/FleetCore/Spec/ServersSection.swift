import K3s

/// How many servers there are, and where they keep the cluster's state.
extension FleetReader {
    /// 1 where the number was refused.
    static func serverCount(_ counter: Field) -> Int {
        guard let count = counter.integer(0...1000) else { return 1 }
        if [1, 3, 5].contains(count) { return count }
        let even = count % 2 == 0 && count > 0 ? "; an even number of servers tolerates no more losses than one fewer" : ""
        counter.refuse("the number of servers is 1, 3 or 5\(even)")
        return 1
    }

    /// Without a word of the file one server keeps its state in sqlite, and several in etcd.
    func datastore(_ field: Field?) -> Datastore? {
        field?.string(in: Datastore.allCases.map(\.rawValue), or: "is no datastore: sqlite, etcd").flatMap(Datastore.init)
    }

    func checkDatastore(_ cluster: ClusterDraft, servers: Int, _ counter: Field?) {
        guard servers > 1 else { return }
        if cluster.datastore == .sqlite {
            cluster.fields["datastore"]?.refuse("sqlite keeps the state of one server alone; \(servers) servers need etcd")
        }
        counter?.warn(
            "k3s does not support etcd between servers that reach each other over an overlay network alone; "
                + "a server whose round trip to the others is above limits.etcdRoundTripMilliseconds is not joined")
    }
}
