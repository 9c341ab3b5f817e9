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
            let orders = [
                Action.purgeIdentity(PurgeIdentity(node: hostile)), .cordon(Cordon(node: hostile)),
                .drain(Drain(node: hostile, isSilent: false)),
                .deleteNode(DeleteNode(node: hostile, ifSilent: false)),
            ]
            for order in orders {
                let outcome = try host.run(Sample.script(order))
                #expect(outcome.status == 0)
            }
            let forgotten = [
                ["k3s", "kubectl", "delete", "node", hostile, "--ignore-not-found", "--timeout=25s"],
                [
                    "k3s", "kubectl", "-n", "kube-system", "delete", "secret", hostile + ".node-password.k3s", "--ignore-not-found",
                    "--timeout=25s",
                ],
            ]
            let drained = [
                ["k3s", "kubectl", "annotate", "node", hostile, "exedev.dev/removing=yes", "--overwrite", "--request-timeout=20s"],
                ["k3s", "kubectl", "cordon", hostile, "--request-timeout=20s"],
                ["k3s", "kubectl", "drain", hostile, "--ignore-daemonsets", "--timeout=20s", "--delete-emptydir-data"],
            ]
            let calls = host.calls(of: "k3s")
            #expect(calls.count == 9 && Array(calls.filter { $0[2] != "get" }) == forgotten + drained + forgotten)
            #expect(calls.last?.contains(hostile) == true)
        }
    }

    /// The current machine of that name joined after the reading; a node at another address is the previous instance.
    @Test(arguments: [("100.64.0.2", true), ("fd7a::2 100.64.0.2", true), ("100.64.0.20", false), ("", false)])
    func whatHasJoinedItselfIsNotForgotten(addresses: String, isItsOwn: Bool) throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-get.out", addresses)
            for round in 1...2 {
                let outcome = try host.run(Sample.script(.purgeIdentity(PurgeIdentity(node: hostile, sparing: "100.64.0.2"))))
                #expect(outcome.status == 0)
                #expect(Self.asked("delete", on: host).count == (isItsOwn ? 0 : 2 * round))
            }
        }
    }

    static func asked(_ verb: String, on host: FakeHost) -> [[String]] { host.calls(of: "k3s").filter { $0.contains(verb) } }

    struct Patch: Decodable, Equatable {
        struct Metadata: Decodable, Equatable {
            var resourceVersion: String?
            var labels: [String: String?]
            var annotations: [String: String]
        }
        struct Spec: Decodable, Equatable { var taints: [[String: String]] }
        var metadata: Metadata
        var spec: Spec?
    }

    static func patch(_ call: [String]) throws -> Patch {
        #expect(call.dropLast() == ["k3s", "kubectl", "patch", "node", hostile, "--type=merge", "-p"])
        let text = try #require(call.last)
        return try JSONDecoder().decode(Patch.self, from: Data(text.utf8))
    }

    /// As kubectl prints what the script asks for, in whatever order the API has it.
    static let taintsAsSeen = "4711 a'=1:NoExecute@2026-11-24T10:00:00Z theirs=:NoSchedule@ "

    @Test func aPatchSaysExactlyTheShape() throws {
        try Self.withK3s { host in
            for seen in [Self.taintsAsSeen, "4711 theirs=:NoSchedule@ a'=1:NoExecute@ "] {
                try host.write("/state/kubectl-get.out", seen)
                #expect(try host.run(Sample.script(.patchNode(PatchNode(node: hostile, Sample.shape)))).status == 0)
                let patch = try Self.patch(#require(host.calls(of: "k3s").last))
                #expect(
                    patch
                        == Patch(
                            metadata: .init(
                                resourceVersion: "4711", labels: Sample.shape.labels, annotations: Sample.shape.annotations),
                            spec: .init(taints: [["key": "k'", "value": hostile, "effect": "NoExecute"]])))
            }
        }
    }

    /// The API server would count the evictions of a taint that stays from now on.
    @Test func aTaintThatStaysKeepsItsTime() throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-get.out", "4711 a'=1:NoExecute@2026-11-24T10:00:00Z theirs=:NoSchedule@ ")
            var shape = Sample.shape
            let kept = [Taint(key: "a'", value: "1", effect: .noExecute), Taint(key: "theirs", value: "", effect: .noSchedule)]
            shape.taints?.to = [Taint(key: "k'", value: hostile, effect: .noExecute)] + kept
            let outcome = try host.run(Sample.script(.patchNode(PatchNode(node: hostile, shape))))
            #expect(outcome.status == 0, "\(outcome.stderr)")
            let patch = try Self.patch(#require(host.calls(of: "k3s").last))
            #expect(
                patch.spec?.taints == [
                    ["key": "k'", "value": hostile, "effect": "NoExecute"],
                    ["key": "a'", "value": "1", "effect": "NoExecute", "timeAdded": "2026-11-24T10:00:00Z"],
                    ["key": "theirs", "effect": "NoSchedule"],
                ])
        }
    }

    @Test func labelsAloneLeaveTaintsAlone() throws {
        try Self.withK3s { host in
            var shape = Sample.shape
            shape.taints = nil
            #expect(try host.run(Sample.script(.patchNode(PatchNode(node: hostile, shape)))).status == 0)
            #expect(host.calls(of: "k3s").count == 1)
            let patch = try Self.patch(#require(host.calls(of: "k3s").last))
            #expect(patch.spec == nil && patch.metadata.resourceVersion == nil && patch.metadata.labels == shape.labels)
        }
    }

    /// Taints were added or removed since the reading, or cannot be read.
    @Test(arguments: ["4712 a'=1:NoExecute@ theirs=:NoSchedule@ mine=1:NoSchedule@ ", "4712 a'=1:NoExecute@ ", "4712 ", ""])
    func taintsThatChangedMeanwhileStay(seen: String) throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-get.out", seen)
            let outcome = try host.run(Sample.script(.patchNode(PatchNode(node: hostile, Sample.shape))))
            #expect(outcome.status == 1 && outcome.stderr == "the taints have changed meanwhile\n")
            #expect(Self.asked("patch", on: host).isEmpty)
        }
    }

    @Test func aDrainOfTheSilentDoesNotWaitForThem() throws {
        try Self.withK3s { host in
            let outcome = try host.run(Sample.script(.drain(Drain(node: "demo-n2", isSilent: true))))
            #expect(outcome.status == 0)
            #expect(host.calls(of: "k3s").last?.contains("--skip-wait-for-delete-timeout=60") == true)
        }
    }

    @Test(arguments: ["True", "False"]) func aNodeThatIsAliveStays(ready: String) throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-get.out", ready)
            let outcome = try host.run(Sample.script(.deleteNode(DeleteNode(node: "demo-n2", ifSilent: true))))
            #expect(outcome.status == 1 && outcome.stderr == "the node is alive\n")
            #expect(Self.asked("delete", on: host).isEmpty)
        }
    }

    @Test func aSilentNodeGoes() throws {
        try Self.withK3s { host in
            // The second question, whether it is gone, is answered with the same word.
            try host.write("/state/kubectl-get.out", "Unknown")
            let outcome = try host.run(Sample.script(.deleteNode(DeleteNode(node: "demo-n2", ifSilent: true))))
            #expect(outcome.stderr == "the node is still there\n" && Self.asked("delete", on: host).count == 2)
        }
    }

    @Test func aKubeconfigThatIsMissingIsSaidInOurWords() throws {
        try Self.withK3s { host in
            try host.remove("/etc/rancher/k3s/k3s.yaml")
            let words = "/etc/rancher/k3s/k3s.yaml is not there: k3s on the server writes it when it starts; if it is up, restart it"
            for script in [Sample.script(.cordon(Cordon(node: "demo-n2"))), HostScript.kubeconfig()] {
                let outcome = try host.run(script)
                #expect(outcome.status == 1 && outcome.stderr == words + "\n", "\(outcome)")
            }
            #expect(try ClusterReading.parse(host.run(HostScript.readCluster()).stdout).reason == words)
            #expect(host.calls(of: "k3s").isEmpty)
        }
    }

    @Test func restartsTwice() throws {
        try FakeHost.with { host in
            for order in [Sample.prepare(.agent), .install(Install(Sample.setup(.agent), digest: "d", version: Sample.version))] {
                try SetupTests.run(order, on: host)
            }
            for _ in 1...2 {
                try host.write("/state/k3s-agent.active", "active")
                try SetupTests.run(.restart(Restart(node: "demo-n1", role: .agent)), on: host)
                #expect(host.read("/state/k3s-agent.active") == "activating\n")
            }
        }
    }

    /// As kubectl 1.30 to 1.37 say it (facts/kubernetes.md #4, #5).
    private static let bare =
        "error: unable to drain node \"demo-n2\" due to error: cannot delete Pods that declare no controller (use --force to override): "
        + "default/bare, default/it's, continuing command...\nThere are pending nodes to be drained:\n demo-n2\n"
        + "error: cannot delete Pods that declare no controller (use --force to override): default/bare, default/it's\n"
    private static let budget =
        "error when evicting pods/\"web-0\" -n \"default\" (will retry after 5s): Cannot evict pod as it would violate the pod's disruption "
        + "budget.\nThere are pending nodes to be drained:\n demo-n2\nerror when evicting pods/\"web-0\" -n \"default\": global timeout reached: 20s\n"
    private static let data =
        "error: cannot delete Pods with local storage (use --delete-emptydir-data to override): default/cache\n"

    @Test func aDrainSaysWhichPodsAreLeft() throws {
        var (bare, budget, data) = (DrainHindrance(), DrainHindrance(), DrainHindrance())
        (bare.bare, data.withData) = (["default/bare", "default/it's"], ["default/cache"])
        (budget.evicting, budget.budgets) = (["default/web-0"], ["default/web"])
        for (said, left) in [(Self.bare, bare), (Self.budget, budget), (Self.data, data)] {
            try Self.withK3s { host in
                try host.write("/state/kubectl-drain.status", "1")
                try host.write("/state/kubectl-drain.err", said)
                try host.write("/state/kubectl-get.out", "default/web\nother/db\n")
                let outcome = try host.run(Sample.script(.drain(Drain(node: "demo-n2", isSilent: false))))
                #expect(outcome.status == 0 && outcome.stderr == "")
                #expect(try DrainReading.parse(outcome.stdout) == .pending(left), "\(outcome.stdout)")
            }
        }
    }

    @Test func aDrainThatEndsSaysSo() throws {
        try Self.withK3s { host in
            var policy = DrainPolicy()
            (policy.force, policy.deleteEmptyDir) = (true, false)
            let outcome = try host.run(Sample.script(.drain(Drain(node: "demo-n2", isSilent: false, policy: policy))))
            #expect(try DrainReading.parse(outcome.stdout) == .drained)
            #expect(
                host.calls(of: "k3s").last == ["k3s", "kubectl", "drain", "demo-n2", "--ignore-daemonsets", "--timeout=20s", "--force"])
        }
    }

    @Test func aDrainThatCannotAskIsAFailure() throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-drain.status", "1")
            try host.write("/state/kubectl-drain.err", "The connection to the server 127.0.0.1:6443 was refused\n")
            let outcome = try host.run(Sample.script(.drain(Drain(node: "demo-n2", isSilent: false))))
            #expect(outcome.status == 1 && outcome.stderr == "The connection to the server 127.0.0.1:6443 was refused\n")
        }
    }

    /// A cordon that stood before ours is somebody else's: it outlasts our removal (facts/kubernetes.md #12).
    @Test(arguments: [("|", "yes"), ("true|", "cordoned-before"), ("true|yes", "yes"), ("|cordoned-before", "cordoned-before")])
    func aForeignCordonIsKnown(seen: String, mark: String) throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-get.out", seen)
            #expect(try host.run(Sample.script(.cordon(Cordon(node: "demo-n2")))).status == 0)
            #expect(Self.asked("annotate", on: host).first?.contains("exedev.dev/removing=\(mark)") == true)
        }
    }

    @Test(arguments: [("true|yes", true), ("true|cordoned-before", false), ("true|", true)])
    func onlyOurCordonIsLifted(seen: String, isLifted: Bool) throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-get.out", seen)
            #expect(try host.run(Sample.script(.uncordon(Uncordon(node: "demo-n2")))).status == 0)
            #expect(Self.asked("uncordon", on: host).isEmpty != isLifted)
            #expect(Self.asked("annotate", on: host).first?.contains("exedev.dev/removing-") == true)
        }
    }

    @Test(arguments: ["annotate", "cordon"]) func aCordonThatFailsIsAFailure(verb: String) throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-\(verb).status", "1")
            #expect(try host.run(Sample.script(.cordon(Cordon(node: "demo-n2")))).status == 1)
        }
    }

    @Test func aNodeThatStaysIsAFailure() throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-get.out", "node/demo-n2\n")
            let outcome = try host.run(Sample.script(.deleteNode(DeleteNode(node: "demo-n2", ifSilent: false))))
            #expect(outcome.status == 1 && outcome.stderr == "the node is still there\n")
        }
    }

    /// An API that does not answer has not said that the node is gone.
    @Test func silenceIsNoProofThatANodeIsGone() throws {
        try Self.withK3s { host in
            try host.write("/state/kubectl-get.status", "1")
            try host.write("/state/kubectl-get.err", "connection refused\n")
            #expect(try host.run(Sample.script(.deleteNode(DeleteNode(node: "demo-n2", ifSilent: false)))).status != 0)
        }
    }

    @Test(arguments: Role.allCases)
    func stopsTwice(role: Role) throws {
        try FakeHost.with { host in
            for order in [Sample.prepare(role), .install(Install(Sample.setup(role), digest: "d", version: Sample.version))] {
                try SetupTests.run(order, on: host)
            }
            for _ in 1...2 {
                try SetupTests.run(.stop(Stop(node: "demo-n1", role: role)), on: host)
                #expect(host.read("/state/\(role.unit).active") == "inactive\n")
                #expect(host.state("/state/\(role.unit).enabled") == nil)
            }
            #expect(host.calls(of: "systemctl", "disable").count >= 2)
            #expect(host.calls(of: "k3s-killall.sh").isEmpty && host.calls(of: "systemctl", "stop").count == 2)
        }
    }

    @Test func stopsWhatWasNeverThere() throws {
        try FakeHost.with { host in
            try SetupTests.run(.stop(Stop(node: "demo-n1", role: .server)), on: host)
            #expect(host.calls(of: "systemctl", "disable").isEmpty)
        }
    }
}
