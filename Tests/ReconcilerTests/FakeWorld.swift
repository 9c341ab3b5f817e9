import FleetCore
import K3s
import Reconciler
import Synchronization

/// A small world in memory with virtual time. Faults: replies of `new` that get lost after the VM was made, and a crash after effect n.
final class FakeWorld: WorldWriter {
    struct State {
        var vms: [String: ObservedVM] = [:]
        var prepared: Set<String> = []
        var installed: Set<String> = []
        var nodes: [String: NodeReading] = [:]
        var created: [String] = []
        var log: [String] = []
        var looks = 0
        var effects = 0
        var loseRepliesOfNew = false
        /// Another machine that holds the Lease.
        var rival: String?
        var leaseFails = false
        /// So many readings of the cluster find no API server.
        var silentReadings = 0
        /// A VM that lists lack until so many looks were made.
        var hidden: String?
        var hiddenUntil = 0
        /// What happens in the world after each effect.
        var afterEffect: (@Sendable (inout State) -> Void)?
        var crashAfter = Int.max
    }

    let state: Mutex<State>
    let clock = VirtualClock()

    init(_ state: State = State()) { self.state = Mutex(state) }

    /// Every effect passes here; past the crash nothing answers any more, as after kill -9.
    private func effect<T>(_ name: String, _ body: (inout State) throws(EffectError) -> T) throws(EffectError) -> T {
        let result = state.withLock { state -> Result<T, EffectError> in
            guard state.effects < state.crashAfter else { return .failure(EffectError("crashed", remedy: .askOperator(advice: ""))) }
            state.effects += 1
            state.log.append(name)
            defer { state.afterEffect?(&state) }
            do throws(EffectError) { return .success(try body(&state)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    func listVMs() async throws(EffectError) -> [ObservedVM] {
        state.withLock {
            $0.looks += 1
            let hidden = $0.looks <= $0.hiddenUntil ? $0.hidden : nil
            return $0.vms.values.filter { $0.name != hidden }
        }
    }

    func probe(_ vm: ObservedVM) async throws(EffectError) -> HostProbe {
        let state = state.withLock { $0 }
        let isServer = vm.name.contains("-cp-")
        let isPrepared = state.prepared.contains(vm.name)
        let isInstalled = state.installed.contains(vm.name)
        let unit = "LoadState=\(isInstalled ? "loaded" : "not-found") ActiveState=active SubState=running UnitFileState=enabled NRestarts=0"
        let lines =
            ["hostname=\(vm.name)", "systemd=running", "overlay=\(isPrepared ? address(vm.name) : "down")"]
            + (isPrepared ? ["version=v1.34.9+k3s1", "sha256=abc", "installer=yes"] : [])
            + ["unit.\(isServer ? "k3s" : "k3s-agent")=\(unit)"] + (isInstalled ? ["config=x"] : [])
        do {
            return try HostProbe.parse("=== exedev-k8s probe begin\n" + lines.joined(separator: "\n") + "\n=== exedev-k8s probe end")
        } catch {
            throw EffectError("\(error)", remedy: .retry(after: nil))
        }
    }

    private func address(_ name: String) -> String { "100.64.0.\(name.utf8.reduce(0) { ($0 &+ Int($1)) % 250 } + 1)" }

    func readCluster(on vm: ObservedVM) async throws(EffectError) -> ClusterReading {
        let (state, isSilent) = state.withLock { state in
            state.silentReadings -= 1
            return (state, state.silentReadings >= 0)
        }
        var reading = ClusterReading()
        reading.hostname = vm.name
        reading.apiReady = state.nodes[vm.name] != nil && !isSilent
        reading.caHash = reading.apiReady ? "ca" : nil
        reading.nodes = state.nodes.values.sorted { $0.name < $1.name }
        return reading
    }

    func create(_ step: CreateVM) async throws(EffectError) -> ObservedVM {
        let name = step.node
        return try effect("create \(name)") { state throws(EffectError) in
            guard state.vms[name] == nil else { throw EffectError("\(name) is not available", remedy: .askOperator(advice: "")) }
            let vm = ObservedVM(
                name: name, status: .running, tags: [step.ownerTag] + step.vm.tags, address: .init(host: "h", port: nil, user: nil),
                createdAt: "t\(state.created.count)", url: nil)
            state.vms[name] = vm
            state.created.append(name)
            state.prepared.remove(name)
            state.installed.remove(name)
            if state.loseRepliesOfNew { throw EffectError("reply lost", remedy: .observeAgain) }
            return vm
        }
    }

    func tag(_ step: TagVM) async throws(EffectError) {
        try effect("tag \(step.node)") { state in state.vms[step.node]?.tags += step.tags }
    }

    func start(_ step: StartVM) async throws(EffectError) {
        try effect("start \(step.node)") { state in state.vms[step.node]?.status = .running }
    }

    func remove(_ step: RemoveVM) async throws(EffectError) { try effect("remove \(step.node)") { state in state.vms[step.node] = nil } }

    func share(_ step: ShareVM) async throws(EffectError) -> Share {
        try effect("share \(step.node)") { _ in step.share }
    }

    func holdLease(on vm: ObservedVM, seconds: Int) async throws(EffectError) -> LeaseAnswer {
        let (rival, fails) = state.withLock { ($0.rival, $0.leaseFails) }
        if fails { throw EffectError("etcdserver: no leader", remedy: .retry(after: nil)) }
        return rival.map { .held(by: $0, left: 30) } ?? .ours
    }

    func releaseLease(on vm: ObservedVM) async throws(EffectError) {}

    func run(_ action: Action, on vm: ObservedVM) async throws(EffectError) -> String {
        let address = address(vm.name)
        return try effect("\(action.kind.rawValue) \(action.node)") { state in
            let node = action.node
            switch action {
            case .prepare: state.prepared.insert(node)
            case .install(let step):
                state.installed.insert(node)
                state.nodes[node] = NodeReading(
                    name: node, ready: .ready, version: step.version, internalIP: address,
                    labels: step.setup.role == .server ? ["node-role.kubernetes.io/control-plane": "true"] : [:], taints: step.setup.taints)
            case .patchNode(let step):
                for (key, value) in step.patch.labels { state.nodes[node]?.labels[key] = value }
                if let taints = step.patch.taints { state.nodes[node]?.taints = taints.to }
                state.nodes[node]?.annotations.merge(step.patch.annotations) { $1 }
            case .deleteNode, .purgeIdentity: state.nodes[node] = nil
            case .drain: state.nodes[node]?.unschedulable = true
            case .uncordon: state.nodes[node]?.unschedulable = false
            default: break
            }
            return "k3s-sha256=abc\n"
        }
    }
}

final class VirtualClock: WallClock {
    private let time = Mutex(1_000_000.0)
    var now: Double { time.withLock { $0 } }
    var uptime: Double { now }
    func pass(seconds: Double) { time.withLock { $0 += seconds } }
    func sleep(seconds: Double) async throws {
        pass(seconds: seconds)
        await Task.yield()
    }
}

final class Notebook: Memory {
    let ledger: Mutex<Ledger>
    init(_ fleet: DesiredFleet) {
        ledger = Mutex(
            Ledger(
                cluster: fleet.cluster.name, clusterID: "id", clusterCIDR: fleet.cluster.clusterCIDR.description,
                serviceCIDR: fleet.cluster.serviceCIDR.description))
    }
    func save(_ ledger: Ledger) throws { self.ledger.withLock { $0 = ledger } }
    var current: Ledger { ledger.withLock { $0 } }
}
