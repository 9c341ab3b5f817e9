import FleetCore
import K3s
import Synchronization
import Testing

@testable import Reconciler
@testable import Simulation

/// When the loop asks VMs for their `share.probe`, and what it makes of the answers.
@Suite struct AnswerTests {
    private static let (web, mate) = ("demo-web-n1", "demo-web-n2")

    private static func fleet(_ path: String = "/healthz", label: String = "front", isPublic: Bool = true) -> DesiredFleet {
        FleetSketch(label: label, isPublic: isPublic, probe: "{path: \"\(path)\"}", batch: 0).fleet()
    }

    private static func questions(_ reads: [ReadTarget]) -> [String] {
        reads.compactMap { if case .web(let question) = $0 { question.vm } else { nil } }
    }

    @Test func isAskedByEachProcessAndThenOnceInAWhile() throws {
        let program = try Program(over: Self.fleet())
        let first = try program.converge(Self.fleet())
        #expect(try first.result.get().plan.isSettled && first.effects == [])
        #expect(Self.questions(first.reads).sorted() == [Self.web, Self.mate])
        let inspected = try first.result.get().inspected
        let second = try program.converge(Self.fleet(), inspected: inspected)
        #expect(try second.result.get().plan.isSettled && Self.questions(second.reads) == [])
        program.world.state.withLock { $0.now += Inspections.interval }
        let third = try program.converge(Self.fleet(), inspected: inspected)
        #expect(try third.result.get().plan.isSettled && Self.questions(third.reads).sorted() == [Self.web, Self.mate])
    }

    /// The file asks for something else now.
    @Test func anotherQuestionIsAskedAtOnce() throws {
        let program = try Program(over: Self.fleet())
        let inspected = try program.converge(Self.fleet()).result.get().inspected
        let run = try program.converge(Self.fleet("/other"), seconds: 60, inspected: inspected)
        #expect(Set(Self.questions(run.reads)) == [Self.web, Self.mate])
        let reasons = try run.result.get().plan.items.compactMap(\.decision.reason)
        #expect(reasons.map(\.text).contains("https://\(Self.web).exe.xyz/other to answer 200 (it answers 404)"), "\(reasons)")
    }

    /// Often while it does not answer; no step comes of it.
    @Test func whatDoesNotAnswerIsWaitedFor() throws {
        let program = try Program(over: Self.fleet()) { $0.webOutage = $0.now + 60 }
        let run = try program.converge(Self.fleet())
        #expect(try run.result.get().plan.isSettled && run.effects == [])
        #expect(run.seconds >= 55 && run.seconds < 90, "\(run.seconds)")
        #expect(Self.questions(run.reads).count > 6)
        let waits = run.events.compactMap { if case .waiting(_, let reason) = $0 { reason.code } else { nil } }
        #expect(waits.contains(.shareProbeFails))
    }

    /// In one run, and by the next one of the same process, which asks once.
    @Test func whatNeverAnswersIsSaid() throws {
        let program = try Program(over: Self.fleet()) { $0.endWeb(of: Self.web) }
        let run = try program.converge(Self.fleet())
        let result = try run.result.get()
        let reasons = Dictionary(uniqueKeysWithValues: result.plan.items.map { ($0.node, $0.decision.reason) })
        let reason = try #require(reasons[Self.web] ?? nil)
        #expect(reason.isOfShareProbe && reason.code == .waitTimedOut)
        #expect(reasons[Self.mate] == .some(nil) && run.effects == [] && !result.plan.isSettled)
        #expect(run.seconds >= 180 && Self.questions(run.reads).count < 60)
        let asked = result.inspected.keys.compactMap { if case .web(let question) = $0 { question.vm } else { nil } }
        #expect(asked == [Self.mate], "it is asked again")
        #expect(result.inspected[.host(Self.web)] != nil, "its host is not looked into for that")
    }

