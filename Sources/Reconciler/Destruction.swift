package import FleetCore
import K3s

/// The end of a fleet: every VM that carries its tag is removed, its server last. What the verb `destroy` does once the operator agreed, and
/// what the simulated world proves. It needs no ledger: what is ours is what carries the tag.
package struct Destruction: Sendable {
    private let fleet: DesiredFleet
    private let fence: Fence
    private let world: any WorldWriter
    private let memory: any Memory
    private let clock: any WallClock
    private let tell: @Sendable (Event) -> Void

    package init(
        of fleet: DesiredFleet, in world: any WorldWriter, memory: any Memory, clock: any WallClock,
        tell: @escaping @Sendable (Event) -> Void
    ) {
        fence = Fence(clock: clock)
        (self.fleet, self.world, self.memory, self.clock, self.tell) = (fleet, world, memory, clock, tell)
    }

    /// The VMs that carry the tag now, in the order in which they go: the server keeps the Lease, so it is the last.
    package func owned() async throws(EffectError) -> [ObservedVM] {
        let owned = try await world.listVMs().filter { $0.tags.contains(fleet.cluster.tag) }.sorted { $0.name < $1.name }
        return owned.filter { !isServer($0) } + owned.filter(isServer)
    }

    private func isServer(_ vm: ObservedVM) -> Bool { fleet.nodes.contains { $0.role == .server && $0.name == vm.name } }

    /// Removes `names`, which the operator has observed, and returns what is still there.
    package func remove(_ names: [String]) async throws -> [String] {
        var hold = Hold()
        do {
            try await remove(names, &hold)
        } catch {
            if hold.lease.mustBeReleased, let server = hold.server { try? await world.releaseLease(on: server) }
            throw error
        }
        // The cluster's keys go when nothing is left, and one list may be partial: gone is what two of them lack.
        let left = try await owned() + owned()
        return Set(left.map(\.name)).sorted()
    }

    private func remove(_ names: [String], _ hold: inout Hold) async throws {
        for name in names {
            // Looked at again just before: ownership is what is observed now, not what was true when the operator typed.
            var owned = try await owned()
            while owned.contains(where: { $0.name == name }), try await !mayGoOn(&hold, owned) { owned = try await self.owned() }
            fence.hold(until: hold.goodUntil)
            if let vm = owned.first(where: { $0.name == name }) { try await remove(vm) }
        }
    }

    private func remove(_ vm: ObservedVM) async throws {
        let ticket = fence.ticket()
        let step = RemoveVM(node: vm.name)
        let (action, reason) = (Action.removeVM(step), Reason.fleetDestroyed)
        var observed = Observation()
        observed.note(vm)
        let nothing = Ledger(cluster: fleet.cluster.name, clusterID: "", clusterCIDR: "", serviceCIDR: "")
        try memory.intend(action, because: reason, facts: FleetFacts(fleet: fleet, observed: observed, ledger: nothing, now: clock.now))
        tell(.actionStarted(action, reason))
        let began = clock.uptime
        do throws(EffectError) {
            try ticket.check()
            try await world.fenced(by: ticket).logOut(vm)
            try await world.fenced(by: ticket).remove(step)
        } catch {
            switch error.remedy {
            case .retry, .fenced: tell(.actionFailed(action, reason: error.message, retryIn: nil))
            case .observeAgain: tell(.outcomeUnknown(action, reason: error.message))
            case .askOperator(let advice), .nameTaken(let advice):
                tell(.blocked(node: vm.name, .actionRefused(error.message, advice: advice)))
            case .refused(let reason): tell(.blocked(node: vm.name, reason))
            }
            throw error
        }
        tell(.actionFinished(action, seconds: clock.uptime - began))
    }

    // MARK: the Lease

    /// What is known of the cluster's Lease.
    private struct Hold {
        var lease = LeaseState()
        /// Those that are left, as they were listed last; the first of them has the Lease, unless another one is asked in its place.
        var servers: [ObservedVM] = []
        var server: ObservedVM?
        var listsWithoutServer = 0
        /// Since when the server gives no answer; nil while it does.
        var silentSince: Double?
        /// Nobody can hold the Lease of a silent server, as far as can be known, so that what is begun now may leave until then.
        var freeUntil = -Double.infinity
        /// The operator knows what is waited for.
        var hasTold = false

        var goodUntil: Double { server == nil ? .infinity : max(lease.heldUntil, freeUntil) }

        /// Notes that the server gave no answer. True when nobody else can hold its Lease: what it granted before it fell silent lasts for a while,
        /// unless that was granted to us.
        mutating func fellSilent(_ now: Double) -> Bool {
            let since = silentSince ?? now
            silentSince = since
            if now < lease.heldUntil - Fence.margin { return true }
            guard server?.status != .running || now - since >= LeaseState.duration else { return false }
            freeUntil = now + Run.decisionSpan
            return true
        }
    }

    /// A cluster that answers is ended only by who holds its Lease, as it is changed only by who does. False when time has passed meanwhile.
    private func mayGoOn(_ hold: inout Hold, _ owned: [ObservedVM]) async throws -> Bool {
        let servers = owned.filter(isServer)
        if !servers.isEmpty { hold.servers = servers }
        hold.server = hold.server.flatMap { last in hold.servers.first { $0.name == last.name } } ?? hold.servers.last
        guard var server = hold.server else {
            // One list may be partial.
            hold.listsWithoutServer += 1
            return hold.listsWithoutServer > 1
        }
        let now = clock.uptime
        guard let due = hold.lease.nextAsk(now), due <= now || !hold.lease.isFirm(now) else { return true }
        guard due <= now else {
            try await clock.sleep(seconds: due - now)
            return false
        }
        if let failure = await silence(of: server, tries: hold.silentSince == nil ? 2 : 1) {
            guard let other = await answering(hold.servers, but: server) else { return try await outlast(failure, of: server, &hold) }
            (hold.server, server) = (other, other)
        }
        if hold.silentSince != nil { (hold.silentSince, hold.hasTold) = (nil, false) }
        hold.lease.ask(clock.uptime)
        hold.lease.note(await lease(on: server, hold.lease.claim(clock.uptime)), clock.uptime)
        switch hold.lease.hindrance(clock.uptime) {
        case .blocked(let reason): throw EffectError(refused: reason)
        case .wait(let wait): tellOnce(wait.reason, of: server, &hold)
        default: break
        }
        return hold.lease.isFirm(clock.uptime)
    }

    /// Another server that answers for the same cluster.
    private func answering(_ servers: [ObservedVM], but silent: ObservedVM) async -> ObservedVM? {
        for server in servers where server.name != silent.name {
            if await silence(of: server, tries: 1) == nil { return server }
        }
        return nil
    }

    /// Waits a little while another machine may hold the Lease of a server that gives no answer.
    private func outlast(_ failure: String, of server: ObservedVM, _ hold: inout Hold) async throws -> Bool {
        if hold.silentSince == nil { tell(.readFailed(.cluster, reason: "\(server.name): \(failure)")) }
        if hold.fellSilent(clock.uptime) { return true }
        tellOnce(.leaseExpiry(seconds: Int(LeaseState.duration)), of: server, &hold)
        try await clock.sleep(seconds: 5)
        return false
    }

    private func tellOnce(_ reason: Reason, of server: ObservedVM, _ hold: inout Hold) {
        if !hold.hasTold { tell(.waiting(node: server.name, reason)) }
        hold.hasTold = true
    }

    private func lease(on server: ObservedVM, _ claim: LeaseClaim) async -> Result<LeaseAnswer, EffectError> {
        do throws(EffectError) {
            return .success(try await world.holdLease(on: server, claim))
        } catch {
            return .failure(error)
        }
    }

    /// Why it gives no answer; nil when it does. Asked twice at first: one connection may be lost by chance.
    private func silence(of server: ObservedVM, tries: Int) async -> String? {
        var failure = "it is not running"
        for _ in 0..<tries where server.status == .running {
            do throws(EffectError) {
                let reading = try await world.readCluster(on: server)
                if reading.apiReady { return nil }
                failure = reading.reason ?? "its API server is not ready"
            } catch {
                failure = error.message
            }
        }
        return failure
    }
}
