import FleetCore

/// Everything that can go wrong once in a scenario, counted off its run without faults.
extension Stage {
    /// Before an effect, after it, after its reply, in the middle of a write of the ledger and right after it.
    package var crashes: [Fault] {
        let sent = effects.indices.flatMap { number in
            [Fault.Kind.crashBefore, .crashAfter, .crashAfterReply, .crashAndDamage].map { Fault($0, at: .effect(number)) }
        }
        let written = (0..<saves).flatMap { number in
            [Fault.Kind.crashInWrite, .crashAfterWrite].map { Fault($0, at: .save(number)) }
        }
        return sent + written
    }

    /// Who waits for minutes reads the same again and again: of a long run every so many reads.
    private var readPoints: [Int] {
        let stride = max(1, reads.count / 40)
        return reads.indices.filter { $0 % stride == 0 }
    }

    /// A disk that is full at a write.
    package var fullDisks: [Fault] { (0..<saves).map { Fault(.diskFull, at: .save($0)) } }

    /// Every answer of exe.dev that is none, and hosts and servers that do not answer.
    package var failedReads: [Fault] {
        readPoints.flatMap { number -> [Fault] in
            let kinds: [Fault.Kind] =
                switch reads[number] {
                case .vms: APIFault.allCases.map(Fault.Kind.api)
                case .cluster: [.unreachable, .refused, .apiServerDown]
                case .share: [.api(.status502), .api(.status422), .api(.notReady)]
                case .web: [.unreachable, .refused, .webOutage(90)]
                case .host, .nothing: [.unreachable, .refused]
                }
            return kinds.map { Fault($0, at: .read(number)) }
        }
    }

    /// Lists as they were, with a VM left out, or empty.
    package var lyingLists: [Fault] {
        readPoints.filter { reads[$0] == .vms }.flatMap { number in
            let partial = (0..<max(3, start.machines.count)).map(Fault.Kind.partialList)
            return ([.staleList(1), .staleList(2), .staleList(4), .emptyList] + partial).map { Fault($0, at: .read(number)) }
        }
    }

    /// Answers that are true and come when others have long been given: as long as a read may take (`Command.deadline`, 30 s on a host).
    package var slowAnswers: [Fault] { readPoints.flatMap { number in [8.0, 25].map { Fault(.slow($0), at: .read(number)) } } }

    /// Effects that take longer than most: some of them are over before their deadline, of some nobody hears the end.
    package var slowEffects: [Fault] {
        effects.indices.flatMap { number -> [Fault] in
            let kinds: [(Double) -> Fault.Kind] = effects[number].isForHost ? [Fault.Kind.slow, Fault.Kind.slowThere] : [Fault.Kind.slow]
            return kinds.flatMap { kind in [20.0, 90, 150].map { Fault(kind($0), at: .effect(number)) } }
        }
    }

    /// Every status of exe.dev for every request, every way in which a step on a host can end badly.
    package var failedEffects: [Fault] {
        effects.indices.flatMap { number -> [Fault] in
            let kinds = effects[number].isForHost ? HostFault.allCases.map(Fault.Kind.host) : APIFault.allCases.map(Fault.Kind.api)
            return kinds.map { Fault($0, at: .effect(number)) }
        }
    }

    /// What happens beside the run: clocks that jump, another run, on this machine or on another one, VMs that vanish or restart, edits of the
    /// file, a pause of the process, an exe.dev that is down for an hour.
    package var surroundings: [Fault] {
        let clocks = [3600.0, -3600, Fault.year, -Fault.year].map(Fault.Kind.clockJump)
        let others: [Fault.Kind] = [
            .secondRun, .rival, .silence(0), .silence(1), .silence(2), .pause(30), .pause(3600), .outage(3600), .vanish(0), .vanish(1),
            .reboot(0), .reboot(1), .reboot(2), .powerCut(0), .powerCut(1), .powerCut(2), .dark(120), .apiOutage(120), .throttle(5),
            .rebuiltByOthers(0), .flapping(0), .flapping(1),
        ]
        let edits = scenario.edits.indices.map(Fault.Kind.edit)
        let hands: [Fault.Kind] = scenario.isMendable ? [.handShare(0), .handEdit(0), .handEdit(1)] : []
        let joins: [Fault.Kind] = scenario.hasSeveralServers ? [.learnerStuck(120), .twoJoins] : []
        let dead: [Fault.Kind] = scenario.hasDead && scenario.ending == .settled ? [.revival] : []
        let all = clocks + others + joins + dead + hands + edits
        let points = effects.indices.map(Fault.Point.effect) + readPoints.map(Fault.Point.read)
        return points.flatMap { point in all.map { Fault($0, at: point) } }
    }

    /// A Lease that cannot be had, that was taken and nobody heard of it, and a pause while it is asked for.
    package var failedAsks: [Fault] {
        (0..<asks).flatMap { number in
            [Fault.Kind.unreachable, .refused, .apiServerDown, .host(.cutAfter), .pause(50), .pause(3600)].map {
                Fault($0, at: .ask(number))
            }
        }
    }

    /// Another machine takes over while this one stands still, with changes in its hands that it had decided before.
    package var takeovers: [[Fault]] {
        effects.indices.flatMap { number in
            [1, 2, 3].flatMap { later in
                [40.0, 70, 3600].map { [Fault(.rival, at: .effect(number)), Fault(.pause($0), at: .effect(number + later))] }
            }
        }
    }

    package var singleFaults: [Fault] {
        crashes + fullDisks + failedReads + lyingLists + slowAnswers + slowEffects + failedEffects + failedAsks + surroundings
    }

    /// The second strikes after the first: effects and saves are counted on from run to run.
    package var pairsOfCrashes: [[Fault]] {
        guard effects.count <= Self.pairLimit else { return [] }
        // Of a long way every third pair.
        let stride = effects.count > Self.pairLimit / 2 ? 3 : 1
        // The second strikes a run that is longer by what the first one made necessary.
        let late = (effects.count..<effects.count + 3).map { Fault(.crashAfter, at: .effect($0)) }
        let later = (saves..<saves + 3).map { Fault(.crashAfterWrite, at: .save($0)) }
        let pairs = crashes.flatMap { first in (crashes + late + later).filter { $0.isLater(than: first) }.map { [first, $0] } }
        return pairs.enumerated().filter { $0.offset % stride == 0 }.map(\.element)
    }

    private static let pairLimit = 40
}

extension Fault {
    static let year = 365.25 * 86400

    /// Of two of the same kind of point; points of different kinds may come in either order, which is one pair.
    fileprivate func isLater(than other: Fault) -> Bool {
        switch (other.point, point) {
        case (.effect(let first), .effect(let second)), (.save(let first), .save(let second)), (.read(let first), .read(let second)):
            first < second
        case (.effect, _): true
        default: false
        }
    }
}
