import ExeDev
package import FleetCore
package import K3s
package import Reconciler
import SSH
import Shell
package import Tokens

/// The effects on the real platform: exe.dev over HTTPS, hosts over SSH.
package struct LiveWorld: Sendable {
    private(set) var client: ExeDevClient
    private(set) var ticket: Fence.Ticket?
    private let counter = RequestCounter()
    let hosts: Hosts
    let state: StateDirectory
    let releases: ReleaseSource
    /// Our identity in the cluster's Lease, for other machines that keep this fleet. On one machine there is a lock.
    let holder: String

    /// What the token says that it may; nil for one that is opaque.
    package let permissions: Permissions?

    /// `waits`: who wants to say what is waited for. `needsKey`: throws while there is no usable SSH key, which a daemon waits for.
    package init(
        fleet: DesiredFleet, fleetFolder: String, state: StateDirectory, environment: [String: String], tokenFile: String?, waits: Waits,
        needsKey: Bool = true
    ) throws {
        let access = try PlatformAccess(
            wish: fleet.transport, tokenFile: tokenFile, ssh: fleet.ssh, folder: fleetFolder, state: state, environment: environment,
            waits: waits)
        let token = access.token
        permissions = try? token?.signed().permissions
        client = ExeDevClient(
            transport: access.transport, report: { [counter] in counter.note($0) },
            waiting: waits.begin)
        let secrets = Secrets(
            state: state, overlayKey: OverlayKey(overlay: fleet.cluster.overlay, folder: fleetFolder, environment: environment),
            registries: fleet.cluster.registrySecrets, token: token)
        hosts = try Hosts(
            fleet: fleet, folder: fleetFolder, state: state, environment: environment, secrets: secrets, waits: waits,
            needsKey: needsKey)
        (holder, self.state) = (Identity.holder(state), state)
        releases = ReleaseSource(
            binaries: environment["EXEDEV_K8S_RELEASES"] ?? ReleaseSource.upstream.binaries,
            installers: environment["EXEDEV_K8S_INSTALLERS"] ?? ReleaseSource.upstream.installers)
    }

    /// Every VM that the account shows, without a fleet file.
    package static func listVMs(_ access: PlatformAccess, waits: Waits) async throws -> [ObservedVM] {
        try await ExeDevClient(transport: access.transport, waiting: waits.begin).list().vms.map(ObservedVM.init)
    }

    /// The same world without its effects that write: for `plan` and `status`.
    package var reader: any WorldReader { ReadOnlyWorld(world: self) }

    package var traffic: Traffic {
        var traffic = counter.traffic
        (traffic.connections, traffic.sessions) = (hosts.connectionsOpened, hosts.sessionsKept)
        return traffic
    }

    package func close() async { await hosts.close() }

    /// The script of an action, as `plan --scripts` prints it.
    package func shown(_ action: Action, facts: FleetFacts) -> String {
        switch action {
        case .createVM(let step): ExeDevCommand.new(Self.newVM(step)).line
        case .tagVM(let step): Self.tagging(step).map(\.line).joined(separator: "\n")
        case .commentVM(let step): Self.commenting(step).line
        case .startVM(let step): ExeDevCommand.restart(step.node).line
        case .resizeVM(let step): ExeDevCommand.resize(Self.newSize(step)).line
        case .restartVM(let step): ExeDevCommand.restart(step.node).line
        case .removeVM(let step): HostScript.logOut().shown + "\n" + ExeDevCommand.rm([step.node]).line
        case .share(let step): Self.sharing(step, present: step.revoking).map(\.line).joined(separator: "\n")
        default: action.step.script(context(facts.now))?.shown ?? ""
        }
    }

    private func context(_ now: Double) -> ScriptContext { ScriptContext(releases: releases, now: now) }

    /// What a server keeps of a lost state directory, secrets too.
    package func serverRecord(on vm: ObservedVM) async throws(EffectError) -> ServerRecord {
        let output = try await hosts.run(HostScript.serverRecord(), on: vm, deadline: 30, mutates: false, answersSecrets: true)
        return try Self.reading { () throws(ReadingError) in try ServerRecord.parse(output) }
    }

    package func kubeconfig(on vm: ObservedVM) async throws(EffectError) -> String {
        try await hosts.run(HostScript.kubeconfig(), on: vm, deadline: 30, mutates: false)
    }
}

extension LiveWorld: WorldWriter {
    package func listVMs() async throws(EffectError) -> [ObservedVM] {
        try await asking { () async throws(ExeDevError) in try await client.list().vms }.map(ObservedVM.init)
    }

    package func credentials() -> Credentials { hosts.credentials(mayWrite: true) }

