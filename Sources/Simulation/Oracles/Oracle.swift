import FleetCore
import Reconciler

/// A rule that must hold whatever goes wrong, named after what it asks for; a number is that of the fault catalogue (facts/peers.md). A value
/// with a memory of its own, and the excuses that it accepts.
protocol Oracle: Sendable {
    static var name: String { get }

    /// What is wrong about sending this, judged by the world as it is at that moment; nil when nothing is.
    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String?
    /// What is wrong with the world once it was carried out.
    mutating func after(_ request: Request, _ world: WorldState, _ history: History) -> String?
    /// What is wrong about anything else that happened.
    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String?
}

extension Oracle {
    mutating func before(_ request: Request, _ world: WorldState, _ history: History) -> String? { nil }
    mutating func after(_ request: Request, _ world: WorldState, _ history: History) -> String? { nil }
    mutating func note(_ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? { nil }
}

/// A rule for how a world reads when a trial has come to its end.
protocol EndOracle: Sendable {
    static var name: String { get }

    func complaint(about end: WorldState, of trial: Trial) -> String?
}

/// A change, and the process that sends it.
struct Request: Sendable {
    var effect: Effect
    var process: WorldState.ProcessRecord
    var id: Int
}

/// A VM or node as one process, or one machine of the daemon, knows it.
struct Mark: Sendable, Hashable {
    var owner: Int
    var name: String

    init(_ owner: Int, _ name: String) { (self.owner, self.name) = (owner, name) }
}
