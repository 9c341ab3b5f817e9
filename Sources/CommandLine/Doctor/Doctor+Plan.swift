import FleetCore
import K3s
import Live
import Reconciler

/// What the planner makes of it all: whatever blocks has its advice here too.
extension Doctor {
    mutating func checkPlan() async {
        guard known(.plan) != nil, openWorld(.plan) != nil, let context else { return }
        let did = "made a plan"
        do {
            let plan = try await context.observe(context.state.ledger(for: context.fleet) { _ in }).plan
            let held = plan.items.filter { $0.isHeld }
            for item in held { tell(item, did) }
            let steps = plan.actions.count
            if held.isEmpty {
                note(.ok(.plan, did, steps == 0 ? "nothing is to be done" : "\(steps) steps are to be done; plan shows them"))
            }
        } catch {
            note(.failed(.plan, did, "\(Failure.shown(error))", advice: nil))
        }
    }

    private mutating func tell(_ item: Plan.Item, _ did: String) {
        guard let reason = item.decision.reason else { return }
        let found = "\(item.node): \(reason.text)"
        note(
            item.decision.isBlocked
                ? .failed(.plan, did, found, advice: reason.advice)
                : .warning(.plan, did, found, advice: "exedev-k8s plan tells what it waits for"))
    }
}

extension Plan.Item {
    /// It is blocked, or waits for what nothing of ours ends.
    fileprivate var isHeld: Bool {
        if case .wait(let wait) = decision { return wait.reason.isTrouble(.server) }
        return decision.isBlocked
    }
}