    package func probe(_ vm: ObservedVM) async throws(EffectError) -> HostProbe {
        let output = try await hosts.run(HostScript.probe(), on: vm, deadline: 30, mutates: false)
        return try Self.reading { () throws(ReadingError) in try HostProbe.parse(output) }
    }

    package func readShare(of vm: ObservedVM) async throws(EffectError) -> Share {
        let state = try await asking { () async throws(ExeDevError) in try await client.shareShow(vm.name) }
        return Share(port: state.port, isPublic: state.isPublic, users: state.users)
    }

    package func answer(to question: ShareQuestion) async throws(EffectError) -> Int { try await hosts.prober.status(question) }

    package func readCluster(on vm: ObservedVM) async throws(EffectError) -> ClusterReading {
        let output = try await hosts.run(HostScript.readCluster(), on: vm, deadline: 60, mutates: false)
        let reading = try Self.reading { () throws(ReadingError) in try ClusterReading.parse(output) }
        try Hosts.prove(reading.hostname, is: vm)
        return reading
    }

    package func create(_ step: CreateVM) async throws(EffectError) -> ObservedVM {
        try await hosts.canProve(newVM: step.node)
        let command = Self.newVM(step)
        let created = try await asking { () async throws(ExeDevError) in try await client.create(command) }
        return ObservedVM(created, asked: command)
    }

    package func tag(_ step: TagVM) async throws(EffectError) {
        for command in Self.tagging(step) { _ = try await asking { () async throws(ExeDevError) in try await client.exec(command) } }
    }

    package func comment(_ step: CommentVM) async throws(EffectError) {
        let command = Self.commenting(step)
        _ = try await asking { () async throws(ExeDevError) in try await client.exec(command) }
    }

    package func start(_ step: StartVM) async throws(EffectError) {
        _ = try await asking { () async throws(ExeDevError) in try await client.restart(step.node) }
    }

    /// Also where it cannot be asked its VM goes.
    package func logOut(_ vm: ObservedVM) async throws(EffectError) {
        guard vm.status == .running else { return }
        do throws(EffectError) {
            _ = try await hosts.run(
                HostScript.logOut(), on: vm, under: ticket?.token, deadline: 30, mutates: true, gate: { [ticket] in ticket?.isOpen ?? true }
            )
        } catch {
            if case .fenced = error.remedy { throw error }
        }
    }

    package func remove(_ step: RemoveVM) async throws(EffectError) {
        let name = step.node
        let removal = try await asking { () async throws(ExeDevError) in try await client.remove([name]) }
        if let reason = removal.failed[name], !removal.notFound.contains(name) {
            throw EffectError("exe.dev did not remove \(name): \(reason)", remedy: .observeAgain)
        }
        await hosts.forget(name)
    }

    package func share(_ step: ShareVM) async throws(EffectError) -> Share {
        let (vm, share) = (step.node, step.share)
        let before = try await asking { () async throws(ExeDevError) in try await client.shareShow(vm) }
        for command in Self.sharing(step, present: before.users) {
            _ = try await asking { () async throws(ExeDevError) in try await client.exec(command) }
        }
        let after = try await asking { () async throws(ExeDevError) in try await client.shareShow(vm) }
        let observed = Share(
            port: share.port == nil ? nil : after.port, isPublic: after.isPublic,
            users: after.users.filter { share.users.contains($0) || step.revoking.contains($0) }.sorted())
        guard observed == share else { throw Self.differs(vm, share, readBack: observed) }
        return observed
    }

    package func holdLease(on vm: ObservedVM, _ claim: LeaseClaim) async throws(EffectError) -> LeaseAnswer {
        let script = HostScript.holdLease(holder: holder, claim)
        let output = try await hosts.run(script, on: vm, deadline: 15, mutates: true)
        return try Self.reading { () throws(ReadingError) in try LeaseAnswer.parse(output) }
    }

    package func releaseLease(on vm: ObservedVM) async throws(EffectError) {
        _ = try await hosts.run(HostScript.releaseLease(holder: holder), on: vm, deadline: 15, mutates: true)
    }

    package func run(_ action: Action, on vm: ObservedVM) async throws(EffectError) -> String {
        guard let script = action.step.script(context(SystemClock().now)) else {
            throw EffectError("\(action.words) has no script", remedy: .askOperator(advice: "report this"))
        }
        let step = type(of: action.step)
        if case .takeSnapshot(let snapshot) = action { return try await store(snapshot, script, on: vm) }
        return try await hosts.run(
            script, on: vm, under: ticket?.token, deadline: step.deadlineSeconds, mutates: true, aside: step.usesOwnConnection,
            gate: gate)
    }

    /// Whether a change may still leave.
    var gate: @Sendable () -> Bool { { [ticket] in ticket?.isOpen ?? true } }

