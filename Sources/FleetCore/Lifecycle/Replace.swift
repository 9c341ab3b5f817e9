import K3s

/// A node that the file asks for is made again: out of the cluster and away as any node (`Leave`), then made as if it had never been (`Join`).
/// This file says which, and why.
extension FleetFacts {
    /// Seconds within which a node is not made again twice without an operator: what kills it kills its successor too.
    static let replacementPause = 3600.0

    /// Why this node of the file is on its way out to be made again; nil when it is not.
    func replacementCause(_ name: String) -> Replacement.Cause? {
        if let derived { return derived.replacements[name] }
        return desired(name).flatMap { findReplacementCause($0, NodeFacts.of(name, self)) }
    }

    /// Of all nodes, by name.
    var replacementCauses: [String: Replacement.Cause] {
        guard ledger.replacements?.isEmpty == false || !replacing.isEmpty || fleet.policy.replace != .never || !holds(.wantedStay) else {
            return [:]
        }
        return fleet.nodes.reduce(into: [:]) { $0[$1.name] = findReplacementCause($1, NodeFacts.of($1.name, self)) }
    }

    private func findReplacementCause(_ want: DesiredNode, _ node: NodeFacts) -> Replacement.Cause? {
        // Where nothing of it is left there is nothing to take out.
        guard node.vm.map(isOwned) ?? (want.role == .server && node.node != nil && observed.vms != nil) else { return nil }
        let known = ledger.replacements?[want.name]
        if let known, known.stage == .leaving { return isCalledOff(known.cause, want, node) ? nil : known.cause }
        if replacing[want.name] != nil { return .requested }
        if known?.stage == .joining || wasReplacedLately(want.name) { return nil }
        return mayReplace(want) && Death.isProved(want, node, self) ? .dead : nil
    }

    /// What was the reason is so no more, and nothing is lost yet: the node stays.
    private func isCalledOff(_ cause: Replacement.Cause, _ want: DesiredNode, _ node: NodeFacts) -> Bool {
        switch cause {
        case .requested: false
        case .dead: Death.isOver(node)
        case .image: node.leaveStage != .nodeDeleted && !(isOfAnotherImage(want) && policyAllows(want.role))
        }
    }

    /// Than the file asks for, as far as it is known what it was made of.
    func isOfAnotherImage(_ want: DesiredNode) -> Bool { record(want.name)?.instance?.spec.map { $0.image != want.vm.image } ?? false }

    /// Without an operator.
    func mayReplace(_ want: DesiredNode) -> Bool { policyAllows(want.role) && (want.role == .agent || canSpare(want.name)) }

    private func policyAllows(_ role: Role) -> Bool {
        guard holds(.wantedStay) else { return true }
        return switch fleet.policy.replace {
        case .never: false
        case .agents: role == .agent
        case .all: true
        }
    }

    /// Of several servers, when all the others that have come so far vote.
    private func canSpare(_ name: String) -> Bool {
        let others = staying(without: name)
        return others.count > 1 && others.allSatisfy(\.isVoter)
    }

    /// A server's member is left, and the machine that it was on is not.
    func hasLostMachine(_ want: DesiredNode) -> Bool {
        guard want.role == .server, let vms = observed.vms else { return false }
        if vms[want.name] == nil { return true }
        if case .probed(let probe)? = observed.hosts[want.name] { return !probe.hasServerData }
        return false
    }

    func wasReplacedLately(_ name: String) -> Bool {
        guard let known = ledger.replacements?[name] else { return false }
        return now - known.begunAt < Self.replacementPause
    }

    /// Whether this step is the first one of a replacement.
    package func beginsReplacement(with action: Action) -> Bool {
        Leave.way.contains(action.kind) && isWanted(action.node) && ledger.replacements?[action.node]?.stage != .leaving
    }

    /// Out of service to be made again, or made and not ready yet.
    func isBeingReplaced(_ name: String) -> Bool {
        guard let known = ledger.replacements?[name] else { return false }
        return known.stage != .over
    }
}

extension Join {
    /// The steps of a replacement after this one: once the machine is gone, everything is as if it had never been.
    static func followingReplacement(_ action: Action, _ want: DesiredNode, _ node: NodeFacts) -> [StepKind] {
        let creation = Action.createVM(CreateVM(node: want.name, vm: want.vm, ownerTag: ""))
        return Leave.following(action) + [.createVM] + following(creation, want, node)
    }

    /// An image is that of a new disk: the node is made again if the policy allows.
    static let remade: Rule = { joined, facts in
        let (want, made) = (joined.want, joined.node.instance.spec?.image ?? "")
        guard facts.isOfAnotherImage(want), facts.mayReplace(want), !joined.isInMaintenance else { return nil }
        return Leave(role: want.role, reason: .imageDiffers(from: made, to: want.vm.image), cause: .image).decide(joined.node, facts)
    }

    /// Else it is the operator's.
    static let differingImage: Rule = { joined, facts in
        let (want, made) = (joined.want, joined.node.instance.spec?.image ?? "")
        guard facts.isOfAnotherImage(want) else { return nil }
        return .blocked(.imageChanged(name: want.name, role: want.role, from: made, to: want.vm.image))
    }
}

extension Replacement.Cause {
    /// Why a step of its way out is done.
    func reason(_ node: NodeFacts, _ want: DesiredNode) -> Reason {
        switch self {
        case .requested: .replacementRequested
        case .dead: .nodeDead(Death.evidence(node, want))
        case .image: .imageDiffers(from: node.instance.spec?.image ?? "", to: want.vm.image)
        }
    }
}

extension Reason {
    /// Of the first step of a replacement: its cause.
    package var replacementCause: Replacement.Cause? {
        switch self {
        case .replacementRequested: .requested
        case .nodeDead: .dead
        case .imageDiffers: .image
        default: nil
        }
    }
}
