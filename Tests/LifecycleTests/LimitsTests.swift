import K3s
import Testing

@testable import FleetCore

/// What steps take from the limits of the fleet file, and who is granted first.
@Suite struct LimitsTests {
    private static func decisions(_ limits: String, _ arrange: (inout Situation) -> Void) throws -> [String?] {
        var situation = try Situation(limits)
        arrange(&situation)
        return [Situation.web, Situation.mate].map(situation.decision)
    }

    private static func reconfigured(_ situation: inout Situation) {
        for name in [Situation.web, Situation.mate] { situation.instance(name) { $0.configuration = .digest("before") } }
    }

    @Test func oneOfAPoolRestartsAtATime() throws {
        #expect(try Self.decisions("maxUnavailable: 1", Self.reconfigured) == ["act install ConfigurationChanged", "wait LimitReached"])
        #expect(try Self.decisions("maxUnavailable: 2", Self.reconfigured).allSatisfy { $0 == "act install ConfigurationChanged" })
    }

    /// Who approves the plan approves what has to wait, its first step too.
    @Test func aStepThatWaitsIsStillToCome() throws {
        var situation = try Situation("maxUnavailable: 1")
        Self.reconfigured(&situation)
        #expect(situation.item(Situation.web)?.then == [.patchNode, .share, .tagVM])
        #expect(situation.item(Situation.mate)?.then == [.install, .patchNode, .share, .tagVM])
        situation.facts.ledger.attempts[Situation.web] = .init(count: 1, notBefore: Situation.now + 5, failure: "timed out")
        #expect(situation.item(Situation.web)?.then == [.install, .patchNode, .share, .tagVM])
    }

    @Test func aNodeThatIsDownTakesAPlace() throws {
        let decisions = try Self.decisions("maxUnavailable: 1") { situation in
            situation.instance { $0.configuration = .digest("before") }
            situation.node(Situation.mate) { $0.ready = .unknown }
            situation.facts.observed.hosts[Situation.mate] = .unreachable("connection refused")
        }
        #expect(decisions == ["wait LimitReached", "wait NodeSilent"])
    }

    /// k3s does not run on them, so that to set it up again takes nothing away.
    @Test(arguments: ["inactive", "failed", "activating"])
    func whatIsDownIsRepairedAtTheSameTime(unit: String) throws {
        let decisions = try Self.decisions("maxUnavailable: 1") { situation in
            for (name, address) in [(Situation.web, "100.64.0.2"), (Situation.mate, "100.64.0.3")] {
                situation.node(name) { ($0.ready, $0.internalIP) = (.unknown, address) }
                situation.instance(name) { $0.configuration = .digest("before") }
                situation.facts.observed.hosts[name] = Situation.host(name, isSetUp: true) {
                    $0.agent?.active = unit
                    $0.overlay = .up(address: address)
                }
            }
        }
        let reason = unit == "activating" ? "ConfigurationChanged" : "K3sStopped"
        #expect(decisions == ["act install \(reason)", "act install \(reason)"])
    }

    /// Its kubelet may be alive and only unheard of: one at a time.
    @Test func whatMayBeAliveIsRestartedOneByOne() throws {
        let decisions = try Self.decisions("maxUnavailable: 1") { situation in
            Self.reconfigured(&situation)
            for (name, address) in [(Situation.web, "100.64.0.2"), (Situation.mate, "100.64.0.3")] {
                situation.node(name) { ($0.ready, $0.internalIP) = (.unknown, address) }
                situation.facts.observed.hosts[name] = Situation.host(name, isSetUp: true) { $0.overlay = .up(address: address) }
            }
        }
        #expect(decisions == ["act install ConfigurationChanged", "wait LimitReached"])
    }

    /// It is down itself, and what takes the limit is the other one.
    @Test func nobodyWaitsForItself() throws {
        var situation = try Situation("maxUnavailable: 1")
        Self.reconfigured(&situation)
        for (name, address) in [(Situation.web, "100.64.0.2"), (Situation.mate, "100.64.0.3")] {
            situation.node(name) { ($0.ready, $0.internalIP) = (.unknown, address) }
            situation.facts.observed.hosts[name] = Situation.host(name, isSetUp: true) { $0.overlay = .up(address: address) }
        }
        let reason = try #require(situation.item(Situation.mate)?.decision.reason)
        #expect(reason == .limitReached(.maxUnavailable, 1, by: [Situation.web], isRestart: true))
        #expect(
            reason.text
                == "limits.maxUnavailable allows 1, taken by \(Situation.web) until k3s is surely up again there, up to 65 s after its restart"
        )
    }

    @Test func creationsFitTheBudget() throws {
        let decisions = try Self.decisions("maxVMs: 4") { situation in
            situation.unmanaged()
            for name in [Situation.web, Situation.mate] {
                situation.facts.observed.vms?[name] = nil
                situation.facts.ledger.nodes[name] = nil
                situation.withoutNode(name)
            }
        }
        #expect(decisions == ["act createVM VMMissing", "blocked LimitHeld"])
    }

    private static let older = "demo-old-n2"

    /// One list that lacks a VM on its way out does not make room for the next one.
    @Test func anUnlistedRemovalCounts() throws {
        var situation = try Situation("deletionsPerPass: 1")
        situation.facts.listedAt = Situation.now
        situation.unmanaged()
        situation.unmanaged(.nodeDeleted, named: Self.older, hasNode: false)
        situation.facts.observed.vms?[Self.older] = nil
        #expect(situation.decision(Situation.old) == "wait LimitReached" && situation.item(Self.older) == nil)
        situation.facts.ledger.change(Self.older) { $0.missingSince = Situation.now - 5 }
        #expect(situation.decision(Situation.old) == "act cordon NotInFleetFile")
    }

    /// Of two whose removal had begun the one that pods are scheduled on again takes a place, the other one does not.
    @Test func whatIsOutAlreadyIsFinishedFirst() throws {
        var situation = try Situation("deletionsPerPass: 1")
        situation.unmanaged(.drained)
        situation.node(Situation.old) { $0.unschedulable = false }
        situation.unmanaged(.begun, named: Self.older)
        // By somebody else.
        situation.node(Self.older) { $0.annotations = [:] }
        #expect(situation.decision(Self.older) == "act cordon NotInFleetFile" && situation.decision(Situation.old) == "wait LimitReached")
    }

    @Test func everyStepThatTakesFromALimitIsKnown() {
        let taken = StepKind.allCases.filter { $0.isDestructive || [.createVM, .install].contains($0) }
        #expect(taken == [.createVM, .install, .cordon, .drain, .stop, .deleteNode, .removeVM])
    }
}
