import FleetCore
import Foundation
import K3s
import Reconciler
import Testing

@Suite(.enabled(if: FakeHost.works, needsHost)) struct KubectlTests {
    static func withK3s(_ body: (FakeHost) throws -> Void) throws {
        try FakeHost.with { host in
            try host.install(["k3s": FakePrograms.k3s], in: "/usr/local/bin")
            try body(host)
        }
    }

    @Test func wordsArriveUnchanged() throws {
        try Self.withK3s { host in
            for order in [HostOrder.forget(node: hostile), .drain(node: hostile), .deleteNode(hostile)] {
                let outcome = try host.run(Sample.script(order))
                #expect(outcome.status == 0)
            }
            let forgotten = [
                ["k3s", "kubectl", "delete", "node", hostile, "--ignore-not-found"],
                ["k3s", "kubectl", "-n", "kube-system", "delete", "secret", hostile + ".node-password.k3s", "--ignore-not-found"],
            ]
            let drained = [
                ["k3s", "kubectl", "cordon", hostile],
                ["k3s", "kubectl", "drain", hostile, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s"],
            ]
            let calls = host.calls(of: "k3s")
            #expect(calls.count == 7 && Array(calls.prefix(6)) == forgotten + drained + forgotten)
            #expect(calls.last?.contains(hostile) == true)
        }
    }

    struct Patch: Decodable, Equatable {
        struct Metadata: Decodable, Equatable { var labels: [String: String?], annotations: [String: String] }
        struct Spec: Decodable, Equatable { var taints: [[String: String]] }
        var metadata: Metadata
        var spec: Spec
    }

    @Test func aPatchSaysExactlyTheShape() throws {
        try Self.withK3s { host in
            #expect(try host.run(Sample.script(.shape(node: hostile, Sample.shape))).status == 0)
            let call = try #require(host.calls(of: "k3s").last)
            #expect(call.dropLast() == ["k3s", "kubectl", "patch", "node", hostile, "--type=merge", "-p"])
            let text = try #require(call.last)
            let patch = try JSONDecoder().decode(Patch.self, from: Data(text.utf8))
            #expect(
                patch
                    == Patch(
                        metadata: .init(labels: Sample.shape.labels, annotations: Sample.shape.annotations),
                        spec: .init(taints: [["key": "k'", "value": hostile, "effect": "NoExecute"]])))
        }
    }

    @Test func aDrainThatFailsIsAFailure() throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-drain.status", "1")
            try host.write("/state/kubectl-drain.err", "error: global timeout reached\n")
            let outcome = try host.run(Sample.script(.drain(node: "demo-n2")))
            #expect(outcome.status == 1 && outcome.stderr == "error: global timeout reached\n")
        }
    }

    @Test func doesNotDrainWhatItCouldNotCordon() throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-cordon.status", "1")
            #expect(try host.run(Sample.script(.drain(node: "demo-n2"))).status == 1)
            #expect(host.calls(of: "k3s").count == 1)
        }
    }

    @Test func aNodeThatStaysIsAFailure() throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-get.out", "node/demo-n2\n")
            let outcome = try host.run(Sample.script(.deleteNode("demo-n2")))
            #expect(outcome.status == 1 && outcome.stderr == "the node is still there\n")
        }
    }

    /// An API that does not answer has not said that the node is gone.
    @Test func silenceIsNoProofThatANodeIsGone() throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-get.status", "1")
            try host.write("/state/kubectl-get.err", "connection refused\n")
            #expect(try host.run(Sample.script(.deleteNode("demo-n2"))).status != 0)
        }
    }

    @Test(arguments: Role.allCases)
    func stopsTwice(role: Role) throws {
        try FakeHost.with { host in
            for order in [Sample.prepare(role), .install(Sample.setup(role))] { try SetupTests.run(order, on: host) }
            for _ in 1...2 {
                try SetupTests.run(.stop(node: "demo-n1", role), on: host)
                #expect(host.read("/state/\(role.unit).active") == "inactive\n")
                #expect(host.state("/state/\(role.unit).enabled") == nil)
            }
            #expect(host.calls(of: "systemctl", "disable").count >= 2)
            #expect(host.calls(of: "k3s-killall.sh").isEmpty && host.calls(of: "systemctl", "stop").count == 2)
        }
    }

    @Test func stopsWhatWasNeverThere() throws {
        try FakeHost.with { host in
            try SetupTests.run(.stop(node: "demo-n1", .server), on: host)
            #expect(host.calls(of: "systemctl", "disable").isEmpty)
        }
    }
}
