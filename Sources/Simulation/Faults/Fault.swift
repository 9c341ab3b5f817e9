import FleetCore
import Reconciler

/// One thing that goes wrong, and when.
package struct Fault: Sendable, Hashable, CustomStringConvertible {
    /// Counted from the start of a trial, from 0.
    package enum Point: Sendable, Hashable {
        case effect(Int), read(Int), save(Int)
        /// The Lease is asked for.
        case ask(Int)
    }

    package enum Kind: Sendable, Hashable {
        // the process
        case crashBefore, crashAfter, crashAfterReply
        /// And the ledger on the disk turns out damaged, so that the next start goes on from the one before it.
        case crashAndDamage
        /// The temporary file is torn; the old ledger stays.
        case crashInWrite
        /// The new ledger is in place and nobody heard of it.
        case crashAfterWrite
        case diskFull
        // exe.dev
        case api(APIFault)
        case staleList(Int), partialList(Int), emptyList
        /// The answer to a read is true, and so many seconds on its way; that to an effect too, which was done at once.
        case slow(Double)
        /// A host gets on with nothing for so many seconds and then does what it was told, unless its connection has ended by then.
        case slowThere(Double)
        // hosts
        case host(HostFault)
        case unreachable, refused, apiServerDown
        // what happens beside the run
        case clockJump(Double), edit(Int), secondRun, vanish(Int), reboot(Int)
        /// A machine starts again without what had not reached its disk.
        case powerCut(Int)
        /// A kubelet says nothing for a minute and a half, then again.
        case silence(Int)
        /// Somebody changes how the VM of a number is shared, or k3s's configuration on its host.
        case handShare(Int), handEdit(Int)
        /// Another machine, with a copy of the state directory, starts too.
        case rival
        /// The process stands still for so many seconds, with what it had decided before in its hands.
        case pause(Double)
        /// exe.dev cannot be reached for so many seconds.
        case outage(Double)
        /// No host can be reached for so many seconds.
        case dark(Double)
        /// The API server answers nobody for so many seconds.
        case apiOutage(Double)
        /// exe.dev's HTTPS proxy answers 502 for every VM for so many seconds.
        case webOutage(Double)
        /// exe.dev answers that many requests with 429.
        case throttle(Int)
        /// The server that joins gets on with nothing for so many seconds.
        case learnerStuck(Double)
        /// Every machine that is dead comes back.
        case revival
        /// Somebody else's server joins at the same time, and goes away after a minute and a half.
        case twoJoins
        /// The VM of an agent vanishes, and somebody makes another one of its name, without our tag.
        case rebuiltByOthers(Int)
        /// A kubelet is ready, not ready and silent by turns for five minutes.
        case flapping(Int)

        /// Seconds during which nothing can be brought to its end.
        var downtime: Double {
            switch self {
            case .outage(let seconds), .dark(let seconds), .apiOutage(let seconds): seconds
            default: 0
            }
        }

        /// After it a run may end in good faith although there is something to do.
        var misleads: Bool {
            switch self {
            case .vanish, .reboot, .powerCut, .rebuiltByOthers, .flapping: true
            default: isLyingList
            }
        }

        /// Only who looks again sees it.
        var isByHand: Bool {
            switch self {
            case .handShare, .handEdit: true
            default: false
            }
        }

        /// The machine that an order was for starts again.
        var boots: Bool { if case .host(let fault) = self { fault.boots } else { false } }

        /// Whether it can go wrong with this read; what cannot be excuses nothing.
        func canStrike(_ target: ReadTarget) -> Bool {
            switch self {
            case .api: target.isForPlatform
            case .staleList, .partialList, .emptyList: target == .vms
            case .unreachable, .refused: !target.isForPlatform
            case .apiServerDown: target == .cluster
            case .webOutage: if case .web = target { true } else { false }
            case .slowThere: false
            default: true
            }
        }

        func canStrike(_ effect: Effect) -> Bool {
            switch self {
            // A restart that comes later than anybody waits for it is a power cut that nobody foresees.
            case .api(.status504Reserved): !effect.isForHost && effect.kind != .restartVM
            case .api: !effect.isForHost
            case .host, .slowThere: effect.isForHost
            default: true
            }
        }

        /// exe.dev carries the request out later.
        var isLate: Bool { if case .api(let fault) = self { fault.delay != nil } else { false } }

        var isClockJump: Bool { if case .clockJump = self { true } else { false } }

        /// Things come about that the ledger does not tell.
        var hidesFromTheLedger: Bool { self == .rival || self == .crashAndDamage }

        var isLyingList: Bool {
            switch self {
            case .staleList, .partialList, .emptyList: true
            default: false
            }
        }
    }

    package var point: Point
    package var kind: Kind

    package init(_ kind: Kind, at point: Point) { (self.kind, self.point) = (kind, point) }

    package var description: String { "\(kind.words) at \(point.words)" }
}

extension Fault.Point {
    fileprivate var words: String {
        switch self {
        case .effect(let number): "effect \(number)"
        case .read(let number): "read \(number)"
        case .save(let number): "save \(number)"
        case .ask(let number): "ask \(number)"
        }
    }
}

