package import FleetCore
import K3s
import Reconciler

/// The whole world as a value: exe.dev, the insides of its VMs, the cluster, the daemon's disk. Only `now` makes it go on.
package struct WorldState: Sendable {
    /// Seconds since the world began; never goes back.
    package var now = 0.0
    /// What the daemon's wall clock shows beyond `now`.
    package var wallOffset = 1_700_000_000.0
    package var random: Randomness

    // exe.dev
    package var account = Account<Machine>() {
        didSet { isQuiet = false }
    }
    /// By itself nothing comes about on any machine until somebody changes one.
    private var isQuiet = false
    /// Earlier lists of VMs, the newest last.
    private(set) var lists: [[ObservedVM]] = [[]]
    /// Whether anybody may be shown one of them.
    var keepsLists = true
    /// Requests that exe.dev answered with 504 and carries out later.
    var late: [Late] = []
    /// How many VMs came to be for which nobody waits any more.
    var unawaited = 0
    /// What a process had sent when it died and what arrives nevertheless, in its own time.
    var orphaned: [Orphan] = []

    // the cluster
    package var clusters: [ClusterModel] = []

    /// Somebody outside of this world who holds the cluster's Lease and renews it.
    package var leaseKeeper: String?

    // the daemon
    /// The machines that keep the fleet; there should be one, and another one that was given a copy of the first one's state.
    package var desks = [Desk(), Desk()]
    /// A mutation: runs start without the lock.
    package var ignoresLock = false
    package var processes: [ProcessRecord] = []
    /// Processes that are paused, and until when.
    var frozen: [(process: Int, until: Double)] = []
    /// Answers on their way back, by who waits for them.
    var answers: [Int: Swift.Result<Answer, EffectError>] = [:]
    /// Until when exe.dev answers nothing, no host can be reached, the API server answers nobody.
    var outage: Double?
    var dark: Double?
    var apiOutage: Double?
    /// Until when exe.dev's HTTPS proxy gets nothing from any VM.
    var webOutage: Double?
    /// How many requests exe.dev answers with 429 from now on, within a minute.
    var throttled = (count: 0, until: 0.0)

    /// On which machine the script under way asks with kubectl.
    var kubectlHost: Int?
    /// No server that joins gets on.
    package var learnersStall = false
    /// Until when somebody else's server learns in etcd.
    var intrusion: Double?
    /// Between any two servers.
    package var roundTripMilliseconds = 2

    /// What the last drain printed.
    var drainAnswer = ""

    // the trial
    /// A handful.
    var faults: [Fault] = []
    /// What has gone wrong so far, in its order.
    package var struck: [Fault] = []
    package var effects: [Effect] = []
    package var reads: [ReadTarget] = []
    package var saves = 0
    /// How often the Lease was asked for.
    package var asks = 0
    package var trace = TraceHash()
    package var log: [String]?
    /// Effects that were sent and have not arrived, by their number, and by whom.
    var inFlight: [Int: (effect: Effect, process: Int)] = [:]
    /// What has happened and nobody has judged yet.
    var occurrences: [Occurrence] = []
    var sleepers = Sleepers()
    /// How often a loop slept.
    var naps = 0
    var sleeperID = 0

    package init(seed: UInt64) { random = Randomness(seed: seed) }

    /// Those of the account.
    package var machines: [Machine] {
        get { account.hosts }
        _modify { yield &account.hosts }
    }

    /// Something is down that comes back by itself.
    var isDown: Bool { [outage, dark, apiOutage].contains { $0.map { now < $0 } ?? false } }

    /// Whether exe.dev refuses this request because there were too many.
    mutating func isThrottled() -> Bool {
        guard throttled.count > 0, now < throttled.until else { return false }
        throttled.count -= 1
        return true
    }

    /// Nil for one that nobody can reach.
    func reachable(_ name: String) -> Int? {
        if let dark, now < dark { return nil }
        guard let place = at(name), machines[place].answersSSH(now: now) else { return nil }
        return place
    }

    package func at(_ name: String) -> Int? { account.place(of: name) }

    package func machine(_ name: String) -> Machine? { at(name).map { machines[$0] } }

    mutating func noteList() {
        guard keepsLists else { return }
        lists.append(machines.map { $0.observed(now: now) })
        if lists.count > 8 { lists.removeFirst() }
    }

    /// The list as it was `back` changes ago.
    func list(back: Int) -> [ObservedVM] {
        back == 0 ? machines.map { $0.observed(now: now) } : lists[max(0, lists.count - 1 - back)]
    }

    /// Pieces of a sentence, which is put together only for who reads it.
    mutating func note(_ words: String...) {
        trace.add(now)
        for piece in words { trace.add(piece) }
        log?.append("\(Int(now * 1000)) ms  \(words.joined())")
    }
}

// MARK: what comes about by itself

extension WorldState {
    static let apiAfter = 6.0
    static let joinAfter = 3.0
    static let readyAfter = 3.0

    /// Brings the world up to `now`: late requests, boots, joins, heartbeats. Called before anything that a heartbeat is judged by changes.
    mutating func settle() {
        proceed()
        beat()
    }

    /// All but the heartbeats, which only a reader of the cluster observes.
    mutating func proceed() {
        while let index = late.firstIndex(where: { $0.at <= now }) {
            let (effect, id) = { ($0.effect, $0.process) }(late.remove(at: index))
            if effect.kind == .createVM { unawaited += 1 }
            note("late \(effect.words)")
            _ = carryOut(effect, fault: nil, by: id)
        }
        while let index = orphaned.firstIndex(where: { $0.at <= now }) {
            let orphan = orphaned.remove(at: index)
            if orphan.effect.kind == .createVM { unawaited += 1 }
            // A connection ends with the boot that it was made in.
            guard orphan.session == orphan.effect.host.flatMap({ machine($0)?.session }) else { continue }
            _ = arrive(orphan.effect, orphan.number, orphan.fault, by: orphan.process)
        }
        if !isQuiet { startUp() }
        for number in clusters.indices where clusters[number].etcd != nil {
            withdrawIntruders(number)
            clusters[number].settle(up: serversUp(number), now: now)
            expel(number)
            beat()
        }
        if !isQuiet { join() }
    }

