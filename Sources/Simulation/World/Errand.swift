import FleetCore
import K3s
import Reconciler

/// A request on its way: it left a process, and is answered with the world as it is when it arrives.
enum Errand: Sendable {
    case list(Fault.Kind?)
    case probe(String, Fault.Kind?)
    case readShare(String, Fault.Kind?)
    case answer(ShareQuestion, Fault.Kind?)
    case readCluster(String, Fault.Kind?)
    indirect case effect(Effect, number: Int, Fault.Kind?)
    /// Of the server's name.
    case takeLease(String, LeaseClaim, Fault.Kind?)
    case dropLease(String)

    /// What its answer takes longer than others, in seconds.
    var delay: Double {
        switch self {
        case .list(.slow(let seconds)), .probe(_, .slow(let seconds)), .readCluster(_, .slow(let seconds)),
            .readShare(_, .slow(let seconds)), .answer(_, .slow(let seconds)):
            seconds
        case .effect(let effect, _, .slow(let seconds)): min(seconds, effect.deadline)
        default: 0
        }
    }
}

/// What a request is answered with.
indirect enum Answer: Sendable {
    case vms([ObservedVM])
    case host(HostProbe)
    case share(Share)
    case status(Int)
    case cluster(ClusterReading)
    case effect(EffectReply)
    case lease(LeaseAnswer)
}

extension WorldState {
    /// What the clock has jumped to.
    enum Next {
        case nothing
        case thawed(Int)
        case arrived(Errand, process: Int)
        case woke(Sleepers.Sleeper)
    }

    mutating func goOn() -> Next {
        if let thaw = frozen.min(by: { $0.until < $1.until }), thaw.until <= sleepers.earliest ?? .infinity {
            now = max(now, thaw.until)
            frozen.removeAll { $0.process == thaw.process }
            return .thawed(thaw.process)
        }
        guard let sleeper = sleepers.popEarliest() else { return .nothing }
        now = max(now, sleeper.at)
        guard let errand = sleeper.errand else { return .woke(sleeper) }
        let (answer, wayBack) = arrive(errand, by: sleeper.process)
        answers[sleeper.id] = answer
        sleepers.add(sleeper.answered(at: now + wayBack + errand.delay))
        return .arrived(errand, process: sleeper.process)
    }

    /// The answer, and the seconds that it takes to come back.
    private mutating func arrive(_ errand: Errand, by id: Int) -> (Result<Answer, EffectError>, back: Double) {
        proceed()
        switch errand {
        case .list(let fault):
            if fault?.isLyingList != true { processes[id].listedAt = now }
            return (list(fault).map(Answer.vms), random.seconds(0.05, 3))
        case .probe(let name, let fault): return (probe(name, fault).map(Answer.host), random.seconds(0.05, 0.4))
        case .readShare(let name, let fault): return (readShare(name, fault).map(Answer.share), random.seconds(0.05, 1))
        case .answer(let question, let fault): return (answer(to: question, fault).map(Answer.status), random.seconds(0.05, 1))
        case .readCluster(let name, let fault):
            settle()
            report(.clusterAsked(by: id))
            return (readCluster(name, fault).map(Answer.cluster), random.seconds(0.05, 0.4))
        case .effect(let effect, let number, let fault):
            return (arrive(effect, number, fault, by: id).map(Answer.effect), duration(of: effect))
        case .takeLease(let name, let claim, let fault):
            let answer = takeLease(on: name, desk: processes[id].desk, claim, fault)
            return (answer.map(Answer.lease), random.seconds(0.1, 1))
        case .dropLease(let name):
            dropLease(on: name, desk: processes[id].desk)
            return (.success(.lease(.ours(0))), random.seconds(0.1, 1))
        }
    }

    private mutating func duration(of effect: Effect) -> Double {
        switch effect.kind {
        case .prepare: random.seconds(4, 15)
        case .createVM: random.seconds(0.5, 2.5)
        case .drain: random.seconds(1, 20)
        default: random.seconds(0.2, 1.5)
        }
    }

    // MARK: reads

    private mutating func list(_ fault: Fault.Kind?) -> Result<[ObservedVM], EffectError> {
        let list = shown(fault)
        guard fault?.isLyingList == true, case .success(let vms) = list else { return list }
        report(.misled(list: vms, truth: self.list(back: 0)))
        return list
    }

    private mutating func shown(_ fault: Fault.Kind?) -> Result<[ObservedVM], EffectError> {
        if let until = outage, now < until { return .failure(APIFault.status502.error(mutating: false)) }
        if isThrottled() { return .failure(APIFault.status429.error(mutating: false)) }
        switch fault {
        case .api(let fault): return .failure(fault.error(mutating: false))
        case .emptyList: return .success([])
        case .staleList(let back): return .success(list(back: back))
        case .partialList(let hidden):
            let whole = list(back: 0)
            return .success(whole.enumerated().filter { $0.offset != hidden % max(1, whole.count) }.map(\.element))
        default: return .success(list(back: 0))
        }
    }

    private func probe(_ name: String, _ fault: Fault.Kind?) -> Result<HostProbe, EffectError> {
        if let refusal = Self.refusal(fault) { return .failure(refusal) }
        guard let place = reachable(name) else { return .failure(Self.refused) }
        if machines[place].theirsSince != nil, let refusal = Self.refusal(.refused) { return .failure(refusal) }
        guard now >= machines[place].keysAt else { return .failure(Self.keysRefused) }
        return .success(machines[place].probe(now: now))
    }