extension Fault.Kind {
    /// Spelt out, for by reflection each takes as long as ten decisions.
    fileprivate var words: String {
        switch self {
        case .crashBefore: "crash before"
        case .crashAfter: "crash after"
        case .crashAfterReply: "crash after the reply"
        case .crashAndDamage: "crash with a damaged ledger"
        case .crashInWrite: "crash in the write"
        case .crashAfterWrite: "crash after the write"
        case .diskFull: "disk full"
        case .api(let fault): "exe.dev's \(fault.rawValue)"
        case .staleList(let back): "a list \(back) changes old"
        case .partialList(let hidden): "a list without its VM \(hidden)"
        case .emptyList: "an empty list"
        case .slow(let seconds): "an answer that takes \(Int(seconds)) s"
        case .slowThere(let seconds): "a host that takes \(Int(seconds)) s"
        case .host(let fault): "the host's \(fault.rawValue)"
        case .unreachable: "unreachable"
        case .refused: "refused"
        case .apiServerDown: "API server down"
        case .clockJump(let seconds): "clock jump of \(Int(seconds)) s"
        case .edit(let number): "edit \(number)"
        case .secondRun: "a second run"
        case .vanish(let number): "agent \(number) vanishes"
        case .reboot(let number): "machine \(number) reboots"
        case .powerCut(let number): "a power cut of machine \(number)"
        case .silence(let number): "machine \(number) is silent"
        case .handShare(let number): "machine \(number) shared by hand"
        case .handEdit(let number): "machine \(number) configured by hand"
        case .rival: "a rival"
        case .pause(let seconds): "a pause of \(Int(seconds)) s"
        case .outage(let seconds): "an outage of \(Int(seconds)) s"
        case .dark(let seconds): "no host for \(Int(seconds)) s"
        case .apiOutage(let seconds): "no API server for \(Int(seconds)) s"
        case .webOutage(let seconds): "502 of every VM for \(Int(seconds)) s"
        case .throttle(let number): "\(number) requests refused with 429"
        case .learnerStuck(let seconds): "learner stuck for \(Int(seconds)) s"
        case .twoJoins: "two joins at once"
        case .revival: "the dead come back"
        case .rebuiltByOthers(let number): "agent \(number) rebuilt by others"
        case .flapping(let number): "Ready flapping of machine \(number)"
        }
    }
}

extension ReadTarget {
    /// exe.dev answers it itself.
    fileprivate var isForPlatform: Bool {
        switch self {
        case .vms, .share: true
        case .cluster, .host, .web, .nothing: false
        }
    }
}

/// What exe.dev may answer, or not answer, to one request.
package enum APIFault: String, Sendable, Hashable, CaseIterable {
    case status400, status401, status403, status404, status413, status422, notFound, notReady, status429, status429Later
    case status500, status500Done, status502, status504, status504Done
    /// Carried out later; with the name taken at once, as a cold image does (facts/exedev.md §8).
    case status504Late, status504Reserved
    case lostBefore, lostReply, truncated, html, dns

    /// The request was carried out all the same.
    var isDone: Bool { [.status500Done, .status504Done, .lostReply, .truncated, .html].contains(self) }

    /// Seconds until it is carried out all the same.
    var delay: Double? {
        switch self {
        case .status504Late: 25
        case .status504Reserved: 110
        default: nil
        }
    }

    /// As Live's client classifies it (ExeDev/Classify.swift, ExeDevError.remedy).
    func error(mutating: Bool) -> EffectError {
        let remedy: EffectError.Remedy =
            switch self {
            case .status400, .status401, .status403, .status404, .status413, .status422: .askOperator(advice: "see what it says")
            case .notFound, .notReady, .dns: .retry(after: nil)
            case .status429: .retry(after: nil)
            case .status429Later: .retry(after: 60)
            default: mutating ? .observeAgain : .retry(after: nil)
            }
        return EffectError("exe.dev: \(rawValue)", remedy: remedy)
    }
}

/// How a step on a host may end badly.
package enum HostFault: String, Sendable, Hashable, CaseIterable {
    case connectionRefused, keyChanged, wrongHost
    case cutBefore, cutMiddle, cutAfter
    /// After so many of the order's steps.
    case cutAfter1, cutAfter2, cutAfter3, cutAfter4
    case failsMiddle, diskFull
    case reboot, hardReset
    /// A power cut in the middle, which takes back what had not reached the disk.
    case hardReset1, hardReset2, hardReset3
    /// All is done, and k3s takes two minutes to come up.
    case slowStart

    /// How many of `steps` are done before it strikes.
    func done(of steps: Int) -> Int {
        switch self {
        case .connectionRefused, .keyChanged, .wrongHost, .cutBefore: 0
        case .cutMiddle, .failsMiddle, .diskFull, .reboot: steps / 2
        case .cutAfter, .hardReset, .slowStart: steps
        case .cutAfter1, .hardReset1: min(1, steps)
        case .cutAfter2, .hardReset2: min(2, steps)
        case .cutAfter3, .hardReset3: min(3, steps)
        case .cutAfter4: min(4, steps)
        }
    }

    var boots: Bool { self == .reboot || isPowerCut }
    var isPowerCut: Bool { [.hardReset, .hardReset1, .hardReset2, .hardReset3].contains(self) }

    var error: EffectError {
        let remedy: EffectError.Remedy =
            switch self {
            case .connectionRefused, .failsMiddle, .slowStart: .retry(after: nil)
            case .keyChanged, .wrongHost, .diskFull: .askOperator(advice: "see what it says")
            case .cutBefore, .cutMiddle, .cutAfter, .cutAfter1, .cutAfter2, .cutAfter3, .cutAfter4, .reboot: .observeAgain
            case .hardReset, .hardReset1, .hardReset2, .hardReset3: .observeAgain
            }
        return EffectError("host: \(rawValue)", remedy: remedy)
    }
}
