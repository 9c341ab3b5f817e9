import FleetCore
import Reconciler

/// What another cluster set up is not ours to write on, whatever its tag says.
struct OtherClustersHostsAreLeftAlone: Oracle {
    static let name = "other clusters' hosts are left alone"

    func before(_ request: Request, _ world: WorldState, _ history: History) -> String? {
        guard let host = request.effect.host, let place = world.at(host), let disk = world.disk,
            let mark = world.machines[place].disk.clusterID, mark != disk.clusterID
        else { return nil }
        return "\(host) bears the mark of \(mark)"
    }
}
