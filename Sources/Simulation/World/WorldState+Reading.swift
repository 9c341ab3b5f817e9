import K3s

/// What a read of the cluster shows.
extension WorldState {
    mutating func readCluster(on name: String) -> ClusterReading? {
        guard let place = reachable(name) else { return nil }
        var reading = ClusterReading()
        reading.hostname = machines[place].answersAs ?? name
        reading.caHash = machines[place].disk.serverData.map(Self.caHash)
        reading.clusterID = machines[place].disk.clusterID
        guard let cluster = cluster(servedBy: place) else {
            reading.reason = "the API does not answer yet"
            return reading
        }
        reading.apiReady = true
        reading.nodes = clusters[cluster].readings(now: now)
        reading.upgradePlans = clusters[cluster].upgradePlans
        reading.members = clusters[cluster].etcd?.members.keys.sorted()
        return reading
    }
}
