import Digest
import FleetCore
import K3s

/// All that one run of the loop knows. A value: every change is a method, and none of them waits.
struct Run {
    /// What decisions are made of.
    var facts: FleetFacts
    /// False: each read is made once (a plan); true: reads repeat while something waits for them.
    let repeats: Bool
    /// Nodes that are being worked on.
    private(set) var acting: Set<String> = []
    var lease = LeaseState()
    /// Actions stand ready and wait for the Lease.
    private(set) var wantsLease = false
    /// They are not begun, for the Lease cannot be had.
    private(set) var isHeldBack = false
    /// A decision may differ from the last one.
    var isNews = true
    /// When the last decision was made.
    private var decided: Moment?
    /// It was put off until the cluster is read.
    private(set) var awaitsReading = false
    /// Nodes of which an earlier creation may have made the VM, so that the failure of a later one says nothing of it.
    var mayBeMade: Set<String> = []
    /// Nodes whose host's files are being put right.
    var repairing: Set<String> = []
    var inspections: Inspections
    var plan: Plan
    var reads: Reads
    /// When the last list of VMs was asked for, in seconds since 1970, and when the one under way was.
    var listedAt: Double?
    var listAskedAt: Double?
    /// When the last reading of the cluster was asked for.
    var clusterAskedAt: Moment?
    /// The servers that were last asked for a reading, and for the Lease.
    var (clusterAskedOf, leaseAskedOf): (String?, String?)
    /// Nodes that the reading of the cluster under way may still see as they were.
    var missedByLook: Set<String> = []
    /// When the loop's timers fire, the earliest first.
    var sleepers: [Double] = []
    var effects = 0
    var ranOutOfTime = false
    /// A stop signal arrived.
    var wasStopped = false
    /// exe.dev refuses the account or the token: nothing can go on.
    var failure: EffectError?
    var nextLook = Double.infinity
    /// The decision that was last reported for each node or VM.
    var reported: [String: Decision] = [:]
    /// The queue that was last reported.
    var queued: [Action] = []

    init(
        fleet: DesiredFleet, ledger: Ledger, repeats: Bool, inspected: Inspected = [:], troubled: [String: Trouble] = [:],
        isAttended: Bool = true,
        disabledRules: Set<SafetyRule> = []
    ) {
        inspections = Inspections(inspected)
        facts = FleetFacts(fleet: fleet, observed: Observation(), ledger: ledger, now: 0, isAttended: isAttended)
        (facts.disabledRules, facts.digest) = (disabledRules, sha256Hex)
        for (name, trouble) in troubled {
            facts.notes[name, default: .init()].troubledSince = trouble.since
            facts.notes[name]?.seemsDeadSince = trouble.seemsDeadSince
        }
        self.repeats = repeats
        plan = Plan(cluster: fleet.cluster.name, items: [])
        reads = Reads(facts.places)
        remember(inspected)
    }

    var fleet: DesiredFleet { facts.fleet }

    /// What an effect is judged by that leaves now.
    func facts(at moment: Moment) -> FleetFacts {
        var facts = facts
        (facts.now, facts.uptime) = (moment.wall, moment.uptime)
        return facts.settled
    }

    /// The wall clock was set back since the last decision, or there was none: the ledger may hold times that are yet to come.
    private func isSetBack(_ moment: Moment) -> Bool {
        guard let decided else { return true }
        return moment.wall < decided.wall || moment.wall - moment.uptime < decided.wall - decided.uptime - 1
    }

    /// Whether a decision may differ from the last one: something happened, or time has passed.
    func mayDiffer(at moment: Moment) -> Bool { isNews || isSetBack(moment) || moment.uptime - (decided?.uptime ?? 0) >= 1 }

    /// `isLast`: nothing is waited for any more.
    mutating func decide(at moment: Moment, isLast: Bool = false) {
        if isSetBack(moment) {
            facts.ledger.comeBack(to: moment.wall)
            if let at = facts.readAt { facts.readAt = (min(at.wall, moment.wall), at.uptime) }
            (listedAt, facts.listedAt) = (listedAt.map { min($0, moment.wall) }, facts.listedAt.map { min($0, moment.wall) })
        }
        (facts.now, facts.uptime) = (moment.wall, moment.uptime)
        (decided, isNews) = (moment, false)
        awaitsReading = mayAwaitReading && !isLast
        guard !awaitsReading else { return }
        facts.learn(listedAt: listedAt)
        facts.learnSilence()
        plan = Planner.plan(facts)
        noteTrouble(moment.uptime)
        forgetAnswers()
        hold(moment.uptime)
    }

    /// What only could not be read again yet is no end of it, nor is what stands ready and waits for its turn.
    private mutating func noteTrouble(_ uptime: Double) {
        for item in plan.items {
            let since = facts.notes[item.node]?.troubledSince
            if item.decision.reason?.leavesTroubleOpen == true { continue }
            switch item.decision {
            case .wait(let wait) where wait.reason.isTrouble(facts.places[item.node].map { fleet.nodes[$0].role } ?? .agent):
                if since == nil { facts.notes[item.node, default: .init()].troubledSince = uptime }
            default: if since != nil { facts.notes[item.node]?.troubledSince = nil }
            }
        }
    }

