import FleetCore
import K3s
import Reconciler

/// What the oracles must remember of the past.
struct OracleMemory: Sendable {
    /// `cluster/node` of every node that ever joined.
    var joined: Set<String> = []
    /// VMs created less VMs gone, by name.
    var creations: [String: Int] = [:]
    var drained: Set<String> = []
    /// Nodes that a removal was begun on and that no ledger has given back since.
    var leaving: Set<String> = []
    var foundings: [String: Int] = [:]
    /// When k3s was last started on a node by an install of ours.
    var restarted: [String: Double] = [:]
    /// When an effect last failed, by process and effect.
    var failures: [String: Double] = [:]
    /// Nodes that were ready when they were restarted or vanished, or when the trial began.
    var served: Set<String> = []
    /// What a machine of the daemon, by its desk, has begun to take down and has not made anew or given back.
    var takenDown: Set<Mark> = []
    /// When a process last read the cluster, and what it was told.
    var readAt: [Int: Double] = [:]
    var told: [Int: [NodeReading]] = [:]
    /// VMs that a list has hidden or shown as they were, and those that vanished or started again: what is done to them may be done in error.
    var misjudged: Set<String> = []
    /// Nodes that were not in the cluster when k3s was last installed there.
    var remade: Set<String> = []
    /// What a process sent a change for that is not answered.
    var unanswered: Set<Mark> = []
    /// How many lists have hidden a VM that was there.
    var hidden: [String: Int] = [:]
    /// VMs whose creation was answered to a process.
    var made: Set<Mark> = []

    /// A VM or node, and the number of the process or desk that it is remembered of.
    struct Mark: Sendable, Hashable {
        var owner: Int
        var name: String

        init(_ owner: Int, _ name: String) { (self.owner, self.name) = (owner, name) }
    }
}

/// A rule that must hold at every effect, whatever goes wrong. Named after what it forbids; the number is that of the fault catalogue
/// (facts/peers.md).
struct Oracle: Sendable {
    var name: String
    /// What is wrong about sending this, judged by how the world is at that moment; nil when nothing is.
    var complaint: @Sendable (Effect, WorldState.ProcessRecord, _ id: Int, WorldState) -> String?

    static let all = [
        onlyOwnAndRecordedVMsAreRemoved, nothingOutsideSpecAndOwned, quorumIsKept, oneLearnerAtATime, creationsFitTheBudget,
        serversAreNotTakenDown, dataBearingVMsAreNotRecreated,
        unavailabilityStaysInBudget, noCreationOverALivingNode, removalKeepsItsOrder, theLockIsHeld, lookingWritesNothing,
        onlyWhatWasApproved, versionsKeepTheirOrder, theLeaseIsHeld, theBreakerHolds, theLivingAreNotForgotten,
        otherClustersHostsAreLeftAlone, nothingIsHammered, whatRunsIsNotReset, membersAreNotRestarted,
    ]

    /// S1: ownership is on the VM and in the ledger on disk; destroy asks for the tag alone, since the operator typed the name.
    static let onlyOwnAndRecordedVMsAreRemoved = Oracle(name: "S1 only own and recorded VMs are removed") { effect, process, _, world in
        guard effect.action.isDestructive else { return nil }
        if let machine = world.machine(effect.subject), !machine.tags.contains(process.fleet.cluster.tag) {
            return "the VM has not our tag"
        }
        // Also of a Node whose VM is gone, which may be somebody else's.
        let isUnknown = world.desks[process.desk].ledger?.nodes[effect.subject] == nil
        return process.mode == .apply && isUnknown ? "the ledger does not know it" : nil
    }

