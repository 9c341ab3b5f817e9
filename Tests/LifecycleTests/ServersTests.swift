import K3s
import Testing

@testable import FleetCore

/// Three servers: the gate, the ways in and out, and which of them is asked.
@Suite struct ServersTests {
    private static let (one, two, three) = ("demo-cp-n1", "demo-cp-n2", "demo-cp-n3")

    /// A settled fleet of three servers and an agent, and what the file asks for now.
    private static func facts(asked servers: Int = 3, _ arrange: (inout Situation) -> Void = { _ in }) throws -> Situation {
        var situation = try Situation()
        let (before, after) = (try fleet(3), try fleet(servers))
        var (ledger, observed, reading) = (situation.facts.ledger, Observation(), ClusterReading())
        (ledger.nodes, observed.vms) = ([:], [:])
        (reading.apiReady, reading.clusterID, reading.caHash) = (true, "c1", "ca")
        for (number, node) in before.nodes.enumerated() {
            var instance = Situation.instance(of: node)
            instance.isServer = node.role == .server
            instance.entrance = node.name == one ? "100.64.0.2" : "100.64.0.1"
            ledger.nodes[node.name] = .present(instance)
            observed.vms?[node.name] = Situation.vm(node.name)
            var fields = Situation.node(node, address: "100.64.0.\(number + 1)").value
            if node.role == .server { fields.etcd = .voter }
            reading.nodes.append(NodeReading(fields))
        }
        reading.members = [one, two, three]
        observed.cluster = .read(reading)
        let digest = situation.facts.digest
        situation.facts = FleetFacts(fleet: after, observed: observed, ledger: ledger, now: Situation.now)
        (situation.facts.uptime, situation.facts.digest) = (Situation.now, digest)
        arrange(&situation)
        return situation
    }

    private static func fleet(_ servers: Int) throws -> DesiredFleet {
        let text = """
            {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: \(servers)}, pools: {web: {nodes: 1}},
             policy: {prune: true}}
            """
        return try #require(FleetFile.parse(text, file: "fleet.json").fleet)
    }

    @Test func whatStandsIsSettled() throws {
        let situation = try Self.facts()
        #expect(Planner.plan(situation.facts).isSettled, "\(Planner.plan(situation.facts))")
        #expect(situation.facts.serverChangeGate(Self.two) == nil && situation.facts.controlPlane.voters.count == 3)
    }