    private mutating func startUp() {
        for index in machines.indices where machines[index].isStarting && machines[index].isServer { runServer(index) }
    }

    /// Agents that have not registered try to.
    private mutating func join() {
        if hasStarting, let api = apiServer {
            for index in machines.indices where machines[index].isStarting && machines[index].isAgent { runAgent(index, api) }
        }
        isQuiet = !hasStarting
    }

    private var hasStarting: Bool {
        for index in machines.indices where machines[index].isStarting { return true }
        return false
    }

    private mutating func beat() {
        // A kubelet finds out after some seconds that the API is back: until then its node is what it was when the API went.
        guard let api = apiServer, now >= (apiOutage ?? -.infinity) + 5 else { return }
        for index in machines.indices {
            guard let isReady = machines[index].heartbeat(now: now) else { continue }
            _ = clusters[api.cluster].beat(machines[index].name, isReady: isReady, now: now)
        }
    }

    /// The machine whose API answers, and the number of its cluster.
    package var apiServer: (machine: Int, cluster: Int)? {
        if let apiOutage, now < apiOutage { return nil }
        for index in machines.indices where machines[index].isServer {
            if let cluster = cluster(servedBy: index) { return (index, cluster) }
        }
        return nil
    }

    /// The number of the cluster whose API this machine serves: with etcd only who votes does.
    func cluster(servedBy index: Int) -> Int? {
        if let apiOutage, now < apiOutage { return nil }
        guard machines[index].isServer, let unit = machines[index].unit, now >= unit.startedAt + Self.apiAfter,
            let cluster = machines[index].disk.serverData
        else { return nil }
        guard let etcd = clusters[cluster].etcd else { return cluster }
        return etcd.isVoter(machines[index].name) && clusters[cluster].answers(up: serversUp(cluster), now: now) ? cluster : nil
    }

    /// The servers of a cluster that run.
    func serversUp(_ cluster: Int) -> Set<String> {
        var names: Set<String> = []
        for index in machines.indices where machines[index].disk.serverData == cluster && machines[index].unit != nil {
            names.insert(machines[index].name)
        }
        return names
    }

    package static func caHash(_ cluster: Int) -> String { "ca-\(cluster)" }

    private mutating func runServer(_ index: Int) {
        guard let unit = machines[index].unit, now >= unit.startedAt + 1, let setup = machines[index].disk.setup else { return }
        guard enter(index, setup, unit) else { return }
        guard unit.registeredAt == nil, now >= unit.startedAt + Self.apiAfter, let cluster = machines[index].disk.serverData else { return }
        register(index, cluster, at: unit.startedAt + Self.apiAfter)
    }

    /// An agent asks for the CA that its token names, then joins, then is ready.
    private mutating func runAgent(_ index: Int, _ api: (machine: Int, cluster: Int)) {
        guard let unit = machines[index].unit, unit.registeredAt == nil, now >= unit.startedAt + Self.joinAfter,
            let setup = machines[index].disk.setup
        else { return }
        // systemd starts again what is there by then.
        if machines[index].endsAtOnce, unit.version != machines[index].disk.binary {
            machines[index].unit = .init(startedAt: now, version: machines[index].disk.binary)
            return
        }
        guard !machines[index].endsAtOnce else {
            let complaint = setup.isRefused ? "kubelet exited: invalid argument \"max-pods=none\"" : "fatal: this release does not run here"
            machines[index].unit?.complaint = complaint
            return
        }
        guard reaches(index, setup, api.cluster) else {
            machines[index].unit?.complaint = "failed to get CA certs: connection refused"
            return
        }
        guard setup.caHash == Self.caHash(api.cluster), machines[index].disk.hasToken else {
            machines[index].unit?.complaint = "token CA hash does not match the Cluster CA"
            return
        }
        let apiSince = (machines[api.machine].unit?.startedAt ?? now) + Self.apiAfter
        register(index, api.cluster, at: max(unit.startedAt + Self.joinAfter, apiSince))
    }

    /// `time`: when it could, which nobody may have read.
    private mutating func register(_ index: Int, _ cluster: Int, at time: Double) {
        let machine = machines[index]
        guard let setup = machine.disk.setup else { return }
        let password = machine.disk.password ?? "password-\(machine.vm.createdAt)-\(random.next() % 1000)"
        let taints = setup.taints.map(ClusterModel.Taint.init)
        do throws(ClusterModel.Refusal) {
            try clusters[cluster].register(
                .init(
                    name: setup.name, isServer: setup.role == .server, address: machine.overlayAddress,
                    version: (machine.unit?.version ?? machine.disk.binary)?.description ?? "", taints: taints), password: password,
                now: now)
            let registered = min(time, now)
            machines[index].unit?.registeredAt = registered
            machines[index].unit?.complaint = nil
            if machine.disk.password == nil { machines[index].writeThrough { $0.password = password } }
            report(.joined(cluster: cluster, node: setup.name))
        } catch {
            machines[index].unit?.complaint = error.description
        }
    }
}

extension ClusterModel.Taint {
    init(_ taint: Taint) {
        self.init(key: taint.key, value: taint.value.isEmpty ? nil : taint.value, effect: taint.effect.rawValue)
    }
}
