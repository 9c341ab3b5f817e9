import FleetCore
import K3s

/// What VMs answer behind exe.dev's HTTPS proxy: asked when all else of a node is settled, and again in a while.
extension Run {
    /// What earlier runs of this process heard.
    mutating func remember(_ inspected: Inspected) {
        for case .web(let question) in inspected.keys where wants(question) {
            facts.notes[question.vm, default: .init()].hasAnswered = true
        }
    }

    /// The fleet file asks the same still.
    private func wants(_ question: ShareQuestion) -> Bool {
        facts.places[question.vm].map { fleet.nodes[$0].question == question } ?? false
    }

    /// A run hands on when a VM was asked only while its answer is good.
    func isGoodYet(_ target: ReadTarget) -> Bool {
        guard case .web(let question) = target else { return true }
        return wants(question) && facts.notes[question.vm]?.hasAnswered == true
    }

    /// Each question is a connection of its own.
    var mayAsk: Bool { !inspections.isOff && reads.underWay < fleet.limits.hostsAtOnce }

    mutating func note(_ answer: ShareAnswer, to question: ShareQuestion) {
        facts.notes[question.vm, default: .init()].hasAnswered = answer.fits(question.probe)
    }

    /// What a VM answered says nothing of what becomes of its node afterwards.
    mutating func forgetAnswers() {
        for item in plan.items {
            guard let reason = item.decision.reason, !item.decision.isSettled, !reason.isOfShareProbe, !reason.leavesTroubleOpen,
                let question = facts.places[item.node].flatMap({ fleet.nodes[$0].question })
            else { continue }
            guard facts.notes[item.node]?.hasAnswered == true || facts.observed.answers[question] != nil || !reads.isIdle(.web(question))
            else { continue }
            facts.notes[item.node]?.hasAnswered = false
            stale(.web(question))
        }
    }
}
