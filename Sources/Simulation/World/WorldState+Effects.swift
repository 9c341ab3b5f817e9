import FleetCore
import K3s
import Reconciler

extension WorldState {
    /// Does what was asked, up to where a fault strikes.
    mutating func carryOut(_ effect: Effect, fault: HostFault?, by id: Int) -> Swift.Result<EffectReply, EffectError> {
        switch effect.action {
        case .createVM(let step): create(step)
        case .tagVM(let step): tag(step)
        case .startVM(let step): start(step.node)
        case .commentVM(let step): asked { world throws(AccountRefusal) in try world.account.comment(step.node, step.text) }
        case .removeVM(let step): remove(step.node)
        case .resizeVM(let step): resize(step)
        case .restartVM(let step): start(step.node)
        case .share(let step): share(step)
        default: run(effect, fault: fault, by: id)
        }
    }

    private static func asks(_ text: String) -> Swift.Result<EffectReply, EffectError> {
        .failure(EffectError(text, remedy: .askOperator(advice: "see what it says")))
    }

    private static func retries(_ text: String) -> Swift.Result<EffectReply, EffectError> {
        .failure(EffectError(text, remedy: .retry(after: nil)))
    }

    package mutating func vanish(_ name: String) {
        settle()
        report(.vanished(name, wasReady: isReady(name)))
        account.remove(name)
        noteList()
    }

    package mutating func reboot(_ name: String, losesWrites: Bool) {
        settle()
        guard let index = at(name) else { return }
        machines[index].boot(now: now, seconds: random.seconds(3, 9), losesWrites: losesWrites)
    }
}

// MARK: hosts

extension WorldState {
    typealias HostStep = (inout WorldState) -> String?

    private mutating func run(_ effect: Effect, fault: HostFault?, by id: Int) -> Swift.Result<EffectReply, EffectError> {
        let (action, host) = (effect.action, effect.host ?? "")
        guard let index = reachable(host) else { return Self.retries("connection refused") }
        guard machines[index].answersAs == nil else { return Self.asks("this host is \(machines[index].answersAs ?? "")") }
        // Its key is not the one that we know.
        if machines[index].theirsSince != nil { return .failure(HostFault.keyChanged.error) }
        if fault == .wrongHost || fault == .keyChanged || fault == .connectionRefused { return .failure(fault!.error) }
        if fault != .cutBefore {
            if let refusal = obey(effect.token, index) { return .failure(refusal) }
            report(.obeyed(effect, by: id))
        }
        if let refusal = Self.preflight(action, machines[index]) ?? slowRoundTrip(action, machines[index]) { return Self.asks(refusal) }
        let steps = steps(of: action, index)
        kubectlHost = index
        for step in steps.prefix(fault?.done(of: steps.count) ?? steps.count) {
            if let complaint = step(&self) { return Self.retries(complaint) }
        }
        if let fault, fault.boots { reboot(host, losesWrites: fault.isPowerCut) }
        // Apart, for `machines` notices its changes, so that `self` is not free meanwhile.
        let later = now + 120
        if fault == .slowStart, machines[index].isStarting { machines[index].unit?.startedAt = later }
        if let fault, fault != .slowStart { return .failure(fault.error) }
        if case .prepare(let step) = action { return .success(.text("k3s-sha256=sha-\(step.host.version)\n")) }
        if case .stageK3s(let step) = action { return .success(.text("k3s-sha256=sha-\(step.version)\n")) }
        if case .drain = action { return .success(.text(drainAnswer)) }
        if case .evacuate = action { return .success(.text(drainAnswer)) }
        return .success(.text(""))
    }

    /// As `HostScript.obedience`: why it does not.
    private mutating func obey(_ token: FencingToken?, _ index: Int) -> EffectError? {
        guard let token else { return nil }
        let last = machines[index].disk.fence
        if let last, last.clusterID != token.clusterID, machines[index].disk.clusterID == last.clusterID {
            return EffectError("the host belongs to another cluster", remedy: .askOperator(advice: "see whose it is"))
        }
        if let last, last.clusterID == token.clusterID, last.number > token.number {
            return EffectError("the host has obeyed number \(last.number)", remedy: .fenced(by: last.number))
        }
        if last != nil || token.number > 0 { machines[index].writeThrough { $0.fence = token } }
        return nil
    }

