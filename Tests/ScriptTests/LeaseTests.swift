import FleetCore
import Foundation
import K3s
import Testing

/// The script that acquires, renews and releases the Lease; a fake `k3s kubectl` answers.
@Suite(.enabled(if: FakeHost.works, needsHost)) struct LeaseTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What `kubectl get lease` prints.
        var lease: String
        /// The hold of another that is over.
        var expired: LeaseHold?
        var answer: String
        var verb: String?
    }

    private static let theirs = LeaseHold(holder: "them/1", version: "7")

    @Test(arguments: [
        Case(testDescription: "there is none", lease: "", answer: "lease=ours", verb: "create"),
        Case(testDescription: "ours", lease: "7|us/1|60", answer: "lease=ours", verb: "replace"),
        Case(testDescription: "another's", lease: "7|them/1|60", answer: "lease=held 7 60 them/1", verb: nil),
        Case(testDescription: "another's, and over", lease: "7|them/1|60", expired: theirs, answer: "lease=taken them/1", verb: "replace"),
        Case(testDescription: "renewed meanwhile", lease: "8|them/1|60", expired: theirs, answer: "lease=held 8 60 them/1", verb: nil),
        Case(testDescription: "somebody else's by now", lease: "7|they/2|60", expired: theirs, answer: "lease=held 7 60 they/2", verb: nil),
        Case(testDescription: "let go", lease: "7|them/1|1", answer: "lease=taken them/1", verb: "replace"),
        Case(testDescription: "nobody's", lease: "7||60", answer: "lease=ours", verb: "replace"),
        Case(testDescription: "without a duration", lease: "7|them/1|", answer: "lease=held 7 60 them/1", verb: nil),
    ])
    func isTakenOnlyWhenItIsFree(_ case: Case) throws {
        try KubectlTests.withK3s { host in
            try host.write("/state/kubectl-get.out", `case`.lease)
            let outcome = try host.run(HostScript.holdLease(holder: "us/1", seconds: 60, expired: `case`.expired))
            #expect(outcome.status == 0, "\(outcome.stderr)")
            #expect(outcome.stdout.split(separator: "\n").last.map(String.init) == `case`.answer)
            #expect(try (LeaseAnswer.parse(outcome.stdout) == .ours) == (`case`.answer == "lease=ours"))
            let writes = host.calls(of: "k3s").compactMap { call in call.first { ["create", "replace"].contains($0) } }
            #expect(writes == [`case`.verb].compactMap(\.self))
        }
    }

    /// Another writer came between our read and our write: the server refuses, and the Lease is not held.
    @Test func aWriteThatIsRefusedTakesNothing() throws {
        try KubectlTests.withK3s { host in
            try host.write("/state/kubectl-get.out", "7|us/1|60")
            try host.write("/state/kubectl-replace.status", "1")
            let outcome = try host.run(HostScript.holdLease(holder: "us/1", seconds: 60))
            #expect(outcome.status != 0 && !outcome.stdout.contains("lease="))
        }
    }

    @Test func onlyOursIsLetGo() throws {
        for (holder, writes) in [("us/1", 1), ("them/1", 0)] {
            try KubectlTests.withK3s { host in
                try host.write("/state/kubectl-get.out", "7|\(holder)|60")
                let outcome = try host.run(HostScript.releaseLease(holder: "us/1"))
                #expect(outcome.status == 0, "\(outcome.stderr)")
                #expect(host.calls(of: "k3s").count { $0.contains("replace") } == writes)
            }
        }
    }
}
