import Foundation
import TestSupport
import Testing

/// The installed programs against exe.dev as the simulator plays it: HTTP, sshd and systemd are real.
@Suite(.serialized) struct WireTests {
    static let pools = [
        "web": "nodes: 2, project: \"shop\", labels: { tier: \"front\" }, share: { port: 8080, public: true }",
        "batch": "nodes: 1, isolated: true",
    ]
    static let names = ["wire-batch-n1", "wire-cp-n1", "wire-web-n1", "wire-web-n2"]

    @Test func createsConvergesAndThenDoesNothing() async throws {
        try await Wire.run { wire in
            try wire.write(pools: Self.pools)
            let plan = try await wire.k8s("plan")
            #expect(plan.status == 2 && plan.out.contains("4 to create"), "\(plan.all)")
            #expect(try wire.vms().isEmpty)
            let apply = try await wire.k8s("apply", "--yes")
            try #require(apply.status == 0, "\(apply.all)")
            #expect(try wire.vms().keys.sorted() == Self.names)
            #expect(try wire.vms().values.allSatisfy { $0.tags == ["fleet-wire"] && $0.joinedTailnet })
            let web = try #require(try wire.vms()["wire-web-n2"])
            #expect(web.port == 8080 && web.isPublic)
            let before = wire.requests().count
            let again = try await wire.k8s("apply", "--yes")
            #expect(again.status == 0 && again.err.contains("Settled. 0 steps, 3 API requests, 4 SSH connections."), "\(again.all)")
            #expect(wire.requests().dropFirst(before).allSatisfy { $0.hasPrefix("200 ls") || $0.hasPrefix("200 share show") })
            let settled = try await wire.k8s("plan")
            #expect(settled.status == 0 && settled.out.contains("No changes"), "\(settled.all)")
            try await Self.expectShapes(wire)
            let history = try await wire.k8s("history")
            #expect(history.status == 0 && history.out.contains("wire-web-n2"), "\(history.all)")
            let records = try await wire.k8s("history", "--json", "--node", "wire-web-n2")
            #expect(records.status == 0 && records.out.contains("\"done\"") && !records.out.contains("wire-web-n1"), "\(records.all)")
            try await Self.expectNoSecrets(wire, [plan, apply, again, settled, history, records])
        }
    }

    private static func expectShapes(_ wire: Wire) async throws {
        struct Status: Decodable {
            struct Node: Decodable {
                var name: String
                var node: String
                var labels: [String: String]
                var taints: [String]
            }
            var settled: Bool
            var nodes: [Node]
        }
        let text = try await wire.k8s("status", "--json").out
        let status = try JSONDecoder().decode(Status.self, from: Data(text.utf8))
        #expect(status.settled && status.nodes.allSatisfy { $0.node == "ready" })
        let web = try #require(status.nodes.first { $0.name == "wire-web-n1" })
        #expect(web.labels["exedev.dev/pool"] == "web" && web.labels["exedev.dev/project"] == "shop" && web.labels["tier"] == "front")
        #expect(status.nodes.first { $0.name == "wire-batch-n1" }?.taints == ["exedev.dev/pool=batch:NoSchedule"])
    }