    /// A look says so, and asks once.
    @Test(arguments: [nil, Fault.Kind.unreachable]) func aPlanIsNotSettledBy(fault: Fault.Kind?) throws {
        let program = try Program(over: Self.fleet()) { world in
            if let fault { world.faults = (0..<40).map { Fault(fault, at: .read($0)) } } else { world.endWeb(of: Self.web) }
        }
        let run = try program.look(Self.fleet())
        let plan = try run.result.get().plan
        #expect(!plan.isSettled && run.effects == [])
        guard fault == nil else { return }
        #expect(Self.questions(run.reads).sorted() == [Self.web, Self.mate])
        let item = try #require(plan.items.first { $0.node == Self.web })
        #expect(item.decision.reason?.code == .shareProbeFails)
        #expect(item.decision.reason?.text == "https://\(Self.web).exe.xyz/healthz to answer 200 (it answers 502)")
    }

    /// Who wants to know other things than that does not wait for it.
    @Test func aLookThatInspectsNothingAsksNobody() throws {
        let (fleet, program) = (Self.fleet(), try Program(over: Self.fleet()))
        let process = try #require(program.world.boot(.read, fleet))
        let ledger = program.world.state.withLock { $0.ledger(for: fleet) }
        let reconciler = program.world.reconciler(for: fleet, process, isAttended: true)
        let look = program.world.run(process) { () async -> Reconciler.Result? in
            try? await reconciler.observe(process, ledger: ledger, inspects: false)
        }
        process.end()
        let result = try #require(look)
        let plan = try #require(result).plan
        #expect(Self.questions(program.world.snapshot.reads.suffix(10)) == [])
        #expect(plan.items.compactMap(\.decision.reason?.code) == [.awaitingShareProbe, .awaitingShareProbe])
    }

    /// After a step on a node its VM may answer otherwise.
    @Test func isAskedAgainAfterAStep() throws {
        let program = try Program(over: Self.fleet())
        let inspected = try program.converge(Self.fleet()).result.get().inspected
        let asked = Mutex<[Int]>([])
        let run = try program.converge(Self.fleet(label: "edge"), inspected: inspected) { event, world in
            if case .actionStarted = event { asked.withLock { $0.append(world.reads.count) } }
        }
        #expect(run.effects.sorted() == ["patchNode \(Self.web)", "patchNode \(Self.mate)"])
        #expect(try run.result.get().plan.isSettled)
        #expect(Self.questions(run.reads).sorted() == [Self.web, Self.mate])
        #expect(asked.withLock { $0.count } == 2)
    }

    /// A private VM that is public by mistake, or the other way round, is shared as it should be first.
    @Test(arguments: [true, false]) func sharingComesFirst(isPublic: Bool) throws {
        let fleet = Self.fleet(isPublic: isPublic)
        let program = try Program(over: fleet) { $0.shareByHand(Self.web) }
        let run = try program.converge(fleet)
        #expect(run.effects == ["share \(Self.web)"])
        #expect(try run.result.get().plan.isSettled)
    }

    /// What was being asked when its node was changed is no answer.
    @Test func anAnswerFromBeforeAStepIsNoAnswer() throws {
        var reads = Reads([Self.web: 0])
        let question = ShareQuestion(vm: Self.web, probe: ShareProbe(path: "/", status: 200), isPublic: true)
        reads.begin(.web(question), at: 0)
        #expect(!reads.isIdle(.web(question)))
        reads.stale(.web(question))
        reads.spoil(.web(question))
        let isGood = reads.end(.web(question), 1)
        #expect(!isGood)
        #expect(reads.web(Self.web)?.endedAt == nil)
    }

    /// Each is a connection of its own.
    @Test func noMoreAreAskedAtOnceThanHostsAreWorkedOn() throws {
        let (fleet, program) = (FleetSketch(web: 12, probe: "{path: \"/healthz\"}", batch: 0).fleet(), Program())
        let plan = try program.converge(fleet).result.get().plan
        #expect(plan.isSettled, "\(plan.words)")
        var few = fleet
        few.limits.hostsAtOnce = 2
        var run = Run(fleet: few, ledger: program.world.state.withLock { $0.ledger(for: few) }, repeats: true)
        run.facts.observed.vms = [:]
        #expect(run.mayAsk)
        run.reads.begin(.vms, at: 0)
        run.reads.begin(.cluster, at: 0)
        #expect(!run.mayAsk)
    }
}
