import K3s

/// What the ledger learns from the steps of the lifecycles.
extension Ledger {
    /// Seconds until a step of the node may be sent again, should it fail now.
    package func nextBackOff(_ node: String) -> Double { min(300, 2 * Double(1 << min(failures(node) + 1, 8))) }

    /// How many steps of the node have failed in a row.
    package func failures(_ node: String) -> Int { min(max(0, attempts[node]?.count ?? 0), 1_000_000) }

    /// `now`, `again`: seconds since 1970.
    package mutating func stepFailed(_ node: String, _ failure: String, at now: Double, again: Double) {
        attempts[node] = Attempt(count: failures(node) + 1, notBefore: again, failure: failure, failedAt: now)
    }

    package mutating func stepDone(_ node: String) { attempts[node] = nil }

    /// Every later host must stage the same bytes.
    mutating func staged(_ version: K3sVersion, digest: String) { digests[version.description] = digest }

    /// `new` is about to be sent. How far the machine before was taken down says nothing of the next one.
    mutating func vmRequested(_ node: String, _ spec: VMSpec, at now: Double) {
        let before = nodes[node]
        var request = VMRequest(sentAt: now, spec: spec, previous: before?.instance.map(NodeRecord.present))
        if let removedAt = before?.removedAt { request.previous = .gone(.init(createdAt: before?.createdAt, removedAt: removedAt)) }
        request.missingSince = before?.missingSince
        nodes[node] = .requested(request)
    }

    /// exe.dev said that the VM is there. A machine whose removal is known is missed by nobody.
    mutating func vmCreated(_ node: String) {
        nodes[node] = .present(Instance(after: nodes[node]?.previousCreatedAt, spec: nodes[node]?.request?.spec))
    }

    /// The VM has exactly these tags beside the ownership mark by our doing.
    mutating func tagged(_ node: String, _ tags: [String]) { change(node) { $0.spec?.tags = tags } }

    /// The comment of the VM is this one by our doing; nil when it is not ours.
    mutating func commented(_ node: String, _ text: String?) { change(node) { $0.spec?.comment = text } }

    /// Nothing came of the request: the name stands for what it stood for before.
    package mutating func requestFailed(_ node: String) {
        guard let request = nodes[node]?.request else { return }
        nodes[node] = request.previous
        noteMissing(node, since: request.missingSince)
    }

    /// A command for a VM that is there is about to be sent to exe.dev, or had no answer.
    package mutating func commandSent(_ node: String, at now: Double) { change(node) { $0.commandSentAt = now } }

    package mutating func commandAnswered(_ node: String) { change(node) { $0.commandSentAt = nil } }

    /// A server is about to be set up, which founds the cluster unless it is founded.
    mutating func foundingSent(on server: String, _ config: [String: ConfigValue]) {
        (founder, founding) = (server, FoundingValues.of(config))
    }

    /// A server is about to be set up with these, and all others have them or will.
    mutating func serverConfigured(_ setup: NodeSetup) { critical = CriticalValues.of(setup.extra, disable: setup.disable) }

    /// k3s is about to be configured and started. Until the answer is known nobody knows how it is configured, not even should the file go
    /// back to what it was.
    mutating func installSent(_ node: String, as role: Role, at now: Double) {
        nodes[node, default: .present(Instance())].change {
            ($0.startedAt, $0.configuration) = (now, .unknown)
            if role == .server { $0.isServer = true }
        }
        // It may run again from now on, whatever becomes of the answer.
        if case .leaving(let instance, .stopped) = nodes[node] { nodes[node] = .leaving(instance, .drained) }
        if case .leaving(let instance, .nodeDeleted) = nodes[node] { nodes[node] = .leaving(instance, .drained) }
    }

    /// k3s is about to be started. `isMember`: its Node is in the cluster, and may read ready for a while whatever becomes of it.
    package mutating func k3sStarts(on node: String, isMember: Bool) { change(node) { $0.isRestarting = isMember } }

    /// It was, or may have been, at `now` at the latest.
    package mutating func k3sStarted(on node: String, at now: Double) { change(node) { if $0.startedAt != nil { $0.startedAt = now } } }

    mutating func installed(_ node: String, digest: String, entrance: String) {
        change(node) { ($0.configuration, $0.entrance) = (.digest(digest), entrance) }
        if case .leaving(let instance, _) = nodes[node] { nodes[node] = .leaving(instance, .returning) }
    }

    /// k3s is about to be taken down and started again there.
    mutating func k3sInterrupted(on node: String, as role: Role, at now: Double) {
        change(node) { $0.startedAt = now }
        if role == .server { serverChanges(at: now) }
    }

    /// A server is about to be started, stopped or taken out, or was.
    mutating func serverChanges(at now: Double) { serverChangedAt = now }

    /// A step of a removal is about to be sent. A `new` that is still on its way by then came to nothing.
    mutating func removalSent(_ node: String) {
        requestFailed(node)
        guard case .present(let instance) = nodes[node] else { return }
        nodes[node] = .leaving(instance, .begun)
        // What failed before was another matter.
        attempts[node] = nil
    }

    /// The first steps of a removal: pods may still run there, however far an earlier one had come.
    mutating func removalBegun(_ node: String) {
        removalSent(node)
        removalReached(.begun, node)
    }

    package mutating func removalReached(_ stage: LeaveStage, _ node: String) {
        switch nodes[node] {
        case .present(var instance), .leaving(var instance, _):
            if stage != .begun { instance.drain = nil }
            nodes[node] = .leaving(instance, stage)
        case .requested, .gone, nil: break
        }
    }

    /// The node stays.
    mutating func removalEnded(_ node: String) {
        guard case .leaving(var instance, _) = nodes[node] else { return }
        instance.drain = nil
        nodes[node] = .present(instance)
    }

    mutating func drainPending(_ node: String, _ hindrance: DrainHindrance, at now: Double) {
        change(node) { $0.drain = DrainProgress(since: min($0.drain?.since ?? now, now), triedAt: now, hindrance: hindrance) }
    }

    /// exe.dev said that the VM is gone. Where we stopped k3s nothing can have joined again, so nothing is left to remember.
    mutating func vmRemoved(_ node: String, at now: Double) {
        replacementLeft(node)
        guard let instance = nodes[node]?.instance, instance.startedAt != nil else { return nodes[node] = nil }
        nodes[node] = .gone(RemovedInstance(createdAt: instance.createdAt, removedAt: now))
    }

    /// Access is about to be granted to these users.
    mutating func sharingSent(_ node: String, grants: [String]) {
        change(node) { $0.sharing = .uncertain(grants: Set($0.sharing.grants + grants).sorted()) }
    }

    /// Changes the machine that bears the name.
    package mutating func change(_ node: String, _ body: (inout Instance) -> Void) {
        nodes[node]?.change(body)
    }
}

extension NodeRecord {
    /// Changes the machine that bears the name, or bore it before a `new` that is on its way.
    mutating func change(_ body: (inout Instance) -> Void) {
        switch self {
        case .requested(var request):
            request.previous?.change(body)
            self = .requested(request)
        case .present(var instance):
            body(&instance)
            self = .present(instance)
        case .leaving(var instance, let stage):
            body(&instance)
            self = .leaving(instance, stage)
        case .gone: break
        }
    }
}
