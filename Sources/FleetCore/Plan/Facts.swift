import K3s

/// What a plan is made of: the fleet file, what was observed, what is remembered, and the time.
package struct FleetFacts: Sendable {
    package let fleet: DesiredFleet
    package var observed: Observation
    package var ledger: Ledger
    /// Seconds since 1970.
    package var now: Double
    /// Seconds on the monotonic clock; infinite for a reader that remembers nothing by it.
    package var uptime = Double.infinity
    /// When the list of VMs was asked for, in a run that lists them again when in doubt; nil in one that reads once.
    package var listedAt: Double?
    /// When the reading of the cluster was asked for, on both clocks; nil when that was just now.
    package var readAt: (wall: Double, uptime: Double)?
    /// When this run took the Lease from somebody else, by `uptime`: what they restarted may still read ready.
    package var leaseTakenAt: Double?
    /// What this run remembers of single nodes and VMs.
    package var notes: [String: Note] = [:]
    /// The steps that an operator has approved, by node; nil allows all.
    package var approved: [String: Set<StepKind>]?
    package var credentials = Credentials()
    /// An operator holds the fleet.
    package var pause: FleetPause?
    /// An operator asked for it outside of the maintenance window.
    package var ignoresWindow = false
    /// Nodes that an operator wants to be made again, and that are not begun; each with the time of the wish, seconds since 1970.
    package var replacing: [String: Double] = [:]
    /// Nodes with an action of this run under way.
    package var acting: [String: StepKind] = [:]
    /// Rules that the proof by simulation has disabled; always empty in the product.
    package var disabledRules: Set<SafetyRule> = []

    /// The digest of a text; sha256, which needs a library that this layer does not see.
    package var digest: @Sendable (String) -> String = { _ in "no digest" }

    let isAttended: Bool
    /// As the file asks for them and the ledger spells them.
    let clusterCIDR: String
    let serviceCIDR: String
    /// Where the nodes of the fleet stand in it, by name.
    package let places: [String: Int]
    private(set) var derived: Derived?

    /// What a run remembers of one node or VM.
    package struct Note: Sendable, Hashable {
        /// When it told its k3s to start, by `uptime`: for a moment its readiness may still be that of before.
        package var started: Double?
        /// When it asked for the VM and the answer is not known, by `uptime`.
        package var asked: Double?
        /// When another command for it was sent to exe.dev and the answer is not known, by `uptime`.
        package var commanded: Double?
        /// Since when it is waited for although nothing of ours is under way, by `uptime`; in a daemon over many passes.
        package var troubledSince: Double?
        /// Since when both witnesses of `Death` call it dead, by `uptime`; in a daemon over many passes.
        package var seemsDeadSince: Double?
        /// When its host was last asked in vain, by `uptime`.
        package var unreachedAt: Double?
        /// Its action was refused, so that it needs the operator.
        package var refusal: Reason?
        /// It told k3s to start once more there, because the cluster lacked its node.
        package var wasRestarted = false
        /// It put files on its host back that somebody had changed.
        package var wasRepaired = false
        /// It put the k3s of before an upgrade back there.
        package var wasReverted = false
        /// It answers its `share.probe`, as it did when it was last asked; in a daemon over many passes.
        package var hasAnswered = false
        /// How often it patched the Node.
        package var patches = 0

        package init() {}
    }

    /// What follows from the facts and many rules ask for: worked out once a plan, and once an effect.
    struct Derived: Sendable {
        var counts: FleetCounts
        var controlPlane: ControlPlane
        var foundingChanges: [FoundingChange]
        var criticalChanges: [FoundingChange]
        var replacements: [String: Replacement.Cause] = [:]
    }

    /// `isAttended`: an operator observed the plan and asked for it.
    package init(fleet: DesiredFleet, observed: Observation, ledger: Ledger, now: Double, isAttended: Bool = true) {
        (self.fleet, self.observed, self.ledger, self.now, self.isAttended) = (fleet, observed, ledger, now, isAttended)
        (clusterCIDR, serviceCIDR) = (fleet.cluster.clusterCIDR.description, fleet.cluster.serviceCIDR.description)
        places = Dictionary(fleet.nodes.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The same facts, which do not change any more.
    package var settled: FleetFacts {
        var facts = self
        facts.derived = Derived(
            counts: .of(self), controlPlane: .of(self), foundingChanges: foundingChanges, criticalChanges: criticalChanges)
        let replacements = facts.replacementCauses
        facts.derived?.replacements = replacements
        return facts
    }

    var counts: FleetCounts { derived?.counts ?? .of(self) }
    package var controlPlane: ControlPlane { derived?.controlPlane ?? .of(self) }

    /// Whether a pool asks for it.
    package func isWanted(_ name: String) -> Bool { places[name] != nil }

    func desired(_ name: String) -> DesiredNode? { places[name].map { fleet.nodes[$0] } }

    /// Always true in the product.
    package func holds(_ rule: SafetyRule) -> Bool { !disabledRules.contains(rule) }

    /// Until when a list, or a reading of the cluster, can have waited for something: exe.dev or the server may have been silent since.
    var listTime: Double { min(listedAt ?? now, now) }
    package var readTime: Double { min(readAt?.wall ?? now, now) }

    /// The list of nodes is the cluster's own and of this run.
    var clusterAnswers: Bool { reading?.apiReady == true && controlPlane.mismatch == nil }

    /// A VM that was here before, or that was asked for, is missing, and only one list says so.
    func needsSecondList(_ record: NodeRecord?) -> Bool {
        guard let record, record.isOccupant, holds(.secondList) else { return false }
        return isFirstList(since: record.missingSince)
    }

    /// No list has confirmed yet what one has shown since then; false in a run that reads once.
    func isFirstList(since: Double?) -> Bool {
        listedAt.map { $0 - (since ?? $0) < Planner.secondListAfter } ?? false
    }

    func isOwned(_ vm: ObservedVM) -> Bool { vm.tags.contains(fleet.cluster.tag) }

    package func record(_ name: String) -> NodeRecord? { ledger.nodes[name] }

    /// What the node's k3s is configured with, once its overlay address is known.
    private func setup(of node: DesiredNode, overlay: String) -> NodeSetup {
        let cluster = fleet.cluster
        var setup = NodeSetup(
            name: node.name, role: node.role, clusterName: cluster.name, clusterID: ledger.clusterID,
            overlayInterface: cluster.overlay.interface, overlayAddress: overlay,
            clusterCIDR: ledger.clusterCIDR, serviceCIDR: ledger.serviceCIDR, disable: disable,
            extra: node.role == .server ? serverConfig : cluster.agentConfig, serverAddress: entranceAddress(of: node),
            caHash: node.role == .agent
                ? controlPlane.endpoint?.caHash : joins(node.name) && node.name != ledger.founder ? ledger.caHash : nil,
            taints: node.taints, registries: cluster.registries, registrySecrets: credentials.registries ?? "")
        setup.initializesEtcd = node.role == .server && initializesEtcd(node.name)
        setup.roundTripLimit = fleet.limits.etcdRoundTripMilliseconds
        return setup
    }

    /// Where the files on a host are not as an install of this configuration leaves them; nil when they are.
    func drift(_ probe: HostProbe, from node: DesiredNode, overlay: String) -> HostDrift? {
        var files = Set(probe.changedFiles)
        if probe.clusterID == nil { files.insert(HostPath.cluster) }
        if probe.settingsHash != digest(setup(of: node, overlay: overlay).lastingSettings) { files.insert(HostPath.config) }
        let drift = HostDrift(files: files.sorted(), isOutdated: probe.isOutdated)
        return drift.files.isEmpty && !drift.isOutdated ? nil : drift
    }

    /// The same of what counts only when it registers again.
    func registrationDrift(_ probe: HostProbe, from node: DesiredNode, overlay: String) -> HostDrift? {
        guard probe.configHash != digest(setup(of: node, overlay: overlay).settings) else { return nil }
        return HostDrift(files: [], hasOtherTaints: true)
    }

    /// What the file asks for that the cluster cannot have any more.
    var foundingChanges: [FoundingChange] {
        derived?.foundingChanges ?? ledger.founding.map { FoundingValues.changes($0, fleet.cluster.serverConfig, ledger.serviceCIDR) } ?? []
    }

    /// What several servers cannot change one after the other.
    var criticalChanges: [FoundingChange] { derived?.criticalChanges ?? criticalChangesNow() }

    /// The step that gives the node this configuration.
    func install(_ node: DesiredNode, overlay: String) -> Action {
        let setup = setup(of: node, overlay: overlay)
        return .install(Install(setup, digest: digest(setup.meaning), version: release(for: node)))
    }

    /// Whether it sets up the configuration that is there, as ledgers of before December 2026 may note it too.
    func sets(_ action: Action, _ configuration: Configuration) -> Bool {
        guard case .install(let step) = action, case .digest(let digest) = configuration else { return false }
        return digest == step.digest || step.setup.formerMeanings.contains { self.digest($0) == digest }
    }
}