    /// The safety rules of `prepare` and `install` (statuses 76 and 77).
    private static func preflight(_ action: Action, _ machine: Machine) -> String? {
        switch action {
        case .prepare(let step):
            if let other = machine.disk.enabled, other != step.host.role { return "the host is set up as \(other)" }
            return belongs(machine, to: step.host.clusterID)
        case .install(let step): return belongs(machine, to: step.setup.clusterID)
        default: return nil
        }
    }

    /// Status 87.
    private func slowRoundTrip(_ action: Action, _ machine: Machine) -> String? {
        guard case .install(let step) = action, step.setup.role == .server, step.setup.serverAddress != nil,
            machine.disk.serverData == nil, roundTripMilliseconds > step.setup.roundTripLimit
        else { return nil }
        return "the round trip takes \(roundTripMilliseconds) ms, and limits.etcdRoundTripMilliseconds is \(step.setup.roundTripLimit)"
    }

    private static func belongs(_ machine: Machine, to clusterID: String) -> String? {
        guard let other = machine.disk.clusterID, other != clusterID else { return nil }
        return "the host belongs to another cluster"
    }

    private func steps(of action: Action, _ index: Int) -> [HostStep] {
        switch action {
        case .prepare(let step): preparation(step.host, index)
        case .install(let step): installation(step.setup, index)
        case .purgeIdentity(let step): Self.forget(step.node, sparing: step.sparing)
        case .deleteNode(let step): (step.ifSilent ? [Self.proveSilence(of: step.node)] : []) + Self.forget(step.node)
        case .patchNode(let step): [Self.patch(step.node, step.patch)]
        case .restart: [{ $0.startK3s(index) }]
        case .cordon(let step): [Self.cordon(step.node, NodeAnnotation.removing)]
        case .drain(let step): [Self.drain(step.node, isSilent: step.isSilent, step.policy)]
        case .uncordon(let step): [Self.uncordon(step.node, step.purpose)]
        case .stageK3s(let step): staging(step.version, index)
        case .takeSnapshot: snapshot(index)
        case .evacuate(let step): evacuation(step)
        case .upgradeK3s(let step): upgrade(step.version, index)
        case .revertK3s: revert(index)
        case .flushDisk: flushing(index)
        case .createVM, .tagVM, .commentVM, .startVM, .share, .removeVM, .resizeVM, .restartVM: []
        case .stop:
            [
                { world in world.write(index) { $0.enabled = nil } },
                { world in
                    world.settle()
                    world.machines[index].unit = nil
                    return nil
                },
                Self.sync(index),
            ]
        }
    }

    mutating func write(_ index: Int, _ body: (inout Machine.HostDisk) -> Void) -> String? {
        machines[index].write(now: now, body)
        return nil
    }

    private func preparation(_ input: HostPreparation, _ index: Int) -> [HostStep] {
        [
            { world in
                world.account.join(world.machines[index].vm)
                return world.write(index) { $0.hasOverlay = true }
            },
            { world in world.write(index) { $0.binary = input.version } },
            { world in world.write(index) { $0.hasInstaller = true } },
            { world in world.write(index) { $0.clusterID = input.clusterID } },
            Self.sync(index),
        ]
    }

    private func installation(_ setup: NodeSetup, _ index: Int) -> [HostStep] {
        // As the script's note in /run: what changed calls for a restart, and a boot makes good for it.
        let isChanged =
            machines[index].disk.setup?.running != setup.running || !machines[index].disk.changedFiles.isEmpty || bringsToEtcd(setup)
        return [
            { world in world.write(index) { $0.clusterID = setup.clusterID } },
            { world in world.write(index) { $0.hasToken = true } },
            { world in
                world.machines[index].needsRestart = world.machines[index].needsRestart || isChanged
                return world.write(index) { ($0.setup, $0.changedFiles) = (setup, []) }
            },
            { world in world.write(index) { ($0.enabled, $0.unitFile) = (setup.role, setup.role) } },
            Self.sync(index),
            { world in
                guard world.machines[index].unit == nil || world.machines[index].needsRestart else { return nil }
                return world.startK3s(index)
            },
        ]
    }

    /// What was written outlasts a power cut.
    static func sync(_ index: Int) -> HostStep {
        { world in
            world.machines[index].sync()
            return nil
        }
    }

    mutating func startK3s(_ index: Int) -> String? {
        settle()
        machines[index].needsRestart = false
        machines[index].unit = .init(startedAt: now, version: machines[index].disk.binary)
        return nil
    }