    /// S2.
    static let nothingOutsideSpecAndOwned = Oracle(name: "S2 nothing outside spec and owned") { effect, process, _, world in
        if case .createVM(let step) = effect.action {
            guard process.fleet.nodes.contains(where: { $0.name == step.node }) else { return "no pool asks for it" }
            return step.ownerTag == process.fleet.cluster.tag ? nil : "it is created without our tag"
        }
        func isForeign(_ name: String) -> Bool {
            world.at(name).map { !world.machines[$0].tags.contains(process.fleet.cluster.tag) } ?? false
        }
        if isForeign(effect.subject) { return "\(effect.subject) is not ours" }
        guard let host = effect.host, isForeign(host) else { return nil }
        return "\(host) is not ours"
    }

    /// S3: where several servers vote, none is taken down by us that the others need, as far as the cluster can know who is down.
    static let quorumIsKept = Oracle(name: "S3 quorum is kept") { effect, process, id, world in
        switch effect.kind {
        case .install, .stop, .removeVM, .startVM: break
        default: return nil
        }
        guard process.mode == .apply, let machine = world.machine(effect.subject), let cluster = machine.disk.serverData,
            let etcd = world.clusters[cluster].etcd, etcd.voters.count > 1, etcd.voters.contains(machine.name),
            // One that is down, or coming up, is nothing that the others have.
            machine.unit?.registeredAt != nil, !world.hasJustCome(machine, since: world.memory.readAt[id])
        else { return nil }
        if let setup = effect.setup, !world.isRestarted(by: setup) { return nil }
        let ready = world.clusters[cluster].nodes.values.filter { $0.condition(now: world.now) == .ready }.map(\.registration.name)
        let left = etcd.voters.intersection(ready).subtracting([machine.name]).count
        return left < etcd.quorum ? "\(left) of \(etcd.voters.count) voters would be left" : nil
    }

    /// S3: while a server learns, no other one is made or restarted (facts/k3s.md §5.2).
    static let oneLearnerAtATime = Oracle(name: "S3 one learner at a time") { effect, _, _, world in
        guard let setup = effect.setup, setup.role == .server, world.isRestarted(by: setup),
            let cluster = world.machine(setup.name)?.disk.serverData ?? world.apiServer?.cluster, let etcd = world.clusters[cluster].etcd
        else { return nil }
        let learners = etcd.members.filter { $0.value.isLearner && $0.key != setup.name }.keys.sorted()
        return learners.isEmpty ? nil : "\(learners) still learn"
    }

    /// S7: those that are being made count.
    static let creationsFitTheBudget = Oracle(name: "S7 creations fit the budget") { effect, process, _, world in
        // Another machine's requests are nothing that this one can count.
        guard effect.kind == .createVM, !world.struck.contains(where: { $0.kind == .rival }) else { return nil }
        var names = Set(world.machines.filter { $0.tags.contains(process.fleet.cluster.tag) }.map(\.name))
        for other in world.inFlight.values.map(\.effect) + [effect] where other.kind == .createVM { names.insert(other.subject) }
        let limit = process.fleet.limits.maxVMs
        return names.count > limit ? "\(names.count) would exist, the limit is \(limit)" : nil
    }

    /// S3: apply never takes a server away.
    static let serversAreNotTakenDown = Oracle(name: "S3 servers are not taken down") { effect, process, _, world in
        guard process.mode == .apply, effect.action.isDestructive else { return nil }
        return world.machine(effect.subject)?.disk.serverData != nil ? "it is a server" : nil
    }

    /// S5.
    static let dataBearingVMsAreNotRecreated = Oracle(name: "S5 data-bearing VMs are not re-created") { effect, process, _, world in
        guard effect.kind == .createVM, world.disk?.caHash != nil else { return nil }
        let isServer = process.fleet.nodes.contains { $0.name == effect.subject && $0.role == .server }
        return isServer ? "the cluster's data were on it" : nil
    }

