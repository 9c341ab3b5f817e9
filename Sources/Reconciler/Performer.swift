package import FleetCore
import K3s

/// The one door to effects: asks the safety rules and the fence, then does one action.
struct Performer: Sendable {
    enum Outcome: Sendable {
        case created(ObservedVM)
        case shared(Share)
        case done(output: String)
    }

    let world: any WorldWriter
    let ticket: Fence.Ticket

    /// The hands of one change.
    init(world: any WorldWriter, ticket: Fence.Ticket) { (self.world, self.ticket) = (world.fenced(by: ticket), ticket) }

    func perform(_ action: Action, facts: FleetFacts) async throws(EffectError) -> Outcome {
        if let block = Safety.refusal(of: action, facts: facts) {
            throw EffectError(block.text, remedy: .askOperator(advice: block.advice))
        }
        try ticket.check()
        switch action {
        case .createVM(let name, let shape, let tag):
            return .created(try await world.createVM(name: name, shape: shape, ownerTag: tag))
        case .tagVM(let name, let tags): try await world.tagVM(name, tags: tags)
        case .startVM(let name): try await world.startVM(name)
        case .removeVM(let name): try await world.removeVM(name)
        case .share(let name, let share, let leaving): return .shared(try await world.share(name, as: share, revoking: leaving))
        case .prepare, .forget, .install, .restart, .shape, .drain, .uncordon, .stop, .deleteNode:
            return .done(output: try await onHost(action, facts))
        }
        return .done(output: "")
    }

    private func onHost(_ action: Action, _ facts: FleetFacts) async throws(EffectError) -> String {
        guard let order = HostOrder.of(action, facts), let host = order.host(facts), let vm = facts.seen.vms?[host] else {
            throw EffectError("the host for \(action.step.words) was not seen", remedy: .retry(after: nil))
        }
        return try await world.run(order, on: vm)
    }
}

extension HostOrder {
    /// Nil for actions that are exe.dev's to do.
    package static func of(_ action: Action, _ facts: FleetFacts) -> HostOrder? {
        switch action {
        case .prepare(let node, let version, let role):
            .prepare(
                node: node, role: role,
                .init(
                    version: version, expectedSHA256: facts.ledger.digests[version.description], clusterID: facts.ledger.clusterID,
                    clusterCIDR: facts.ledger.clusterCIDR, serviceCIDR: facts.ledger.serviceCIDR))
        case .install(let setup): .install(setup)
        case .stop(let node, let role): .stop(node: node, role)
        case .forget(let node): .forget(node: node, sparing: facts.seen.hosts[node]?.overlay)
        case .shape(let node, let shape): .shape(node: node, shape)
        case .restart(let node, let role): .restart(node: node, role)
        case .drain(let node, let isSilent): .drain(node: node, isSilent: isSilent)
        case .uncordon(let node): .uncordon(node: node)
        case .deleteNode(let node, let ifSilent): .deleteNode(node, ifSilent: ifSilent)
        case .createVM, .tagVM, .startVM, .share, .removeVM: nil
        }
    }

    /// Who is told: the node itself, or the server, where kubectl speaks.
    func host(_ facts: FleetFacts) -> String? {
        switch self {
        case .prepare(let node, _, _), .restart(let node, _), .stop(let node, _): node
        case .install(let setup): setup.name
        case .forget, .shape, .drain, .uncordon, .deleteNode: facts.serverName
        }
    }
}
