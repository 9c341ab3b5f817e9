import FleetCore
import K3s

/// What this run knows of the cluster's Lease; times are seconds on the monotonic clock. A cluster that answers is changed only while the Lease
/// is ours for a while longer. A process that was paused finds its Lease expired and asks again.
struct LeaseState {
    static let duration = 60.0
    /// What must be left of it before something is begun.
    static let margin = 20.0

    private(set) var isAsking = false
    private(set) var heldUntil = -Double.infinity
    /// Under which it was ours last.
    private(set) var number: Int?
    /// The highest that a host says it has obeyed.
    private var obeyed = 0
    private var askedAt = 0.0
    private var askAgainAt = -Double.infinity
    private var rival: Rival?
    private var misses = 0
    private var failure: EffectError?

    /// Another machine that has the Lease, and since when its version stands still.
    private struct Rival {
        var hold: LeaseHold
        var since: Double
        var lasts: Double
        /// It was renewed before our eyes: who has it lives.
        var hasMoved: Bool

        var until: Double { since + lasts }
    }

    /// The hold of another that stood still for as long as it lasts, and may be taken.
    func expired(_ now: Double) -> LeaseHold? { rival.flatMap { now >= $0.until ? $0.hold : nil } }

    /// How it is to be asked for.
    func claim(_ now: Double) -> LeaseClaim {
        LeaseClaim(seconds: Int(Self.duration), expired: expired(now), number: number, above: obeyed)
    }

    /// A host has obeyed `other`, which is above ours: somebody else has held it since, or the cluster has forgotten how far the numbers had come.
    mutating func fenced(by other: Int) {
        obeyed = max(obeyed, other)
        (number, heldUntil, askAgainAt) = (nil, -.infinity, -.infinity)
    }

    /// Whether something may be begun now.
    func isFirm(_ now: Double) -> Bool { now < heldUntil - Self.margin && now >= askedAt }

    /// When it is to be asked for next, early enough that work does not stop for it; nil while an answer is awaited.
    func nextAsk(_ now: Double) -> Double? {
        if isAsking { return nil }
        return now < askedAt ? now : max(askAgainAt, heldUntil - 1.5 * Self.margin)
    }

    var mustBeReleased: Bool { heldUntil > -.infinity }

    mutating func ask(_ now: Double) {
        isAsking = true
        askedAt = now
    }

    /// A question since the last answer may have been heard and its answer lost, when the Lease was not known to be ours any more: should the next
    /// answer be that it is ours, then since that question, and somebody else may have held it before.
    var mayHaveTaken: Bool { isUnheard && askedAt >= heldUntil }
    private var isUnheard = false

    mutating func note(_ answer: Result<LeaseAnswer, EffectError>, _ now: Double) {
        isAsking = false
        if case .success = answer { isUnheard = false }
        switch answer {
        case .success(.ours(let number)), .success(.taken(_, let number)):
            (heldUntil, rival, misses, self.number) = (askedAt + Self.duration, nil, 0, number)
            // Asked for before it was fenced.
            if number <= obeyed { fenced(by: obeyed) }
        case .success(.held(let hold, let lasts)):
            (number, heldUntil) = (nil, -.infinity)
            noteRival(hold, lasts: Double(min(max(lasts, 1), Self.longest)), now)
        case .failure(let error):
            askAgainAt = now + 2
            (misses, failure) = (misses + 1, error)
            isUnheard = true
        }
    }

    /// Longer than any program of ours asks for.
    private static let longest = 600

    private mutating func noteRival(_ hold: LeaseHold, lasts: Double, _ now: Double) {
        if let rival, rival.hold == hold {
            askAgainAt = min(now + 10, max(now, rival.until))
        } else {
            let hasMoved = rival?.hold.holder == hold.holder
            rival = Rival(hold: hold, since: now, lasts: lasts, hasMoved: hasMoved)
            askAgainAt = now + min(10, lasts)
        }
    }

    /// What keeps everything from being begun, when somebody else holds it or it cannot be had. One that nobody has seen to be renewed is waited
    /// for: its holder may be dead.
    func hindrance(_ now: Double) -> Decision? {
        if misses >= 3, !isFirm(now), let failure {
            return .blocked(.leaseUnavailable(name: Self.name, failure: failure.message))
        }
        guard let rival, now < rival.until else { return nil }
        guard rival.hasMoved else { return .wait(Wait(.leaseExpiry(seconds: Int(rival.lasts)))) }
        return .blocked(.leaseHeld(name: Self.name, by: rival.hold.holder, seconds: Int(rival.until - now) + 1))
    }

    private static let name = "kube-system/exedev-k8s"
}
