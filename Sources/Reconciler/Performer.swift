import FleetCore
import K3s

/// The one door to effects: asks the safety rules and the fence, then does one action.
struct Performer: Sendable {
    let world: any WorldWriter
    let ticket: Fence.Ticket

    /// For one change.
    init(world: any WorldWriter, ticket: Fence.Ticket) { (self.world, self.ticket) = (world.fenced(by: ticket), ticket) }

    func perform(_ action: Action, facts: FleetFacts) async throws(EffectError) -> StepOutcome {
        if let refusal = Safety.refusal(of: action, facts: facts) {
            throw refusal.passesByItself ? EffectError(refusal.text, remedy: .retry(after: nil)) : EffectError(refused: refusal)
        }
        try ticket.check()
        switch action {
        case .createVM(let step): return .created(try await world.create(step))
        case .tagVM(let step): try await world.tag(step)
        case .commentVM(let step): try await world.comment(step)
        case .startVM(let step): try await world.start(step)
        case .resizeVM(let step): return .resized(approval: try await world.resize(step))
        case .restartVM(let step): try await world.restart(step)
        case .removeVM(let step):
            if let vm = facts.observed.vms?[step.node] { try await world.logOut(vm) }
            try await world.remove(step)
        case .share(let step): return .shared(try await world.share(step))
        case .drain, .evacuate: return .drain(try Self.drain(try await onHost(action, facts)))
        default: return .done(output: try await onHost(action, facts))
        }
        return .done(output: "")
    }

    private static func drain(_ output: String) throws(EffectError) -> DrainReading {
        do throws(ReadingError) {
            return try DrainReading.parse(output)
        } catch {
            throw EffectError("\(error)", remedy: .retry(after: nil))
        }
    }

    private func onHost(_ action: Action, _ facts: FleetFacts) async throws(EffectError) -> String {
        guard let host = action.host(facts), let vm = facts.observed.vms?[host] else {
            throw EffectError("the host for \(action.words) was not observed", remedy: .retry(after: nil))
        }
        return try await world.run(action, on: vm)
    }
}

extension Action {
    /// The VM on which its script runs; nil where exe.dev does it, or no server is known.
    func host(_ facts: FleetFacts) -> String? {
        switch step.target {
        case .platform: nil
        case .node: node
        case .server: facts.controlPlane.contact
        }
    }
}