    struct Gate: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var reason: Reason?
        var arrange: @Sendable (inout Situation) -> Void
    }

    private static let gates: [Gate] = [
        Gate(testDescription: "itself is not ready", reason: nil) { $0.node(two) { $0.ready = .unknown } },
        Gate(testDescription: "another is silent", reason: .serversUnsettled(.notReady([three]))) {
            $0.node(three) { $0.ready = .unknown }
        },
        Gate(testDescription: "another learns", reason: .serversUnsettled(.learning([three]))) {
            $0.node(three) { $0.etcd = .other("MemberIsLearner") }
        },
        Gate(testDescription: "another joins", reason: .serversUnsettled(.joining([three]))) { $0.withoutNode(three) },
        Gate(testDescription: "an agent is being deleted", reason: .serversUnsettled(.deleting(["demo-web-n1"]))) {
            $0.node("demo-web-n1") { $0.deleting = true }
        },
        Gate(testDescription: "one was changed a moment ago", reason: .serversUnsettled(.changed(seconds: 4))) {
            $0.facts.ledger.serverChangedAt = Situation.now - 4
        },
        Gate(testDescription: "one was changed long ago", reason: nil) { $0.facts.ledger.serverChangedAt = Situation.now - 10 },
        Gate(testDescription: "another is being changed", reason: .serversUnsettled(.changing([one]))) { $0.facts.acting[one] = .install },
        Gate(testDescription: "another is being patched", reason: nil) { $0.facts.acting[one] = .patchNode },
        Gate(testDescription: "a ghost member", reason: .ghostMembers(["demo-cp-n9"])) { $0.reading { $0.members?.append("demo-cp-n9") } },
        Gate(testDescription: "etcd does not list one", reason: .serversUnsettled(.unlisted([one]))) {
            $0.reading { $0.members?.removeFirst() }
        },
        Gate(testDescription: "the list cannot be had", reason: nil) { $0.reading { $0.members = nil } },
        Gate(testDescription: "the cluster is silent", reason: .controlPlaneNotReady(server: one, .unreachable("no route"))) {
            $0.facts.observed.cluster = .unreachable("no route")
        },
    ]

    @Test(arguments: gates) func theGateOfAServer(row: Gate) throws {
        #expect(try Self.facts(row.arrange).facts.serverChangeGate(Self.two) == row.reason)
    }

    @Test func theOnlyServerPassesTheGateAlways() throws {
        var situation = try Situation()
        situation.facts.observed.cluster = .unreachable("no route")
        #expect(situation.facts.serverChangeGate(Situation.server) == nil)
    }

    /// By node and decision; nil is settled.
    private static let rows: [(String, Int, node: String, decision: String, @Sendable (inout Situation) -> Void)] = [
        ("fewer are asked for", 1, three, "wait EntranceInUse", { $0.instance(one) { $0.entrance = "100.64.0.3" } }),
        ("the other one is told first", 1, three, "wait ServersUnsettled", { _ in }),
        ("nothing names it", 1, three, "act cordon NotInFleetFile", { $0.instance(one) { $0.entrance = "" } }),
        ("one at a time", 1, two, "wait ServersUnsettled", { _ in }),
        ("it is drained", 1, three, "act stop NotInFleetFile", { leave(&$0, three, .drained) }),
        (
            "of two its member goes first", 1, two, "act deleteNode NotInFleetFile",
            {
                $0.withoutNode(three)
                $0.facts.ledger.nodes[three] = nil
                $0.facts.observed.vms?[three] = nil
                $0.reading { $0.members = [one, two] }
                leave(&$0, two, .drained)
            }
        ),
        (
            "its member is still listed", 1, three, "wait GhostMembers",
            {
                $0.withoutNode(three)
                leave(&$0, three, .nodeDeleted)
            }
        ),
        (
            "its member is gone", 1, three, "act stop NotInFleetFile",
            {
                $0.withoutNode(three)
                $0.reading { $0.members = [one, two] }
                leave(&$0, three, .nodeDeleted)
            }
        ),
        (
            "its VM goes last", 1, three, "act removeVM NotInFleetFile",
            {
                $0.withoutNode(three)
                $0.reading { $0.members = [one, two] }
                leave(&$0, three, .nodeDeleted)
                $0.instance(three) { $0.startedAt = nil }
            }
        ),
        ("another is down", 1, three, "wait ServersUnsettled", { $0.node(two) { $0.ready = .notReady(reason: "x") } }),
        ("it learns", 3, two, "wait MemberNotVoting", { $0.node(two) { $0.etcd = .other("MemberIsLearner") } }),
        (
            "the founder's file says cluster-init", 3, one, "act install EntranceChanged",
            { $0.instance(one) { $0.entrance = "cluster-init" } }
        ),
        (
            "its server has left", 3, "demo-web-n1", "act install EntranceChanged",
            { $0.instance("demo-web-n1") { $0.entrance = "100.64.0.9" } }
        ),
        ("its server is silent", 3, "demo-web-n1", "settled", { $0.node(one) { $0.ready = .unknown } }),
        (
            "its VM is gone", 3, two, "blocked ServerMemberLeft",
            {
                $0.facts.observed.vms?[two] = nil
                $0.node(two) { $0.ready = .unknown }
            }
        ),
        (
            "its VM and its member are gone", 3, two, "act createVM VMMissing",
            {
                $0.facts.observed.vms?[two] = nil
                $0.withoutNode(two)
                $0.reading { $0.members = [one, three] }
            }
        ),
        (
            "quorum is lost", 3, one, "blocked QuorumLost",
            {
                for name in [two, three] { $0.facts.observed.vms?[name] = nil }
                $0.facts.observed.cluster = .unreachable("etcdserver: no leader")
                $0.facts.observed.hosts[one] = Situation.host(one) { $0.hasServerData = true }
            }
        ),
    ]

    private static func leave(_ situation: inout Situation, _ name: String, _ stage: LeaveStage) {
        situation.facts.ledger.removalReached(stage, name)
        situation.node(name) {
            $0.unschedulable = true
            $0.annotations[NodePatch.removing] = "yes"
        }
    }

    @Test(arguments: rows.indices) func whatIsNext(row: Int) throws {
        let (words, servers, node, decision, arrange) = Self.rows[row]
        let situation = try Self.facts(asked: servers, arrange)
        #expect(situation.decision(node) == decision, "\(words)")
    }

    @Test func aSilentServerIsSteppedPast() throws {
        var facts = try Self.facts().facts
        #expect(facts.controlPlane.contact == Self.one)
        let mayGoOn = facts.inquiry.passes(Self.one, of: facts.inquirable)
        #expect(mayGoOn && facts.controlPlane.contact == Self.two)
        facts.inquiry.answered(Self.two)
        #expect(facts.controlPlane.contact == Self.two && facts.controlPlane.endpoint?.address == "100.64.0.2")
        facts.observed.vms?[Self.two] = Situation.vm(Self.two, .stopped)
        #expect(facts.controlPlane.contact == Self.one, "one that is stopped is not asked")
    }

    @Test func whenAllAreSilentTheFirstIsAskedAgain() throws {
        var facts = try Self.facts().facts
        let answers = [Self.one, Self.two, Self.three].map { facts.inquiry.passes($0, of: facts.inquirable) }
        #expect(answers == [true, true, false] && facts.controlPlane.contact == Self.one)
    }

    /// A member that joins has the long token, the founder the short one, and no file says `cluster-init` once a cluster is there.
    @Test func whatServersAreConfiguredWith() throws {
        let facts = try Self.facts().facts
        for (name, server) in [(Self.one, "100.64.0.2"), (Self.two, "100.64.0.1")] {
            let want = try #require(facts.fleet.nodes.first { $0.name == name })
            guard case .install(let step) = facts.install(want, overlay: "100.64.0.7") else { continue }
            #expect(
                step.setup.serverAddress == server && !step.setup.initializesEtcd && step.setup.caHash == (name == Self.one ? nil : "ca"))
            #expect(!step.setup.meaning.contains("server:"), "a member is not restarted for it")
        }
    }

    /// One server on sqlite that is to have company goes to etcd first.
    @Test func sqliteGoesToEtcdBeforeOthersJoin() throws {
        var situation = try Situation()
        let text = """
            {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: 3}, pools: {web: {nodes: 2}}}
            """
        let digest = situation.facts.digest
        situation.facts = FleetFacts(
            fleet: try #require(FleetFile.parse(text, file: "f").fleet), observed: situation.facts.observed, ledger: situation.facts.ledger,
            now: Situation.now)
        (situation.facts.uptime, situation.facts.digest) = (Situation.now, digest)
        #expect(situation.decision(Situation.server) == "act install DatastoreChanged")
        situation.instance(Situation.server) { $0.entrance = NodeSetup.founding }
        #expect(situation.decision(Situation.server) == "wait MemberNotVoting")
    }
}
