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
        /// Under which it is ours, and what a host has obeyed.
        var number: Int?
        var above = 0
        /// What the server's host has kept.
        var fence: String?
        var answer: String
        var verb: String?
    }

    private static let theirs = LeaseHold(holder: "them/1", version: "7")

    @Test(arguments: [
        Case(testDescription: "there is none", lease: "", answer: "lease=ours 1", verb: "create"),
        Case(testDescription: "ours", lease: "7|us/1|60|4", number: 4, answer: "lease=ours 4", verb: "replace"),
        Case(testDescription: "of an earlier run of ours", lease: "7|us/1|60|4", answer: "lease=ours 5", verb: "replace"),
        Case(testDescription: "ours once more", lease: "7|us/1|60|6", number: 4, answer: "lease=ours 7", verb: "replace"),
        Case(testDescription: "of a release that had no numbers", lease: "7|us/1|60|", answer: "lease=ours 1", verb: "replace"),
        Case(testDescription: "another's", lease: "7|them/1|60|4", answer: "lease=held 7 60 them/1", verb: nil),
        Case(
            testDescription: "another's, and over", lease: "7|them/1|60|4", expired: theirs, answer: "lease=taken 5 them/1",
            verb: "replace"),
        Case(testDescription: "renewed meanwhile", lease: "8|them/1|60|4", expired: theirs, answer: "lease=held 8 60 them/1", verb: nil),
        Case(
            testDescription: "somebody else's by now", lease: "7|they/2|60|4", expired: theirs, answer: "lease=held 7 60 they/2", verb: nil
        ),
        Case(testDescription: "let go", lease: "7|them/1|1|4", number: 4, answer: "lease=taken 5 them/1", verb: "replace"),
        Case(testDescription: "nobody's", lease: "7||60|4", answer: "lease=ours 5", verb: "replace"),
        Case(testDescription: "without a duration", lease: "7|them/1||4", answer: "lease=held 7 60 them/1", verb: nil),
        // The cluster has forgotten what its hosts know.
        Case(testDescription: "deleted by hand", lease: "", fence: "c1 9\n", answer: "lease=ours 10", verb: "create"),
        Case(testDescription: "of a snapshot", lease: "7|us/1|60|4", fence: "c1 9\n", answer: "lease=ours 10", verb: "replace"),
        Case(testDescription: "an agent knows more", lease: "7|us/1|60|4", above: 12, answer: "lease=ours 13", verb: "replace"),
        Case(testDescription: "another cluster's number", lease: "", fence: "c2 9\n", answer: "lease=ours 1", verb: "create"),
        Case(testDescription: "damaged", lease: "7|us/1|60|x", fence: "c1 9e9\n", answer: "lease=ours 1", verb: "replace"),
    ])
    func isTakenOnlyWhenItIsFree(_ case: Case) throws {
        try KubectlTests.withK3s { host in
            try host.write("/state/kubectl-get.out", `case`.lease)
            try host.write(HostPath.cluster, "c1")
            if let fence = `case`.fence { try host.write(HostPath.fence, fence) }
            let claim = LeaseClaim(seconds: 60, expired: `case`.expired, number: `case`.number, above: `case`.above)
            let outcome = try host.run(HostScript.holdLease(holder: "us/1", claim))
            #expect(outcome.status == 0, "\(outcome.stderr)")
            #expect(outcome.stdout.split(separator: "\n").last.map(String.init) == `case`.answer)
            let number = `case`.answer.contains("held") ? nil : `case`.answer.split(separator: " ")[1]
            #expect(host.read(HostPath.fence) == number.map { "c1 \($0)\n" } ?? `case`.fence, "the server's host keeps it")
            #expect(host.calls(of: "k3s").contains { $0.contains("create") || $0.contains("replace") } == (`case`.verb != nil))
            let writes = host.calls(of: "k3s").compactMap { call in call.first { ["create", "replace"].contains($0) } }
            #expect(writes == [`case`.verb].compactMap(\.self))
        }
    }

    /// Another writer came between our read and our write: the server refuses, and the Lease is not held.
    @Test func aWriteThatIsRefusedTakesNothing() throws {
        try KubectlTests.withK3s { host in
            try host.write("/state/kubectl-get.out", "7|us/1|60|4")
            try host.write("/state/kubectl-replace.status", "1")
            let outcome = try host.run(HostScript.holdLease(holder: "us/1", LeaseClaim(seconds: 60)))
            #expect(outcome.status != 0 && !outcome.stdout.contains("lease="))
        }
    }

    @Test func onlyOursIsLetGo() throws {
        for (holder, writes) in [("us/1", 1), ("them/1", 0)] {
            try KubectlTests.withK3s { host in
                try host.write("/state/kubectl-get.out", "7|\(holder)|60|4")
                let outcome = try host.run(HostScript.releaseLease(holder: "us/1"))
                #expect(outcome.status == 0, "\(outcome.stderr)")
                #expect(host.calls(of: "k3s").count { $0.contains("replace") } == writes)
            }
        }
    }
}
