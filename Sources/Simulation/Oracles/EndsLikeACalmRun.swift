import FleetCore
import K3s

/// The differential oracle: whatever went wrong, the end is that of a run without faults.
struct EndsLikeACalmRun: EndOracle {
    static let name = "differential"

    func complaint(about end: WorldState, of trial: Trial) -> String? {
        // What was held up may differ when a fault took the hindrance away.
        if trial.isBlocked, end.wasMisled { return nil }
        // How many nodes came before the one that fails is a matter of time.
        if trial.stopsHalfWay { return nil }
        // What waits for its name, or for its place in the budget, is as it was when the name was taken.
        if !end.taken.isEmpty { return nil }
        guard let calm = trial.calm else { return nil }
        let (expected, ending) = (excused(calm, end, trial), excused(end.ending, end, trial))
        guard expected != ending else { return nil }
        return "missing \(expected.words(notIn: ending)), extra \(ending.words(notIn: expected))"
    }

    /// Without what the faults of this trial made unknowable.
    private func excused(_ ending: Stage.Ending, _ end: WorldState, _ trial: Trial) -> Stage.Ending {
        var ending = ending
        // Sharing that a damaged ledger casts doubt on is not set again while blocked; of an edit's grants it may know nothing.
        if end.hadDamage, trial.isBlocked || end.hadEdit { ending = ending.withoutShares }
        // That a VM is to be restarted for its new size stands in the ledger alone, where lists tell the next size already.
        if end.hidesFromTheLedger { ending = ending.withoutSizes }
        if end.hidesFromTheLedger { ending = ending.without(unmanaged(end, trial.scenario)) }
        // What another machine with another file configured and shared last, this ledger does not know; see ARCHITECTURE, what is absent.
        if end.hadEdit, end.hadRival { ending = ending.withoutConfigurations.withoutShares }
        return ending
    }

    private func unmanaged(_ end: WorldState, _ scenario: Scenario) -> Set<String> {
        Set(end.machines.map(\.name).filter { end.disk?.nodes[$0] == nil && !scenario.wants($0) })
    }
}

extension Trial {
    fileprivate var stopsHalfWay: Bool {
        guard case .blocked(let codes) = scenario.ending else { return false }
        return codes.values.contains([.upgradeFailed])
    }

    fileprivate var isBlocked: Bool { if case .blocked = scenario.ending { true } else { false } }
}
