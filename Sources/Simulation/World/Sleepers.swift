import Synchronization

/// Who waits for the virtual clock, earliest first; of two at the same instant the one that came first.
struct Sleepers: Sendable {
    struct Sleeper: Sendable {
        var at: Double
        var id: Int
        var process: Int
        /// What arrives at its other end at that instant; the sleeper then waits for the way back.
        var errand: Errand?
        var continuation: UnsafeContinuation<Void, Never>

        /// The same on the way back.
        func answered(at time: Double) -> Sleeper {
            Sleeper(at: time, id: id, process: process, errand: nil, continuation: continuation)
        }
    }

    private(set) var all: [Sleeper] = []

    var isEmpty: Bool { all.isEmpty }
    var earliest: Double? { all.last?.at }

    mutating func add(_ sleeper: Sleeper) {
        // Kept in falling order: the next to wake is the last, and the list is short.
        var low = 0
        var high = all.count
        while low < high {
            let middle = (low + high) / 2
            let other = all[middle]
            if (other.at, other.id) > (sleeper.at, sleeper.id) { low = middle + 1 } else { high = middle }
        }
        all.insert(sleeper, at: low)
    }

    mutating func popEarliest() -> Sleeper? { all.popLast() }

    mutating func remove(id: Int) -> Sleeper? {
        guard let at = all.lastIndex(where: { $0.id == id }) else { return nil }
        return all.remove(at: at)
    }

    /// Those of a process that is no more, in their order.
    mutating func remove(process: Int) -> [Sleeper] {
        let gone = all.filter { $0.process == process }
        all.removeAll { $0.process == process }
        return gone.reversed()
    }
}
