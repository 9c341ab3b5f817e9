import ExeDev
import FleetCore
import Testing

@testable import Live
@testable import Reconciler
@testable import Simulation

/// The faults of the world are those of the wire, as the product's own client takes them.
@Suite struct FaultTests {
    /// Answers always the same.
    private final class Answering: ExeDevTransport {
        let answer: Result<HTTPReply, TransportFailure>

        init(_ answer: Result<HTTPReply, TransportFailure>) { self.answer = answer }

        func post(_ body: [UInt8], deadline: Duration) async throws(TransportFailure) -> HTTPReply { try answer.get() }
    }

    private static func reply(_ status: Int, _ body: String, _ headers: [String: String] = [:], cut: Bool = false)
        -> Result<HTTPReply, TransportFailure>
    {
        .success(HTTPReply(status: status, headers: headers, body: Array(body.utf8), isTruncated: cut))
    }

    /// What is on the wire when the fault strikes.
    private static func wire(_ fault: APIFault) -> Result<HTTPReply, TransportFailure> {
        switch fault {
        case .status400: reply(400, #"{"error":"unbalanced quotes"}"#)
        case .status401: reply(401, #"{"error":"expired"}"#)
        case .status403: reply(403, #"{"error":"not allowed"}"#)
        case .status404: reply(404, #"{"error":"unknown command"}"#)
        case .status413: reply(413, "")
        case .status422: reply(422, #"{"error":"you have reached your VM limit"}"#)
        case .notFound: reply(422, #"{"error":"VM \"a\" not found"}"#)
        case .notReady: reply(422, #"{"error":"failed to run command on VM"}"#)
        case .status429: reply(429, #"{"error":"slow down"}"#)
        case .status429Later: reply(429, #"{"error":"slow down"}"#, ["retry-after": "60"])
        case .status500, .status500Done: reply(500, "")
        case .status502: reply(502, "<html>Bad Gateway</html>")
        case .status504, .status504Done, .status504Late, .status504Reserved: reply(504, #"{"error":"command timed out"}"#)
        case .lostBefore, .lostReply: .failure(TransportFailure(reason: "reset", wasSent: true))
        case .truncated: reply(200, #"{"vm_na"#, cut: true)
        case .html: reply(200, "<html>")
        case .dns: .failure(TransportFailure(reason: "does not resolve", wasSent: false))
        }
    }

    private enum Kind: Equatable { case retry(Int?), observeAgain, askOperator }

    private static func kind(_ remedy: ExeDevError.Remedy) -> Kind {
        switch remedy {
        case .retry(let after): .retry(after.map { Int($0.components.seconds) })
        case .observeAgain: .observeAgain
        case .askOperator, .nameTaken: .askOperator
        }
    }

    private static func kind(_ remedy: EffectError.Remedy) -> Kind {
        switch remedy {
        case .retry(let after): .retry(after.map { Int($0) })
        case .observeAgain: .observeAgain
        case .askOperator, .nameTaken, .refused: .askOperator
        case .fenced: .retry(nil)
        }
    }

    @Test(arguments: APIFault.allCases) func isTakenAsTheClientTakesIt(fault: APIFault) async {
        let client = ExeDevClient(transport: Answering(Self.wire(fault)), sleep: { _ in }, random: { 0 })
        let change = await #expect(throws: ExeDevError.self) { try await client.restart("a") }
        #expect(change.map { Self.kind($0.remedy) } == Self.kind(fault.error(mutating: true).remedy))
        let look = await #expect(throws: ExeDevError.self) { try await client.list() }
        #expect(look.map { Self.kind($0.remedy) } == Self.kind(fault.error(mutating: false).remedy))
    }

    /// An operator reads words, not values of Swift.
    @Test func whatReadsBackDifferentlyIsSaidInWords() {
        let (wanted, found) = (Share(port: 9000, isPublic: true, users: ["a@b.c"]), Share(port: nil, isPublic: false, users: []))
        #expect(
            LiveWorld.differs("web-n1", wanted, readBack: found).message
                == "web-n1 was to be shared public, port 9000, with a@b.c and reads back private")
    }

    /// A failure is told with the fewest faults: one that has nothing to do with it is left out.
    @Test func aFailureIsShrunk() throws {
        let stage = try Stage.named("VM stopped")
        let schedule = Schedule(stage: stage, seed: 7, faults: [Fault(.silence(3), at: .effect(0)), Fault(.pause(5), at: .ask(0))])
        #expect(schedule.run().isGood)
        #expect(!schedule.run(disabledRules: [.startGrace]).isGood && schedule.shrunk(disabledRules: [.startGrace]).faults.isEmpty)
        let late = Fault(.api(.status504Late), at: .effect(0))
        let creation = Schedule(stage: try Stage.named("first create"), seed: 7, faults: [Fault(.clockJump(3600), at: .effect(3)), late])
        #expect(creation.shrunk(disabledRules: [.commandGrace]).faults == [late])
    }
}