    /// S6: restarted, and taken away without the ledger knowing it (see `judgeRemovals`), while others of the pool are down by our doing.
    static let unavailabilityStaysInBudget = Oracle(name: "S6 unavailability stays in budget") { effect, process, id, world in
        if effect.action.isDestructive, process.mode == .apply {
            return world.desks[process.desk].ledger?.nodes[effect.subject]?.leaveStage == nil ? "its removal is not written down" : nil
        }
        guard let setup = effect.setup, world.isMember(setup.name), world.isRestarted(by: setup) else { return nil }
        let pool = process.fleet.nodes.first { $0.name == setup.name }?.pool
        guard !world.hasLostCount(id) else { return nil }
        // From one whose k3s does not run nothing is taken: it waits for no machine that is made anew.
        let isDown = world.machine(setup.name)?.unit == nil
        let down = process.fleet.nodes.compactMap { mate -> String? in
            guard mate.pool == pool, mate.name != setup.name else { return nil }
            let isRestarting = world.isRestartingByUs(mate.name) && !(isDown && world.memory.remade.contains(mate.name))
            return isRestarting || world.isKnownDown(mate.name, to: id, who: setup.name) ? mate.name : nil
        }
        let limit = process.fleet.limits.maxUnavailable
        return down.count >= limit ? "\(down) are restarting, the limit is \(limit)" : nil
    }

    /// S8: exe.dev's names are unique, so a second VM cannot come to be; that one is asked for is wrong all the same.
    static let noCreationOverALivingNode = Oracle(name: "S8 no creation over a living node") { effect, _, id, world in
        guard effect.kind == .createVM else { return nil }
        let name = effect.subject
        let isUnderWay = world.late.contains { $0.effect.kind == .createVM && $0.effect.subject == name }
        // What is not in the ledger cannot be waited for; exe.dev refuses it then.
        let isIgnorant = world.struck.contains(where: \.kind.hidesFromTheLedger)
        if isUnderWay, !isIgnorant, !world.hasLostCount(id) { return "an earlier one is still under way at exe.dev" }
        if world.memory.made.contains(.init(id, name)), world.machine(name) != nil, !world.memory.misjudged.contains(name) {
            return "this very process was told that its VM is there"
        }
        guard world.machine(name)?.unit?.registeredAt != nil, world.apiServer != nil, !world.passesForGone(name),
            !world.struck.contains(where: { $0.kind == .crashAndDamage })
        else { return nil }
        return "its VM and its node are alive"
    }

    /// S9: drain, then stop, then the node, then the VM.
    static let removalKeepsItsOrder = Oracle(name: "S9 removal keeps its order") { effect, process, id, world in
        guard process.mode == .apply, effect.action.isDestructive, let machine = world.machine(effect.subject) else { return nil }
        let isMember = world.isMember(machine.name)
        switch effect.kind {
        case .stop where isMember && !world.memory.drained.contains(machine.name): return "stopped before it was drained"
        case .deleteNode where isMember && machine.unit != nil && !effect.sparesTheLiving:
            return "its node is deleted while k3s runs"
        // The reading may have been on its way for half a minute; the node that comes meanwhile is deleted after its VM.
        case .removeVM where isMember && !world.hasJustCome(machine, since: world.memory.readAt[id], within: 40):
            return "the VM is removed while its node is in the cluster"
        default: return nil
        }
    }

    /// S10: agents follow servers, versions only rise, and no minor is left out.
    static let versionsKeepTheirOrder = Oracle(name: "S10 versions keep their order") { effect, _, _, world in
        if case .prepare(let step) = effect.action, let disk = world.machine(step.node)?.disk, let binary = disk.binary {
            let isInUse = disk.enabled != nil && (disk.serverData != nil || disk.password != nil)
            return isInUse && binary != step.host.version ? "\(binary) is in use there" : nil
        }
        guard case .install(let step) = effect.action, let api = world.apiServer else { return nil }
        func version(_ name: String) -> K3sVersion? {
            (world.clusters[api.cluster].nodes[name]?.registration.version).flatMap(K3sVersion.init)
        }
        if let now = version(step.node) {
            if step.version < now { return "\(now) would become \(step.version)" }
            if step.version.minor > now.minor + 1 { return "\(now) would skip a minor" }
        }
        guard step.setup.role == .agent, let server = version(world.machines[api.machine].name) else { return nil }
        return step.version > server ? "it would be newer than its server, \(server)" : nil
    }

