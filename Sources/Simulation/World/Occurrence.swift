import FleetCore
import K3s
import Reconciler

/// Something that happened, which the world reports to the oracles. It carries what a moment later may not be so any more.
enum Occurrence: Sendable {
    /// A trial begins, with these nodes ready.
    case began(ready: Set<String>)
    /// A process is about to send a change.
    case sent(Effect, by: Int)
    /// A change arrived and was carried out, as far as a fault let it.
    case carriedOut(Effect, by: Int)
    /// A host began to do what it was told.
    case obeyed(Effect, by: Int)
    /// The Lease is a process's, under this fencing number, and it has heard so.
    case leased(Int, by: Int)
    /// The answer to a change reached its process.
    case answered(Effect, by: Int, isDone: Bool)
    /// A list of VMs that is wrong was answered.
    case misled(list: [ObservedVM], truth: [ObservedVM])
    /// A read of the cluster arrived at its server.
    case clusterAsked(by: Int)
    /// Its answer reached the process; nil when it has none.
    case clusterRead([NodeReading]?, by: Int)
    case saved(Ledger, replacing: Ledger?, by: Int)
    case created(String)
    case vanished(String, wasReady: Bool)
    /// A VM is about to vanish or to start again by itself.
    case failed(String)
    case founded(cluster: Int, clusterID: String, on: String)
    case joined(cluster: Int, node: String)
    /// A server begins to join.
    case learns(cluster: Int, String)
    case drained(String)
    case uncordoned(String)
    /// A fleet was destroyed, says the program.
    case destroyed(tag: String)
    /// Something goes on without end.
    case spun(String)
}

extension WorldState {
    mutating func report(_ occurrence: Occurrence) { occurrences.append(occurrence) }
}