    private static func forget(_ node: String, sparing address: String? = nil) -> [HostStep] {
        func isItsOwn(_ cluster: ClusterModel) -> Bool { address != nil && cluster.nodes[node]?.registration.address == address }
        return [
            kubectl { cluster, _ in if !isItsOwn(cluster) { _ = cluster.deleteNode(node) } },
            kubectl { cluster, _ in if !isItsOwn(cluster) { _ = cluster.deleteSecret(node + ".node-password.k3s") } },
        ]
    }

    private static func proveSilence(of node: String) -> HostStep {
        asking { cluster, now in
            let condition = cluster.nodes[node]?.condition(now: now)
            return condition == nil || condition == .unknown ? nil : "the node is alive"
        }
    }

    /// kubectl needs an API that answers. `body` says what the script complains of.
    private static func asking(_ body: @escaping (inout ClusterModel, Double) throws(ClusterModel.Failure) -> String?) -> HostStep {
        { world in
            world.settle()
            guard let cluster = world.kubectlHost.flatMap(world.cluster(servedBy:)) else {
                return "The connection to the server 127.0.0.1:6443 was refused"
            }
            do throws(ClusterModel.Failure) {
                return try body(&world.clusters[cluster], world.now)
            } catch {
                return error.description
            }
        }
    }

    private static func kubectl(_ body: @escaping (inout ClusterModel, Double) throws(ClusterModel.Failure) -> Void) -> HostStep {
        asking { cluster, now throws(ClusterModel.Failure) in
            try body(&cluster, now)
            return nil
        }
    }

    private static func patch(_ node: String, _ shape: NodePatch) -> HostStep {
        asking { cluster, now throws(ClusterModel.Failure) in
            let observed = cluster.reading(of: node, now: now)?.taints.sorted()
            if let change = shape.taints, let observed, change.from.sorted() != observed { return "the taints have changed meanwhile" }
            let taints = shape.taints?.to.map(ClusterModel.Taint.init)
            try cluster.patch(node, .init(labels: shape.labels, annotations: shape.annotations.mapValues { $0 }, taints: taints))
            return nil
        }
    }

    private static func uncordon(_ node: String, _ purpose: Uncordon.Purpose) -> HostStep {
        let mark = purpose == .removal ? NodeAnnotation.removing : NodeAnnotation.maintenance
        return { world in
            let uncordon = kubectl { cluster, _ throws(ClusterModel.Failure) in
                let known = cluster.nodes[node]?.annotations[mark]
                let isOurs = purpose == .removal ? known != HostScript.foreignCordon : known == "yes"
                if isOurs { try cluster.uncordon(node) }
                try cluster.patch(node, .init(annotations: [mark: nil]))
            }
            if let complaint = uncordon(&world) { return complaint }
            world.report(.uncordoned(node))
            return nil
        }
    }

    static func cordon(_ node: String, _ mark: String) -> HostStep {
        kubectl { cluster, _ throws(ClusterModel.Failure) in
            let (known, before) = (cluster.nodes[node]?.annotations[mark], cluster.nodes[node]?.isUnschedulable)
            let value = known ?? (before == true ? HostScript.foreignCordon : "yes")
            try cluster.patch(node, .init(annotations: [mark: value]))
            try cluster.cordon(node)
        }
    }

    static func drain(_ node: String, isSilent: Bool, _ policy: DrainPolicy) -> HostStep {
        { world in
            var left: ClusterModel.Failure?
            let drain = kubectl { cluster, now throws(ClusterModel.Failure) in
                do throws(ClusterModel.Failure) {
                    try cluster.drain(node, skipsTheSilent: isSilent, force: policy.force, now: now)
                } catch .notFound(let kind, let name) {
                    throw .notFound(kind: kind, name)
                } catch {
                    left = error
                }
            }
            if let complaint = drain(&world) { return complaint }
            if left == nil { world.report(.drained(node)) }
            world.drainAnswer = Self.drainAnswer(left)
            return nil
        }
    }

    /// As the script prints it.
    static func drainAnswer(_ left: ClusterModel.Failure?) -> String {
        let said = left.map { "\($0)".split(separator: "\n").map { "said=\($0)\n" }.joined() + "budget=default/web\n" } ?? ""
        return "=== exedev-k8s drain begin\nstate=\(left == nil ? "drained" : "pending")\n\(said)=== exedev-k8s drain end\n"
    }
}