    package func fenced(by ticket: Fence.Ticket) -> any WorldWriter {
        var copy = self
        (copy.ticket, copy.client) = (ticket, client.gated { ticket.isOpen })
        return copy
    }

    static func differs(_ vm: String, _ share: Share, readBack: Share) -> EffectError {
        EffectError("\(vm) was to be shared \(share.words) and reads back \(readBack.words)", remedy: .retry(after: nil))
    }

    // MARK: commands

    static func newVM(_ step: CreateVM) -> NewVM {
        let vm = step.vm
        var new = NewVM(name: step.node, image: vm.image, cpu: vm.cpu, memory: vm.memory, disk: vm.disk, tags: [step.ownerTag] + vm.tags)
        new.comment = vm.comment
        return new
    }

    static func tagging(_ step: TagVM) -> [ExeDevCommand] {
        (step.adding.isEmpty ? [] : [.tag(step.node, tags: step.adding, remove: false)])
            + (step.removing.isEmpty ? [] : [.tag(step.node, tags: step.removing, remove: true)])
    }

    static func commenting(_ step: CommentVM) -> ExeDevCommand { .comment(step.node, text: step.text) }

    /// `present`: the users that the VM is shared with now.
    static func sharing(_ step: ShareVM, present: [String]) -> [ExeDevCommand] {
        let (vm, share) = (step.node, step.share)
        var commands = share.port.map { [ExeDevCommand.sharePort(vm, $0)] } ?? []
        commands.append(share.isPublic ? .shareSetPublic(vm) : .shareSetPrivate(vm))
        let leaving = step.revoking.filter { present.contains($0) && !share.users.contains($0) }
        commands += leaving.map { .shareRemove(vm, user: $0) }
        return commands + share.users.filter { !present.contains($0) }.map { .shareAdd(vm, user: $0) }
    }

    func asking<T: Sendable>(_ body: () async throws(ExeDevError) -> T) async throws(EffectError) -> T {
        do throws(ExeDevError) {
            return try await body()
        } catch {
            switch error.remedy {
            case .retry(let after): throw EffectError("\(error)", remedy: .retry(after: after.map { Double($0.components.seconds) }))
            case .observeAgain: throw EffectError("\(error)", remedy: .observeAgain)
            case .askOperator(let advice): throw EffectError("\(error)", remedy: .askOperator(advice: advice + error.closerLook))
            case .nameTaken(let advice): throw EffectError("\(error)", remedy: .nameTaken(advice: advice + error.closerLook))
            }
        }
    }

    static func reading<T>(_ body: () throws(ReadingError) -> T) throws(EffectError) -> T {
        do throws(ReadingError) {
            return try body()
        } catch {
            throw EffectError("\(error)", remedy: .retry(after: nil))
        }
    }
}

/// Has no method that writes.
private struct ReadOnlyWorld: WorldReader {
    let world: LiveWorld

    func listVMs() async throws(EffectError) -> [ObservedVM] { try await world.listVMs() }
    func credentials() -> Credentials { world.hosts.credentials(mayWrite: false) }
    func probe(_ vm: ObservedVM) async throws(EffectError) -> HostProbe { try await world.probe(vm) }
    func readShare(of vm: ObservedVM) async throws(EffectError) -> Share { try await world.readShare(of: vm) }
    func answer(to question: ShareQuestion) async throws(EffectError) -> Int { try await world.answer(to: question) }
    func readCluster(on vm: ObservedVM) async throws(EffectError) -> ClusterReading { try await world.readCluster(on: vm) }
}

extension ObservedVM {
    init(_ vm: VM) {
        self.init(
            name: vm.name, status: Status(vm.status), tags: vm.tags, address: Address(host: vm.sshHost, port: vm.sshPort, user: vm.sshUser),
            createdAt: vm.createdAt, url: vm.httpsURL)
        self.comment = vm.comment
        // None is of size 0.
        func told(_ size: Int?) -> Int? { size.flatMap { $0 > 0 ? $0 : nil } }
        self.size = VMFields.Size(cpu: told(vm.cpu), memoryBytes: told(vm.memoryBytes), diskBytes: told(vm.diskBytes))
    }

    /// The response of `new` has no status and may omit the tags; the VM has those of the request.
    init(_ created: CreatedVM, asked: NewVM) {
        self.init(created.vm)
        if self.tags.isEmpty { self.tags = asked.tags }
        if self.comment.isEmpty { self.comment = asked.comment ?? "" }
    }
}

extension ObservedVM.Status {
    init(_ status: VMStatus) {
        switch status {
        case .running: self = .running
        case .starting: self = .starting
        case .stopped: self = .stopped
        case .paused: self = .paused
        case .failed(let word): self = .failed(word)
        case .unknown(let word): self = .other(word)
        }
    }
}