    /// S11, on one machine.
    static let theLockIsHeld = Oracle(name: "S11 the lock is held") { _, process, id, world in
        let holder = world.desks[process.desk].lockHolder
        return holder == id ? nil : "process \(id) acts, \(holder.map(String.init) ?? "nobody") holds the lock"
    }

    /// S11, across machines. A server that is down is mended without the Lease, for there is nobody to ask, and both machines mend it alike. Who
    /// has never heard an answer of the cluster, while it is being founded, cannot have asked for it either.
    static let theLeaseIsHeld = Oracle(name: "S11 the lease is held") { effect, process, id, world in
        guard let holder = world.leaseholder, holder != process.desk, world.desks[process.desk].ledger?.caHash != nil else { return nil }
        let isServers = process.fleet.nodes.contains { $0.role == .server && $0.name == effect.subject }
        let isSilentToIt = world.memory.told[id] == nil
        return isServers && isSilentToIt && process.mode == .apply ? nil : "desk-\(process.desk) acts while desk-\(holder) holds the lease"
    }

    /// S12.
    static let lookingWritesNothing = Oracle(name: "S12 looking writes nothing") { _, process, _, _ in
        process.mode == .look ? "a look has an effect" : nil
    }

    /// S13.
    static let onlyWhatWasApproved = Oracle(name: "S13 only what was approved") { effect, process, _, _ in
        guard let approved = process.approved else { return nil }
        return approved[effect.subject]?.contains(effect.kind) == true ? nil : "not in the approved plan"
    }

    /// S15: unattended, with two VMs and more than a third gone at once, none is made anew.
    static let theBreakerHolds = Oracle(name: "S15 the breaker holds") { effect, process, _, world in
        guard effect.kind == .createVM, !process.isAttended, let disk = world.desks[process.desk].ledger else { return nil }
        // What we had begun to take down ourselves is no loss; of the one that is asked for the ledger does not tell it any more.
        let known = process.fleet.nodes.map { $0.name }.filter { name in
            disk.nodes[name]?.createdAt != nil && disk.nodes[name]?.leaveStage == nil
                && !world.memory.takenDown.contains(.init(process.desk, name))
        }
        // Whoever was shown a list of before may believe that fewer are gone.
        guard world.memory.misjudged.isDisjoint(with: known) else { return nil }
        let gone = known.count { world.machine($0) == nil }
        return known.contains(effect.subject) && gone >= 2 && gone * 3 > known.count ? "\(gone) of \(known.count) are gone" : nil
    }

    /// What another cluster set up is not ours to write on, whatever its tag says.
    static let otherClustersHostsAreLeftAlone = Oracle(name: "other clusters' hosts are left alone") { effect, _, _, world in
        guard let host = effect.host, let place = world.at(host), let disk = world.disk,
            let mark = world.machines[place].disk.clusterID, mark != disk.clusterID
        else { return nil }
        return "\(host) bears the mark of \(mark)"
    }

    /// A process that was told no waits before it asks the same again.
    static let nothingIsHammered = Oracle(name: "nothing is hammered") { effect, _, id, world in
        guard !world.memory.failures.isEmpty, let failed = world.memory.failures["\(id) \(effect.words)"], world.now - failed < 0.9
        else { return nil }
        // A wait that was counted on a clock that was put forward is over.
        guard !world.struck.contains(where: \.kind.isClockJump) else { return nil }
        return "it failed a moment ago"
    }