    /// Secrets, given and generated ones, are in files of mode 0600 only.
    private static func expectNoSecrets(_ wire: Wire, _ runs: [ChildProcess.Ended]) async throws {
        let folder = wire.state + "/wire/"
        let made = try ["server-token", "agent-token"].map { try String(contentsOfFile: folder + $0, encoding: .utf8) }
        let secrets = made + [wire.environment["TS_AUTHKEY"]!, wire.environment["EXE_DEV_API_KEY"]!]
        let scripts = try await wire.k8s("plan", "--scripts", "--json")
        let ledger = try String(contentsOfFile: folder + "ledger.json", encoding: .utf8)
        let collect = """
            cat /etc/systemd/system/k3s*.service* /etc/systemd/system/k3s*.d/* /etc/rancher/k3s/config.yaml
            for process in /proc/[0-9]*; do tr '\\0' '\\n' < $process/cmdline; tr '\\0' '\\n' < $process/environ; done 2>/dev/null
            journalctl --no-pager -q
            """
        var texts = runs.map(\.all) + [scripts.all, ledger, wire.requests().joined(separator: "\n")]
        for vm in ["wire-cp-n1", "wire-web-n1"] { texts.append(try await wire.inside(vm, collect).all) }
        for secret in secrets {
            #expect(secret.count > 20)
            #expect(!texts.contains { $0.contains(secret) })
        }
        let modes = try await wire.inside("wire-web-n1", "stat -c '%a %n' /etc/rancher/exedev/* /etc/rancher/k3s/config.yaml")
        #expect(modes.out.split(separator: "\n").allSatisfy { $0.hasPrefix("600 ") }, "\(modes.all)")
        for file in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder + file)
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
        }
    }

    @Test func growsAndShrinks() async throws {
        try await Wire.run { wire in
            try wire.write(pools: ["web": "nodes: 1"])
            #expect(try await wire.k8s("apply", "--yes").status == 0)
            try wire.write(pools: ["web": "nodes: 3", "batch": "nodes: 1"])
            let grown = try await wire.k8s("apply", "--yes")
            #expect(grown.status == 0, "\(grown.all)")
            #expect(try wire.vms().keys.sorted() == ["wire-batch-n1", "wire-cp-n1", "wire-web-n1", "wire-web-n2", "wire-web-n3"])

            try wire.write(pools: ["web": "nodes: 1"], policy: "prune: false")
            let kept = try await wire.k8s("apply", "--yes")
            #expect(kept.status == 0 && kept.all.contains("policy.prune is off"), "\(kept.all)")
            #expect(try wire.vms().count == 5)

            try wire.write(pools: ["web": "nodes: 1"])
            let shrunk = try await wire.k8s("apply", "--yes")
            #expect(shrunk.status == 0, "\(shrunk.all)")
            #expect(try wire.vms().keys.sorted() == ["wire-cp-n1", "wire-web-n1"])
            #expect(try wire.devices() == ["wire-cp-n1", "wire-web-n1"], "no dead device stays in the tailnet")
            #expect(try await wire.kubectl("get nodes") == "wire-cp-n1\nwire-web-n1")
            for name in ["wire-web-n3", "wire-batch-n1"] {
                let steps = ["cordon", "drain", "stop k3s", "delete node", "remove VM"].map {
                    Self.position(of: $0 + " done", for: name, in: shrunk.err)
                }
                #expect(!steps.contains(nil) && steps.compactMap { $0 } == steps.compactMap { $0 }.sorted(), "\(shrunk.err)")
            }
            // deletionsPerPass is 1: one node is gone before the next is drained.
            let gone = [
                Self.position(of: "remove VM done", for: "wire-batch-n1", in: shrunk.err),
                Self.position(of: "remove VM done", for: "wire-web-n2", in: shrunk.err),
            ]
            #expect(gone[0] != gone[1])
        }
    }

    /// The line on which a step of a node ended.
    private static func position(of words: String, for node: String, in text: String) -> Int? {
        text.split(separator: "\n").firstIndex { $0.contains(node + " ") && $0.contains(words) }
    }

    @Test(arguments: [
        "create VM: no VM", "prepare host: ", "prepare host done", "install k3s: ", "install k3s done", "patch labels and taints: ",
        "share: ",
    ])
    func goesOnAfterKill9(at moment: String) async throws {
        try await Wire.run { wire in
            try wire.write(pools: ["web": "nodes: 2, share: { port: 8080 }"])
            let apply = try wire.startK8s("apply", "--yes")
            let reached = await apply.signal(SIGKILL, whenItSays: moment)
            let killed = await apply.ended()
            #expect(reached && killed.status == 128 + SIGKILL, "\(killed.all)")
            let next = try await wire.k8s("apply", "--yes")
            #expect(next.status == 0, "\(next.all)")
            let made = wire.requests().filter { $0.hasPrefix("200 new") }
            #expect(made.count == 3, "\(made)")
            #expect(try wire.vms().keys.sorted() == ["wire-cp-n1", "wire-web-n1", "wire-web-n2"])
            #expect(try await wire.k8s("plan").status == 0)
        }
    }

    @Test func finishesTheStepsUnderWayOnCtrlC() async throws {
        try await Wire.run { wire in
            try wire.write(pools: ["web": "nodes: 1"])
            let apply = try wire.startK8s("apply", "--yes")
            let isAtWork = await apply.signal(SIGINT, whenItSays: "prepare host: ")
            let ended = await apply.ended()
            #expect(isAtWork && ended.status == 1, "\(ended.all)")
            #expect(ended.err.contains("Stopping after the steps under way") && ended.err.contains("prepare host done"), "\(ended.all)")
            let history = try await wire.k8s("history")
            #expect(history.status == 0 && !history.out.contains("no answer"), "\(history.all)")
            #expect(try await wire.k8s("apply", "--yes").status == 0)
            #expect(wire.requests().count { $0.hasPrefix("200 new") } == 2)
        }
    }

    /// Nothing of it is in any list.
    @Test func putsRightWhatSomebodyChanged() async throws {
        try await Wire.run { wire in
            try wire.write(pools: ["web": "nodes: 1, share: { port: 8080, public: true }"])
            let apply = try await wire.k8s("apply", "--yes")
            try #require(apply.status == 0, "\(apply.all)")
            let (config, folder) = ("/etc/rancher/k3s/config.yaml", "/etc/rancher/k3s/config.yaml.d")
            let before = try await wire.inside("wire-web-n1", "cat \(config); systemctl show -p ExecStart k3s-agent")
            #expect(try await wire.ctl("share set-private wire-web-n1").status == 0)
            let edit = """
                echo 'kubelet-arg: ["v=9"]' >> \(config)
                sed -i 's/^ExecStart=.*/& --debug/' /etc/systemd/system/k3s-agent.service
                mkdir -p \(folder)
                echo 'debug: true' > \(folder)/theirs.yaml
                """
            #expect(try await wire.inside("wire-web-n1", edit).status == 0)

            let plan = try await wire.k8s("plan")
            #expect(plan.status == 2 && plan.out.contains("sharing is not as asked"), "\(plan.all)")
            let named = try await wire.k8s("apply", "--yes")
            #expect(named.status == 1 && named.all.contains(folder + "/theirs.yaml"), "\(named.all)")
            #expect(!named.err.contains("install k3s") && named.err.contains("share done"), "\(named.all)")
            #expect(try wire.vms()["wire-web-n1"]?.isPublic == true)
            #expect(try await wire.inside("wire-web-n1", "rm \(folder)/theirs.yaml").status == 0)
            // k3s still runs with it.
            let mended = try await wire.k8s("apply", "--yes")
            #expect(mended.status == 0 && mended.err.contains("install k3s done"), "\(mended.all)")
            let after = try await wire.inside("wire-web-n1", "cat \(config); systemctl show -p ExecStart k3s-agent")
            #expect(Self.settings(after.out) == Self.settings(before.out))
            #expect(try await wire.k8s("plan").status == 0)
        }
    }

    /// Without the times and numbers that systemd tells of the running process.
    private static func settings(_ text: String) -> [String] {
        text.split(separator: "\n").map { String($0.prefix { $0 != ";" }) }
    }

    @Test func refusesAForeignVM() async throws {
        try await Wire.run { wire in
            #expect(try await wire.ctl("new --name=wire-web-n1").status == 0)
            try wire.write(pools: ["web": "nodes: 2"])
            let apply = try await wire.k8s("apply", "--yes")
            #expect(apply.status == 1 && apply.all.contains("the VM lacks the tag fleet-wire"), "\(apply.all)")
            let foreign = try #require(try wire.vms()["wire-web-n1"])
            #expect(foreign.tags.isEmpty && !foreign.joinedTailnet)
            #expect(try await wire.kubectl("get nodes") == "wire-cp-n1\nwire-web-n2")
            let destroy = try await wire.k8s("destroy", "--confirm=wire")
            #expect(destroy.status == 0, "\(destroy.all)")
            #expect(try wire.vms().keys.sorted() == ["wire-web-n1"])
        }
    }

    @Test func refusesAWrongHostKey() async throws {
        try await Wire.run { wire in
            let key = "AAAAC3NzaC1lZDI1NTE5AAAAIJYYJ3WBBBzrwNzwBoFRnW4JvLcUxJDBZbFJSyQcOJ7Z"
            let file = wire.folder + "/known_hosts"
            try "exe.dev ssh-ed25519 \(key)\n".write(toFile: file, atomically: true, encoding: .utf8)
            try wire.write(pools: [:])
            wire.environment["EXE_DEV_KNOWN_HOSTS"] = file
            let apply = try await wire.k8s("apply", "--yes")
            #expect(apply.status == 1 && apply.all.contains("host key"), "\(apply.all)")
            #expect(try await wire.inside("wire-cp-n1", "ls /etc/rancher/exedev").status != 0)
        }
    }

    /// Nothing vouches for the proxy in front of the VMs: that is said before there is a VM that nobody can enter.
    @Test func createsNothingThatItCouldNotEnter() async throws {
        try await Wire.run { wire in
            let file = wire.folder + "/known_hosts"
            try wire.write(pools: [:])
            wire.environment["EXE_DEV_KNOWN_HOSTS"] = file
            let apply = try await wire.k8s("apply", "--yes")
            #expect(apply.status == 1 && apply.all.contains("ssh: {hostKeys: [\"SHA256:…\"]}"), "\(apply.all)")
            #expect(try wire.vms().isEmpty)
        }
    }

    /// The state directory is lost: nothing is touched until `recover` has made it anew, and then nothing is restarted.
    @Test func recoversALostStateDirectory() async throws {
        try await Wire.run { wire in
            try wire.write(pools: Self.pools)
            let apply = try await wire.k8s("apply", "--yes")
            try #require(apply.status == 0, "\(apply.all)")
            let tokens = try ["server-token", "agent-token"].map { try String(contentsOfFile: wire.state + "/wire/" + $0, encoding: .utf8) }
            let started = "systemctl show -p ActiveEnterTimestampMonotonic,NRestarts k3s k3s-agent; cat /proc/sys/kernel/random/boot_id"
            var before: [String] = []
            for name in Self.names { before.append(try await wire.inside(name, started).out) }
            let there = try await wire.k8s("recover", "--confirm=wire")
            #expect(there.status == 1 && there.all.contains("recover is for one that is lost"), "\(there.all)")
            try FileManager.default.removeItem(atPath: wire.state + "/wire/agent-token")
            let doctor = try await wire.k8s("doctor")
            #expect(doctor.status == 1 && doctor.out.contains("wire/agent-token is lost"), "\(doctor.all)")
            let fetched = try await wire.k8s("recover", "--confirm=wire")
            #expect(fetched.status == 0 && fetched.out.contains("The ledger is there"), "\(fetched.all)")
            #expect(try String(contentsOfFile: wire.state + "/wire/agent-token", encoding: .utf8) == tokens[1])
            try FileManager.default.removeItem(atPath: wire.state)
            let lost = try await wire.k8s("apply", "--yes")
            #expect(lost.status == 1 && lost.all.contains("recover"), "\(lost.all)")
            let wrong = try await wire.k8s("recover", "--confirm=other")
            #expect(wrong.status == 1 && wrong.all.contains("founded by wire-cp-n1"), "\(wrong.all)")
            let recover = try await wire.k8s("recover", "--confirm=wire")
            #expect(recover.status == 0 && recover.out.contains("wire-web-n2"), "\(recover.all)")
            for (name, token) in zip(["server-token", "agent-token"], tokens) {
                #expect(try String(contentsOfFile: wire.state + "/wire/" + name, encoding: .utf8) == token)
                #expect(!(recover.all + wrong.all).contains(token))
            }
            let again = try await wire.k8s("apply", "--yes")
            #expect(again.status == 0, "\(again.all)")
            var after: [String] = []
            for name in Self.names { after.append(try await wire.inside(name, started).out) }
            #expect(after == before, "k3s was restarted")
            let plan = try await wire.k8s("plan")
            #expect(plan.status == 0, "\(plan.all)")
        }
    }

    @Test func explainsABadToken() async throws {
        try await Wire.run { wire in
            try wire.write(pools: [:])
            let good = wire.environment["EXE_DEV_API_KEY"]!
            wire.environment["EXE_DEV_API_KEY"] = "exe0.bm90aGluZw.bm90aGluZw"
            let bad = try await wire.k8s("plan")
            #expect(bad.status == 1 && bad.err.contains("token"), "\(bad.all)")
            #expect(!bad.all.contains("bm90aGluZw"))
            wire.environment["EXE_DEV_API_KEY"] = nil
            let none = try await wire.k8s("plan")
            #expect(none.status == 1 && none.err.contains("EXE_DEV_API_KEY"), "\(none.all)")
            let file = wire.folder + "/token"
            try (good + "\n").write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await wire.k8s("plan", "--token-file", file).status == 2)
            #expect(wire.requests().filter { $0.hasPrefix("401") }.count == 1, "a refused token is not tried again")
        }
    }

    @Test func listsEveryProblemOfAFleetFile() async throws {
        try await Wire.run { wire in
            try wire.write(pools: ["web": "nodes: -1, lables: {}", "x": "nodes: 1, cpu: \"two\""], policy: "prun: true")
            for verb in ["validate", "plan", "apply"] {
                let run = try await verb == "validate" ? wire.exec("exedev-k8s", ["validate", wire.fleetFile]) : wire.k8s(verb)
                #expect(run.status == 1)
                for words in ["pools.web.nodes", "did you mean \"labels\"", "pools.x.cpu", "did you mean \"prune\""] {
                    #expect(run.all.contains(words), "\(verb): \(run.all)")
                }
            }
            #expect(!FileManager.default.fileExists(atPath: wire.state))
            #expect(wire.requests().isEmpty)
        }
    }

    @Test func refusesAStalePlanAndDoesNoMoreThanAFreshOne() async throws {
        try await Wire.run { wire in
            try wire.write(pools: ["web": "nodes: 1"])
            let file = wire.folder + "/plan.json"
            #expect(try await wire.k8s("plan", "--out", file).status == 2)
            try wire.write(pools: ["web": "nodes: 2"])
            let stale = try await wire.k8s("apply", file)
            #expect(stale.status == 1 && stale.err.contains("stale"), "\(stale.all)")
            #expect(try wire.vms().isEmpty)
            #expect(try await wire.k8s("plan", "--out", file).status == 2)
            let fresh = try await wire.k8s("apply", file)
            #expect(fresh.status == 0, "\(fresh.all)")
            #expect(try wire.vms().count == 3)
            // Of two that leave one has to wait, and its first step is approved too.
            try wire.write(pools: ["web": "nodes: 0"])
            #expect(try await wire.k8s("plan", "--out", file).status == 2)
            let shrunk = try await wire.k8s("apply", file)
            #expect(shrunk.status == 0, "\(shrunk.all)")
            #expect(try wire.vms().keys.sorted() == ["wire-cp-n1"])
        }
    }

    @Test func replacesNothingButAPlan() async throws {
        try await Wire.run { wire in
            try wire.write(pools: [:])
            let file = wire.folder + "/fleet.json"
            let before = FileManager.default.contents(atPath: file)
            let plan = try await wire.k8s("plan", "--out", file)
            #expect(plan.status == 1 && plan.err.contains("is not a plan"), "\(plan.all)")
            #expect(before != nil && FileManager.default.contents(atPath: file) == before)
            let apply = try await wire.k8s("apply", file, "--yes")
            #expect(apply.status == 1 && apply.err.contains("apply --file"), "\(apply.all)")
        }
    }

    @Test func asksBeforeItActs() async throws {
        try await Wire.run { wire in
            try wire.write(pools: [:])
            let apply = try await wire.k8s("apply")
            #expect(apply.status == 1 && apply.err.contains("--yes"), "\(apply.all)")
            let destroy = try await wire.k8s("destroy", "--confirm=other")
            #expect(destroy.status != 1 || !destroy.err.isEmpty)
            #expect(try wire.vms().isEmpty)
            #expect(try await wire.exec("exedev-k8s", ["aply"]).status == 64)
            #expect(try await wire.k8s("plan", "--nonsense").status == 64)
        }
    }

    /// A disk that is full and a reader that went away are no success.
    @Test(arguments: [
        ("exedev-k8s schema", ">/dev/full"), ("exedev-k8s help", ">/dev/full"), ("exedev-k8s schema", ">&-"),
        ("exedev-ctl help", ">/dev/full"),
    ]) func whatCannotBeWrittenIsAnError(program: String, redirection: String) async throws {
        try await Wire.run { wire in
            let shell = try ChildProcess(
                ["/bin/sh", "-c", "\(wire.programs)/\(program) \(redirection)"], environment: wire.environment, folder: wire.folder)
            let ended = await shell.ended()
            #expect(ended.status == 1 && ended.err.contains("standard output cannot be written"), "\(ended.all)")
        }
    }

    /// What an operator's shell prints at each login stands in no answer and in no file.
    @Test func aProfileThatPrintsIsNotRead() async throws {
        try await Wire.run { wire in
            try wire.write(pools: [:])
            #expect(try await wire.k8s("apply", "--yes").status == 0)
            _ = try await wire.inside(
                "wire-cp-n1", "for f in /home/*/.bashrc /root/.bashrc; do echo 'echo === hello; echo a: b' > $f; done")
            let printed = try await wire.k8s("kubeconfig")
            #expect(printed.status == 0 && printed.out.hasPrefix("apiVersion: v1\n"), "\(printed.all)")
            #expect(try await wire.k8s("plan").status == 0)
        }
    }

    @Test func writesAndMergesAKubeconfig() async throws {
        try await Wire.run { wire in
            try wire.write(pools: [:])
            #expect(try await wire.k8s("apply", "--yes").status == 0)
            let file = wire.folder + "/config"
            let first = try await wire.k8s("kubeconfig", "--out", file)
            #expect(first.status == 0, "\(first.all)")
            let text = try String(contentsOfFile: file, encoding: .utf8)
            #expect(text.contains("server: https://100.64.1.2:6443") && text.contains("current-context: wire"))
            #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
            #expect(try await wire.k8s("kubeconfig", "--out", file).status == 0)
            #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
            #expect(try await wire.k8s("kubeconfig").out == text)
        }
    }
}
