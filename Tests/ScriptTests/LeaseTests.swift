import FleetCore
import Foundation
import K3s
import Testing

/// The script that acquires, renews and releases the Lease; a fake `k3s kubectl` answers.
@Suite(.enabled(if: FakeHost.works, needsHost)) struct LeaseTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What `kubectl get lease` prints; `NOW` and `LONG AGO` are times.
        var lease: String
        /// Without the seconds that are left, which pass while the test runs.
        var answer: String
        var verb: String?
    }

    private static func time(_ ago: Double) -> String {
        let format = DateFormatter()
        (format.dateFormat, format.timeZone) = ("yyyy-MM-dd'T'HH:mm:ss.000000'Z'", TimeZone(identifier: "UTC"))
        return format.string(from: Date(timeIntervalSinceNow: -ago))
    }

    private static func write(_ lease: String, on host: FakeHost) throws {
        try host.write("/state/kubectl-get.out", lease.replacing("LONG AGO", with: time(601)).replacing("NOW", with: time(0)))
    }

    @Test(arguments: [
        Case(testDescription: "there is none", lease: "", answer: "lease=ours", verb: "create"),
        Case(testDescription: "ours", lease: "7|us/1|NOW|600", answer: "lease=ours", verb: "replace"),
        Case(testDescription: "ours, and over", lease: "7|us/1|LONG AGO|600", answer: "lease=ours", verb: "replace"),
        Case(testDescription: "another's", lease: "7|them/1|NOW|600", answer: "lease=held them/1", verb: nil),
        Case(testDescription: "another's, and over", lease: "7|them/1|LONG AGO|600", answer: "lease=taken them/1", verb: "replace"),
        Case(testDescription: "nobody's", lease: "7||LONG AGO|1", answer: "lease=ours", verb: "replace"),
        Case(testDescription: "of a time that is none", lease: "7|them/1|yesterday|600", answer: "lease=taken them/1", verb: "replace"),
    ])
    func isTakenOnlyWhenItIsFree(_ case: Case) throws {
        try KubectlTests.withK3s { host in
            try Self.write(`case`.lease, on: host)
            let outcome = try host.run(HostScript.holdLease(holder: "us/1", seconds: 60))
            #expect(outcome.status == 0, "\(outcome.stderr)")
            let words = outcome.stdout.split(separator: "\n").last.map(String.init) ?? ""
            #expect(words == `case`.answer || words.hasPrefix(`case`.answer + " "), "\(words)")
            #expect(try LeaseAnswer.parse(outcome.stdout) != .held(by: "them/1", left: 0))
            let writes = host.calls(of: "k3s").compactMap { call in call.first { ["create", "replace"].contains($0) } }
            #expect(writes == [`case`.verb].compactMap(\.self))
        }
    }

    /// Another writer came between our read and our write: the server refuses, and the Lease is not held.
    @Test func aWriteThatIsRefusedTakesNothing() throws {
        try KubectlTests.withK3s { host in
            try Self.write("7|us/1|NOW|600", on: host)
            try host.write("/state/kubectl-replace.status", "1")
            let outcome = try host.run(HostScript.holdLease(holder: "us/1", seconds: 60))
            #expect(outcome.status != 0 && !outcome.stdout.contains("lease="))
        }
    }

    @Test func onlyOursIsLetGo() throws {
        for (holder, writes) in [("us/1", 1), ("them/1", 0)] {
            try KubectlTests.withK3s { host in
                try Self.write("7|\(holder)|NOW|600", on: host)
                let outcome = try host.run(HostScript.releaseLease(holder: "us/1"))
                #expect(outcome.status == 0, "\(outcome.stderr)")
                #expect(host.calls(of: "k3s").count { $0.contains("replace") } == writes)
            }
        }
    }
}
