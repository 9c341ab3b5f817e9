/// The oracles of one trial and what they complained of.
struct Judges: Sendable {
    private(set) var complaints: [String] = []
    private var oracles: [any Oracle]
    private let fresh: [any Oracle]
    private var history = History()

    init(_ oracles: [any Oracle] = Judges.all) { (self.oracles, fresh) = (oracles, oracles) }

    static let all: [any Oracle] = [
        OwnAndRecordedVMsOnly(), NothingOutsideSpecAndOwned(), QuorumIsKept(), OneLearnerAtATime(), CreationsFitTheBudget(),
        ServersAreNotTakenDown(), DataBearingVMsAreNotRecreated(), UnavailabilityStaysInBudget(), NoCreationOverALivingNode(),
        RemovalKeepsItsOrder(), TheLockIsHeld(), LookingWritesNothing(), OnlyWhatWasApproved(), VersionsKeepTheirOrder(), TheLeaseIsHeld(),
        TheBreakerHolds(), TheLivingAreNotForgotten(), OtherClustersHostsAreLeftAlone(), NothingIsHammered(), WhatRunsIsNotReset(),
        MembersAreNotRestarted(), OneChangeAtATime(), VMsStayInBudget(), NoDuplicateVM(), RemovalsStayInBudget(), FoundedAtMostOnce(),
        DestroyLeavesNothing(), LoopsEnd(), UpgradesKeepTheirOrder(), DisruptionsKeepToTheWindow(),
        AHeldFleetIsLeftAlone(), NothingOlderIsObeyed(), ReplacementsAreWarranted(), FlappingNodesAreLeftAlone(),
        NothingIsRepeatedForEver(), ResizesKeepTheirOrder(),
    ]

    /// Of a trial: what comes later follows from what came before.
    private static let limit = 20

    private static let ofTheEnd: [any EndOracle] = [EndsLikeACalmRun(), GrantsFollowTheFile()]

    /// What is wrong with how a trial ended.
    static func complaints(about end: WorldState, of trial: Trial) -> [String] {
        ofTheEnd.compactMap { oracle in
            oracle.complaint(about: end, of: trial).map { "\(type(of: oracle).name): \($0)" }
        }
    }

    /// What is wrong about it, by oracle.
    mutating func judge(_ occurrence: Occurrence, in world: WorldState) -> [String] {
        if case .began = occurrence { self = Judges(fresh) }
        history.note(occurrence, now: world.now)
        var new: [String] = []
        for place in oracles.indices {
            if let complaint = Self.ask(&oracles[place], occurrence, world, history) { new.append(complaint) }
        }
        complaints += new.prefix(max(0, Self.limit - complaints.count))
        return new
    }

    private static func ask(_ oracle: inout any Oracle, _ occurrence: Occurrence, _ world: WorldState, _ history: History) -> String? {
        switch occurrence {
        case .sent(let effect, let id):
            let request = Request(effect: effect, process: world.processes[id], id: id)
            return oracle.before(request, world, history).map { "\(type(of: oracle).name): \(effect.words): \($0)" }
        case .carriedOut(let effect, let id):
            let request = Request(effect: effect, process: world.processes[id], id: id)
            return oracle.after(request, world, history).map { "\(type(of: oracle).name): \($0)" }
        default: return oracle.note(occurrence, world, history).map { "\(type(of: oracle).name): \($0)" }
        }
    }
}