    /// A cluster that answers is changed only by who holds its Lease; one that does not answer has none to ask for.
    private mutating func hold(_ uptime: Double) {
        wantsLease = repeats && facts.controlPlane.answers && !plan.actions.isEmpty && facts.holds(.lease)
        let hindrance = wantsLease ? lease.hindrance(uptime) : nil
        isHeldBack = hindrance != nil
        guard let hindrance else { return }
        for index in plan.items.indices where plan.items[index].decision.action != nil { plan.items[index].decision = hindrance }
    }

    /// The server on which the Lease is to be taken or renewed now.
    mutating func leaseDue(uptime: Double) -> ObservedVM? {
        guard !isEnding || !acting.isEmpty, needsLease, let due = lease.nextAsk(uptime), due <= uptime, facts.controlPlane.answers,
            let vm = server
        else {
            return nil
        }
        lease.ask(uptime)
        leaseAskedOf = vm.name
        return vm
    }

    /// Who has the list of VMs alone could decide nothing that the first reading of a cluster which is there does not decide again.
    private var mayAwaitReading: Bool {
        isServerUnread && facts.ledger.caHash != nil && reads.cluster.endedAt == nil && acting.isEmpty
            && facts.holds(.clusterAnswersFirst)
    }

    /// Something stands ready to be begun, or was begun under the Lease and is not done.
    var needsLease: Bool { wantsLease || (!acting.isEmpty && lease.mustBeReleased) }

    /// Until when a change may leave that is decided now.
    func openUntil(uptime: Double) -> Double {
        guard facts.holds(.fence) else { return .infinity }
        return min(uptime + Self.decisionSpan, needsLease ? lease.heldUntil : .infinity)
    }

    /// Under what an action is decided, as its host is told. Where no cluster answers there is no Lease to hold: then it is what the host itself
    /// showed when it was read, so that it obeys unless it has obeyed somebody else since.
    func token(for action: Action) -> FencingToken? {
        let place = action.kind == .removeVM ? action.node : action.host(facts)
        guard facts.holds(.newestOrder), let host = place else { return nil }
        let id = facts.ledger.clusterID
        if wantsLease, let number = lease.number { return FencingToken(clusterID: id, number: number) }
        var shown = 0
        if case .probed(let probe)? = facts.observed.hosts[host], let fence = probe.fence, fence.clusterID == id { shown = fence.number }
        return FencingToken(clusterID: id, number: max(shown, lease.number ?? 0))
    }

    /// Raised when everything that was decided before is void, whatever still waits for its turn.
    var generation = 0
    /// Since when the loop waits with something under way.
    private var waitsSince: Double?
    /// Something was begun, or asked, whose end is awaited.
    var isBusy: Bool { !acting.isEmpty || reads.underWay > 0 }

    /// Notices that the process stood still: with something under way the loop comes round every few seconds.
    mutating func turns(uptime: Double) {
        if let since = waitsSince, uptime - since > Self.standstill { discardObservations() }
    }

    /// The turn is done: what it wrote to the disk may have taken its time.
    mutating func waits(from uptime: Double) { waitsSince = isBusy ? uptime : nil }

    /// Seconds between two turns with something under way, and after how many the whole process must have stood still.
    static let heartbeat = 4.0
    static let standstill = 10.0
    /// Seconds for which a decision is good.
    static let decisionSpan = 20.0

    /// The fleet's server as a VM, if it was observed.
    var server: ObservedVM? { facts.controlPlane.contact.flatMap { facts.observed.vms?[$0] } }

    /// The hand brake is looked at in every turn, so that it holds between two steps.
    mutating func note(_ pause: FleetPause?) {
        guard facts.pause != pause else { return }
        (facts.pause, isNews) = (pause, true)
    }

    mutating func take(_ action: Action) {
        acting.insert(action.node)
        facts.acting[action.node] = action.kind
        effects += 1
    }

    /// Its end was heard of, however it was.
    mutating func release(_ node: String) {
        acting.remove(node)
        facts.acting[node] = nil
        isNews = true
    }

    /// The next run looks again at once into the host of a node with which something is the matter.
    private var inspected: Inspected {
        let blocked = plan.items.filter { $0.decision.isBlocked && $0.decision.reason?.isOfShareProbe == false }
        let troubled = Set(blocked.map { ReadTarget.host($0.node) })
        return inspections.done.filter { !troubled.contains($0.key) && isGoodYet($0.key) }
    }

    func result() -> Reconciler.Result {
        Reconciler.Result(
            plan: plan, observed: facts.observed, ledger: facts.ledger, effects: effects, ranOutOfTime: ranOutOfTime,
            inspected: inspected, troubled: facts.notes.compactMapValues(Trouble.init), pause: facts.pause)
    }
}

/// What outlasts a run of the times that a node is in trouble; all on the monotonic clock.
package struct Trouble: Sendable, Hashable {
    /// Since when it is waited for in vain.
    var since: Double?
    var seemsDeadSince: Double?

    /// Nil: it is in none.
    init?(_ note: FleetFacts.Note) {
        guard note.troubledSince != nil || note.seemsDeadSince != nil else { return nil }
        (since, seemsDeadSince) = (note.troubledSince, note.seemsDeadSince)
    }
}
