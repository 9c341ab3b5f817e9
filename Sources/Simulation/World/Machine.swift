import Digest
package import FleetCore
package import K3s

/// One VM and the inside of it, as far as the product can tell.
package struct Machine: Hosted, Hashable {
    package var vm: VirtualMachine
    /// Since when the SSH proxy connects, and systemd is done.
    var sshAt: Double
    var bootedAt: Double
    /// Since when our key is in its authorized_keys; before that its sshd refuses every login.
    var keysAt = -Double.infinity
    package var disk = HostDisk()
    /// The writes of the last seconds, which a hard reset would take back: when each was made, and the disk before it.
    private var unsynced: [Write] = []
    package var unit: RunningUnit? {
        didSet { isStarting = unit != nil && unit!.registeredAt == nil }
    }
    /// k3s runs there and its node is not registered.
    private(set) var isStarting = false
    /// The note in /run that k3s must be restarted; a boot takes it away.
    var needsRestart = false
    /// The note in /run that k3s was stopped and the disk flushed.
    var isFlushed = false
    /// Until when its kubelet says nothing.
    var silentUntil = -Double.infinity
    /// No boot brings it up any more; exe.dev calls it running.
    private(set) var isBroken = false
    /// Until when it is ready by turns.
    var flapsUntil = -Double.infinity
    /// Since when it is in the place of one of ours.
    var theirsSince: Double?
    /// Releases that do not come up here.
    var brokenReleases: Set<K3sVersion> = []
    let address: ObservedVM.Address
    let overlayAddress: String
    /// Nobody has signed its key.
    var isLockedOut = false
    /// Nothing listens on its shared port.
    var isWebDown = false
    /// Another host answers at this address.
    var answersAs: String?

    init(_ vm: VirtualMachine, now: Double, boot: Double) {
        self.vm = vm
        address = .init(host: vm.name + ".exe.xyz", port: nil, user: nil)
        overlayAddress = vm.tailnetAddress
        (sshAt, bootedAt) = (now + boot / 2, now + boot)
        self.vm.runs(from: now + boot / 4)
    }

    package var name: String { vm.name }
    package var isStopped: Bool { vm.isStopped }
    package var tags: [String] {
        get { vm.tags }
        set { vm.tags = newValue }
    }
    package var share: Share { Share(port: vm.port, isPublic: vm.isPublic, users: vm.sharedWith.sorted()) }

    /// One boot of one VM.
    struct Session: Sendable, Hashable {
        var createdAt: String
        var sshAt: Double
    }

    var session: Session { Session(createdAt: vm.createdAt, sshAt: sshAt) }

    /// What survives a power cut.
    package struct HostDisk: Sendable, Hashable {
        package var hasOverlay = false
        package var binary: K3sVersion?
        /// The binary of an upgrade to come, and the one of before it.
        package var staged: K3sVersion?
        package var former: K3sVersion?
        package var hasInstaller = false
        package var clusterID: String?
        /// The address of the peer that its pods cannot reach.
        var lostPeer: String?
        /// The newest that it obeyed.
        var fence: FencingToken?
        package var setup: NodeSetup? {
            get { if case .setup(let setup)? = kept { setup } else { nil } }
            set { (kept, role) = (newValue.map(Kept.setup), newValue?.role) }
        }
        /// That of the setup.
        package private(set) var role: Role?
        package var hasToken = false
        /// Files of ours that somebody changed, and files of others that k3s reads too.
        var changedFiles: [String] = []
        var foreignFiles: [String] = []
        package var enabled: Role?
        /// Which unit the installer wrote; one that is disabled is still there.
        var unitFile: Role?
        /// The number of the cluster whose data lie here.
        package var serverData: Int?
        package var password: String?
        private var kept: Kept?

        /// Apart, for it is large, machines are copied at every turn, and nobody changes a setup in place.
        private indirect enum Kept: Hashable { case setup(NodeSetup) }
    }

    /// k3s while it runs.
    package struct RunningUnit: Sendable, Hashable {
        package var startedAt: Double
        /// The k3s that runs, whatever binary has taken its place since.
        package var version: K3sVersion?
        package var registeredAt: Double?
        package var complaint: String?
    }

    /// Data reach the disk some seconds after they were written.
    static let writeBack = 5.0

    private struct Write: Sendable, Hashable {
        var at: Double
        var before: HostDisk
    }

    mutating func write(now: Double, _ body: (inout HostDisk) -> Void) {
        unsynced.removeAll { now - $0.at > Self.writeBack }
        unsynced.append(Write(at: now, before: disk))
        body(&disk)
    }

    mutating func sync() { unsynced = [] }

    /// What is synced at once. A node password is taken for that, which k3s does not promise: a power cut that loses it leaves a node that
    /// the cluster refuses, and mending that is not built yet.
    mutating func writeThrough(_ body: (inout HostDisk) -> Void) {
        body(&disk)
        for index in unsynced.indices { body(&unsynced[index].before) }
    }

    /// k3s starts again with the machine when its unit is enabled.
    mutating func boot(now: Double, seconds: Double, losesWrites: Bool) {
        if losesWrites, let first = unsynced.first(where: { now - $0.at <= Self.writeBack }) { disk = first.before }
        unsynced = []
        vm.runs(from: now)
        (sshAt, bootedAt, needsRestart, isFlushed) = (now + seconds / 2, now + seconds, false, false)
        if isBroken { return freeze() }
        unit = disk.enabled == nil ? nil : RunningUnit(startedAt: now + seconds, version: disk.binary)
    }

    /// Somebody stops the VM, or it stops by itself.
    mutating func stop() {
        vm.stop()
        unit = nil
    }

    /// Its kernel stands still; exe.dev calls it running (facts/exedev.md §8.9).
    mutating func freeze() {
        (unit, sshAt) = (nil, .infinity)
    }

    mutating func kill() {
        isBroken = true
        freeze()
    }

    /// Whatever kept it down has passed; k3s starts with it.
    mutating func revive(now: Double) {
        guard isBroken else { return }
        isBroken = false
        boot(now: now, seconds: 5, losesWrites: false)
    }

    /// As which k3s was set up last.
    var isServer: Bool { if case .server? = disk.role { true } else { false } }
    var isAgent: Bool { if case .agent? = disk.role { true } else { false } }

    /// etcd took its member out, and it does not come up any more.
    var isExpelled: Bool { unit?.complaint == Self.expulsion }
    static let expulsion = "this server is a not a member of the etcd cluster"

    /// Whether its kubelet says that the node is ready; nil while it says nothing.
    func heartbeat(now: Double) -> Bool? {
        guard let registered = unit?.registeredAt, now >= silentUntil else { return nil }
        guard now >= flapsUntil else { return flutter(now) }
        return now >= registered + WorldState.readyAfter
    }

    static let flapping = 300.0

    /// Ready, not ready, and silent for longer than a cluster's patience.
    private func flutter(_ now: Double) -> Bool? {
        switch (now - flapsUntil + Self.flapping).truncatingRemainder(dividingBy: 50 + ClusterModel.patience + 15) {
        case ..<25: true
        case ..<50: false
        default: nil
        }
    }

    /// Its node is in the cluster, and comes and goes.
    func isFlapping(now: Double) -> Bool { unit?.registeredAt != nil && now < flapsUntil }

    /// By systemd. One that cannot join stays; one whose configuration is refused ends at once, and is started again 5 s later.
    private func restarts(now: Double) -> Int {
        guard let unit, unit.complaint != nil else { return 0 }
        return endsAtOnce ? Int((now - unit.startedAt) / 6) : 3
    }

    /// k3s ends over its configuration, or over itself.
    var endsAtOnce: Bool { disk.setup?.isRefused == true || unit?.version.map(brokenReleases.contains) ?? false }

    /// Whether its sshd answers, to exe.dev at least.
    func answersSSH(now: Double) -> Bool { !isStopped && now >= sshAt }

    /// As Live reads it from exe.dev's list.
    func observed(now: Double) -> ObservedVM {
        let status: ObservedVM.Status =
            switch vm.status(at: now) {
            case .starting: .starting
            case .running: .running
            case .paused: .paused
            case .stopped: .stopped
            }
        var observed = ObservedVM(name: name, status: status, tags: tags, address: address, createdAt: vm.createdAt, url: nil)
        if !vm.comment.isEmpty { observed.comment = vm.comment }
        if let make = vm.listedMake {
            observed.size = VMFields.Size(
                cpu: Int(make.cpu), memoryBytes: vm.listedBytes(make.memory), diskBytes: vm.listedBytes(make.disk))
        }
        return observed
    }

    func probe(now: Double) -> HostProbe {
        var probe = ProbeFields()
        probe.hostname = answersAs ?? name
        probe.systemd = now < bootedAt ? "starting" : "running"
        probe.overlay = disk.hasOverlay ? now < bootedAt ? .needsLogin : .up(address: overlayAddress) : .needsLogin
        probe.binaryVersion = disk.binary
        probe.binarySHA256 = disk.binary.map { "sha-\($0)" }
        (probe.stagedVersion, probe.stagedSHA256) = (disk.staged, disk.staged.map { "sha-\($0)" })
        probe.formerVersion = disk.former
        probe.hasInstaller = disk.hasInstaller
        var state = UnitState(
            active: unit == nil ? "failed" : unit?.registeredAt == nil ? "activating" : "active",
            sub: unit != nil && endsAtOnce ? "auto-restart" : "", enabled: disk.enabled != nil,
            restarts: restarts(now: now))
        state.isSteady = unit?.registeredAt.map { now - $0 >= 10 } ?? false
        if let role = disk.unitFile {
            if role == .server { probe.server = state } else { probe.agent = state }
        }
        probe.configHash = disk.setup.map { sha256Hex($0.settings) }
        probe.settingsHash = disk.setup.map { sha256Hex($0.lastingSettings) }
        (probe.changedFiles, probe.foreignFiles) = (disk.changedFiles, disk.foreignFiles)
        probe.isLockedOut = isLockedOut
        if let peer = disk.lostPeer, unit?.registeredAt != nil {
            probe.podNetwork = PodNetworkFailure(
                interface: "flannel.1", mtu: 1230, peers: [.init(podAddress: "10.244.1.0", overlayAddress: peer)])
        }
        (probe.clusterID, probe.fence) = (disk.clusterID, disk.fence)
        probe.isFlushed = isFlushed
        probe.hasServerData = disk.serverData != nil
        probe.hasAgentData = disk.password != nil
        probe.journal = unit?.complaint
        return HostProbe(probe)
    }
}