    private mutating func readShare(_ name: String, _ fault: Fault.Kind?) -> Result<Share, EffectError> {
        if let until = outage, now < until { return .failure(APIFault.status502.error(mutating: false)) }
        if isThrottled() { return .failure(APIFault.status429.error(mutating: false)) }
        if case .api(let fault) = fault { return .failure(fault.error(mutating: false)) }
        guard let machine = machine(name) else { return .failure(APIFault.notFound.error(mutating: false)) }
        guard machine.answersSSH(now: now) else { return .failure(APIFault.notReady.error(mutating: false)) }
        return .success(machine.share)
    }

    private mutating func readCluster(_ name: String, _ fault: Fault.Kind?) -> Result<ClusterReading, EffectError> {
        if let refusal = Self.refusal(fault) { return .failure(refusal) }
        guard var reading = readCluster(on: name) else { return .failure(Self.refused) }
        guard reading.hostname == name else {
            return .failure(EffectError("wrong host", remedy: .askOperator(advice: "whose VM is it?")))
        }
        if fault == .apiServerDown {
            (reading.apiReady, reading.reason, reading.nodes) = (false, "etcdserver: request timed out", [])
        }
        return .success(reading)
    }

    static let refused = EffectError("connection refused", remedy: .retry(after: nil))

    private static let keysRefused = EffectError(
        "refused exedev with every key", remedy: .refused(.hostRefused("refused exedev with every key", advice: "register the key")))

    static func refusal(_ fault: Fault.Kind?) -> EffectError? {
        switch fault {
        case .unreachable: EffectError("timed out", remedy: .retry(after: nil))
        case .refused: EffectError("the host key is another", remedy: .askOperator(advice: "see why"))
        default: nil
        }
    }

    // MARK: the Lease

    /// As the script does it on the server.
    private mutating func takeLease(
        on name: String, desk: Int, _ claim: LeaseClaim, _ fault: Fault.Kind?
    ) -> Result<LeaseAnswer, EffectError> {
        if let refusal = Self.refusal(fault) { return .failure(refusal) }
        guard fault != .apiServerDown, let cluster = cluster(servedBy: name) else { return .failure(Self.refused) }
        if let keeper = leaseKeeper {
            _ = write(
                .init(holder: keeper, renewedAt: now, seconds: 60, number: 0), over: clusters[cluster].leases[Self.leaseName], cluster)
        }
        let last = clusters[cluster].leases[Self.leaseName]
        if let last, last.holder != Self.holder(desk), last.seconds > 1 {
            let hold = LeaseHold(holder: last.holder, version: String(last.version))
            if hold != claim.expired { return .success(.held(hold, lasts: last.seconds)) }
        }
        let number = number(of: claim, over: last, isOurs: last?.holder == Self.holder(desk), on: name)
        guard write(.init(holder: Self.holder(desk), renewedAt: now, seconds: claim.seconds, number: number), over: last, cluster) else {
            return .failure(Self.refused)
        }
        note(number, on: name)
        // Written, and nobody hears of it.
        if fault == .host(.cutAfter) { return .failure(HostFault.cutAfter.error) }
        return .success(last.map { $0.holder == Self.holder(desk) ? .ours(number) : .taken(from: $0.holder, number) } ?? .ours(number))
    }

    /// The fencing number under which it is taken, or renewed.
    private func number(of claim: LeaseClaim, over last: ClusterModel.Lease?, isOurs: Bool, on name: String) -> Int {
        let before = last?.number ?? 0
        if isOurs, before == claim.number { return before }
        let disk = machine(name)?.disk
        let known = disk?.fence.map { $0.clusterID == disk?.clusterID ? $0.number : 0 } ?? 0
        return max(before, known, claim.above) + 1
    }

    /// On the server's host.
    private mutating func note(_ number: Int, on name: String) {
        guard let place = at(name), let id = machines[place].disk.clusterID else { return }
        machines[place].writeThrough { $0.fence = FencingToken(clusterID: id, number: number) }
    }

    private mutating func dropLease(on name: String, desk: Int) {
        guard let cluster = cluster(servedBy: name), let last = clusters[cluster].leases[Self.leaseName], last.holder == Self.holder(desk)
        else { return }
        _ = write(.init(holder: last.holder, renewedAt: now, seconds: 1, number: last.number), over: last, cluster)
    }

    /// False when another one came between.
    private mutating func write(_ lease: ClusterModel.Lease, over last: ClusterModel.Lease?, _ cluster: Int) -> Bool {
        do throws(ClusterModel.Failure) {
            if let last {
                try clusters[cluster].replace(lease, as: Self.leaseName, version: last.version)
            } else {
                try clusters[cluster].create(lease, as: Self.leaseName)
            }
            return true
        } catch {
            return false
        }
    }

    static let leaseName = "exedev-k8s"

    /// As a machine of the daemon calls itself.
    static func holder(_ desk: Int) -> String { "desk-\(desk)" }

    /// The number of the cluster whose API answers on this host, to who can reach it.
    private func cluster(servedBy name: String) -> Int? {
        reachable(name).flatMap { cluster(servedBy: $0) }
    }

    /// Which of the daemon's machines holds the Lease of the cluster that answers.
    var leaseholder: Int? {
        guard let api = apiServer, let lease = clusters[api.cluster].leases[Self.leaseName], lease.seconds > 1,
            lease.left(now: now) > 0
        else { return nil }
        return desks.indices.first { Self.holder($0) == lease.holder }
    }
}

extension LeaseAnswer {
    /// Nil when another one has it.
    var number: Int? {
        switch self {
        case .ours(let number), .taken(_, let number): number
        case .held: nil
        }
    }
}