    /// exe.dev's `restart` is a power cut (facts/exedev.md §1.2).
    static let whatRunsIsNotReset = Oracle(name: "what runs is not reset") { effect, _, _, world in
        guard effect.kind == .startVM, let machine = world.machine(effect.subject), !machine.isStopped else { return nil }
        // Who was shown a list of before cannot know, nor can who counts by another clock or has another ledger, or when somebody else starts it.
        let isMisled = world.struck.contains { $0.kind.isClockJump || $0.kind.hidesFromTheLedger }
        return isMisled || world.memory.misjudged.contains(effect.subject) ? nil : "the VM runs"
    }

    /// k3s is started again where its node is missing, and nowhere else: what a restart of a member costs is counted with the installs.
    static let membersAreNotRestarted = Oracle(name: "members are not restarted") { effect, _, id, world in
        guard effect.kind == .restart, world.isMember(effect.subject), !world.hasLostCount(id) else { return nil }
        // The answers of the cluster and of the host may have been on their way for half a minute each.
        if let machine = world.machine(effect.subject), world.hasJustCome(machine, since: world.memory.readAt[id], within: 60) {
            return nil
        }
        return "its node is in the cluster"
    }

    /// A node password is taken away only from a machine that is no more: the kubelet of a deleted node does not come back by itself.
    static let theLivingAreNotForgotten = Oracle(name: "the living are not forgotten") { effect, _, _, world in
        guard case .purgeIdentity(let step) = effect.action, world.isMember(step.node), let machine = world.machine(step.node),
            machine.unit?.registeredAt != nil, step.sparing != machine.overlayAddress
        else { return nil }
        return "its machine is in the cluster"
    }
}

extension WorldState {
    func isMember(_ name: String) -> Bool {
        guard let api = apiServer else { return false }
        return clusters[api.cluster].nodes.place(of: name) != nil
    }

    func isCordoned(_ name: String) -> Bool { apiServer.flatMap { clusters[$0.cluster].nodes[name]?.isUnschedulable } ?? false }

    /// What another process began is counted by the clock alone that was put forward.
    func hasLostCount(_ id: Int) -> Bool { id > 0 && struck.contains(where: \.kind.isClockJump) }

    /// Two lists that hide one and the same VM pass for its end.
    func passesForGone(_ name: String) -> Bool { memory.hidden[name, default: 0] >= 2 }

    /// Whether an order to install would restart k3s: what runs already as it is asked for is left alone.
    func isRestarted(by setup: NodeSetup) -> Bool {
        guard let machine = machine(setup.name) else { return false }
        return machine.unit == nil || machine.needsRestart || machine.disk.setup != setup
    }

    /// k3s was started there, by us, and has not said that it is ready.
    func isRestartingByUs(_ name: String) -> Bool {
        if inFlight.values.contains(where: { $0.effect.kind == .install && $0.effect.subject == name }) && isMember(name) { return true }
        // One that was never ready is missed by nobody.
        guard memory.served.contains(name), let restarted = memory.restarted[name], isMember(name), let unit = machine(name)?.unit,
            restarted == unit.startedAt
        else { return false }
        return unit.registeredAt.map { now < $0 + Self.readyAfter } ?? true
    }

    /// The process was told that this node is down, which was up, and that the other one is up, which it is about to take down.
    func isKnownDown(_ name: String, to id: Int, who other: String) -> Bool {
        guard memory.served.contains(name), let told = memory.told[id], !struck.contains(where: \.kind.hidesFromTheLedger) else {
            return false
        }
        func isReady(_ name: String) -> Bool { told.contains { $0.name == name && $0.ready == .ready } }
        return isReady(other) && !isReady(name)
    }

    /// A machine that was taken for dead has joined once more after the cluster was last looked at, so many seconds ago at most.
    func hasJustCome(_ machine: Machine, since look: Double?, within seconds: Double = 2) -> Bool {
        guard let look, let registered = machine.unit?.registeredAt else { return false }
        return registered > look && now - look < seconds
    }

    /// A node that is about to go down was up.
    mutating func noteService(of name: String) {
        if isMember(name), machine(name)?.heartbeat(now: now) == true { memory.served.insert(name) }
    }
}
