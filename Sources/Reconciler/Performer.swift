import FleetCore
import K3s

/// The one door to effects: asks the safety rules, then does one action.
struct Performer: Sendable {
    enum Outcome: Sendable {
        case created(ObservedVM)
        case shared(Share)
        case done(output: String)
    }

    let world: any WorldWriter

    func perform(_ action: Action, facts: FleetFacts) async throws(EffectError) -> Outcome {
        if let block = Safety.refusal(of: action, facts: facts) {
            throw EffectError(block.reason, remedy: .askOperator(advice: block.advice))
        }
        switch action {
        case .createVM(let name, let shape, let tag):
            return .created(try await world.createVM(name: name, shape: shape, ownerTag: tag))
        case .tagVM(let name, let tags): try await world.tagVM(name, tags: tags)
        case .startVM(let name): try await world.startVM(name)
        case .removeVM(let name): try await world.removeVM(name)
        case .share(let name, let share): return .shared(try await world.share(name, as: share))
        case .prepare, .forget, .install, .shape, .drain, .stop, .deleteNode:
            return .done(output: try await onHost(action, facts))
        }
        return .done(output: "")
    }

    private func onHost(_ action: Action, _ facts: FleetFacts) async throws(EffectError) -> String {
        let (order, host) = Self.order(for: action, facts)
        guard let host, let vm = facts.seen.vms?[host] else {
            throw EffectError("\(host ?? "the server") was not seen", remedy: .retry(after: nil))
        }
        return try await world.run(order, on: vm)
    }

    /// What is said, and to which host: kubectl speaks on the server.
    private static func order(for action: Action, _ facts: FleetFacts) -> (HostOrder, String?) {
        let server = facts.serverName
        switch action {
        case .prepare(let node, let version, let role):
            let ledger = facts.ledger
            return (
                .prepare(
                    node: node, role: role,
                    .init(
                        version: version, expectedSHA256: ledger.digests[version.description], clusterID: ledger.clusterID,
                        clusterCIDR: ledger.clusterCIDR, serviceCIDR: ledger.serviceCIDR)), node
            )
        case .install(let setup): return (.install(setup), setup.name)
        case .stop(let node, let role): return (.stop(role), node)
        case .forget(let node): return (.forget(node: node), server)
        case .shape(let node, let shape): return (.shape(node: node, shape), server)
        case .drain(let node): return (.drain(node: node), server)
        case .deleteNode(let node): return (.deleteNode(node), server)
        case .createVM, .tagVM, .startVM, .share, .removeVM: preconditionFailure("no host order: \(action)")
        }
    }
}
