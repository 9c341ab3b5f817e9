import Foundation
import TestSupport
import Testing

extension WireTests {
    /// Faults between us and exe.dev, and on its machines.
    @Suite(.serialized) struct FaultTests {
        @Test(arguments: [
            #"{"command":"new","nth":1,"times":2,"fault":"lostReply"}"#, #"{"command":"new","nth":2,"fault":"status504Done"}"#,
            #"{"command":"new","nth":1,"fault":"truncate"}"#,
            #"{"command":"ls","nth":2,"times":2,"fault":"status502html"},{"command":"share port","nth":1,"fault":"status500"}"#,
            #"{"nth":1,"times":2,"fault":"status429","retryAfter":1}"#,
        ])
        func createsNothingTwice(rules: String) async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1, share: { port: 8080 }"])
                try wire.set(faults: #"{"rules":[\#(rules)]}"#)
                let apply = try await wire.k8s("apply", "--yes", "--timeout", "600")
                #expect(apply.status == 0, "\(apply.all)")
                #expect(try wire.vms().keys.sorted() == ["wire-cp-n1", "wire-web-n1"])
                #expect(wire.refusedCreations == [], "a name was asked for while it was taken")
            }
        }

        @Test func survivesAHardResetOfEveryVM() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1"])
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                for name in ["wire-cp-n1", "wire-web-n1"] { #expect(try await wire.ctl("restart \(name)").status == 0) }
                let apply = try await wire.k8s("apply", "--yes")
                #expect(apply.status == 0, "\(apply.all)")
                let plan = try await wire.k8s("plan")
                #expect(plan.status == 0, "\(plan.all)")
            }
        }

        @Test func makesAVanishedAgentAnew() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 2"])
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                #expect(try await wire.ctl("rm wire-web-n1").status == 0)
                let apply = try await wire.k8s("apply", "--yes")
                // The new VM has another node password: it joins only because the old one was cleaned away.
                #expect(apply.status == 0 && apply.err.contains("purge old identity"), "\(apply.all)")
                #expect(try await wire.kubectl("get nodes") == "wire-cp-n1\nwire-web-n1\nwire-web-n2")

                // The VM that was removed by hand left its device, which keeps the name.
                #expect(try wire.devices() == ["wire-cp-n1", "wire-web-n1", "wire-web-n1-1", "wire-web-n2"])
                let plan = try await wire.k8s("plan")
                #expect(plan.status == 0 && plan.out.contains("another one in the tailnet is called wire-web-n1"), "\(plan.all)")
                #expect(try await wire.inside("wire-web-n1", "touch /var/lib/tailscale/locked-out").status == 0)
                let locked = try await wire.k8s("plan")
                #expect(locked.out.contains("locked out of the tailnet"), "\(locked.all)")
                #expect(try await wire.inside("wire-web-n1", "rm /var/lib/tailscale/locked-out").status == 0)
                try await Self.obeysAboveWhatAHostKnows(wire)
            }
        }

        /// A host that obeyed a later Lease refuses; the Lease is taken again above it.
        private static func obeysAboveWhatAHostKnows(_ wire: Wire) async throws {
            #expect(try await wire.inside("wire-web-n2", "sed -i 's/ .*/ 700/' /var/lib/exedev-k8s/fence").status == 0)
            try wire.write(pools: ["web": "nodes: 1"])
            let apply = try await wire.k8s("apply", "--yes")
            #expect(apply.status == 0 && apply.err.contains("has obeyed number 700"), "\(apply.all)")
            #expect(try await wire.inside("wire-cp-n1", "cat /var/lib/exedev-k8s/fence").out.hasSuffix(" 701\n"))
        }

        @Test func leavesAVanishedServerToTheOperator() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1"])
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                #expect(try await wire.ctl("rm wire-cp-n1").status == 0)
                let apply = try await wire.k8s("apply", "--yes", "--timeout", "200")
                #expect(apply.status == 1 && apply.all.contains("the server's VM is gone"), "\(apply.all)")
                #expect(try wire.vms().keys.sorted() == ["wire-web-n1"])
            }
        }

        @Test func drainsNoFurtherThanABudgetAllows() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 2"])
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                _ = try await wire.kubectl("annotate node wire-web-n2 exedev-sim/disruption-budget=blocked")
                try wire.write(pools: ["web": "nodes: 1"])
                let apply = try wire.startK8s("apply", "--yes")
                #expect(await apply.signal(SIGKILL, whenItSays: "drain: "))
                _ = await apply.ended()
                #expect(try wire.vms()["wire-web-n2"] != nil)
                _ = try await wire.kubectl("annotate node wire-web-n2 exedev-sim/disruption-budget-")
                let next = try await wire.k8s("apply", "--yes")
                #expect(next.status == 0, "\(next.all)")
                #expect(try wire.vms().keys.sorted() == ["wire-cp-n1", "wire-web-n1"])
            }
        }

        @Test func mendsLabelsAndTaintsOfItsOwnAlone() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1, labels: { tier: \"front\" }"])
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                _ = try await wire.kubectl("label node wire-web-n1 tier- exedev.dev/pool=other mine=kept")
                let drift = try await wire.k8s("plan")
                #expect(drift.status == 2 && drift.out.contains("exedev.dev/pool=web"), "\(drift.all)")
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                let node = try await wire.kubectl("get node wire-web-n1 -o json")
                for pair in [#""tier": "front""#, #""exedev.dev/pool": "web""#, #""mine": "kept""#] {
                    #expect(node.contains(pair), "\(node)")
                }
            }
        }

        /// A user that the file dropped loses access; a grant of someone else stays.
        @Test func letsGuestsInAndOut() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": #"nodes: 1, share: { port: 8080, users: ["Ada@Example.org", "bob@example.org"] }"#])
                let first = try await wire.k8s("apply", "--yes")
                #expect(first.status == 0, "\(first.all)")
                #expect(try await wire.ctl("share add wire-web-n1 friend@example.org").status == 0)
                try wire.write(pools: ["web": #"nodes: 1, share: { port: 8080, users: ["ada@example.org"] }"#])
                let plan = try await wire.k8s("plan", "--scripts")
                #expect(plan.status == 2 && plan.out.contains("share remove wire-web-n1 bob@example.org"), "\(plan.all)")
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                func guests() async throws -> [String] {
                    let shown = try await wire.ctl("share show wire-web-n1").out
                    return ["ada", "bob", "friend"].filter { shown.contains("\($0)@example.org") }
                }
                #expect(try await guests() == ["ada", "friend"])
                try wire.write(pools: ["web": "nodes: 1"])
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                #expect(try await guests() == ["friend"])
                #expect(try await wire.k8s("plan").status == 0)
            }
        }

        /// Status 200 with an error only: the VM exists, and its record stays.
        @Test func aRemovalThatWasNoneIsDoneAgain() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1"])
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                try wire.set(faults: #"{"rules":[{"command":"rm","nth":1,"fault":"error200"}]}"#)
                try wire.write(pools: [:])
                let refused = try await wire.k8s("apply", "--yes")
                #expect(refused.status == 1 && refused.all.contains("internal error"), "\(refused.all)")
                #expect(try wire.vms()["wire-web-n1"] != nil)
                let again = try await wire.k8s("apply", "--yes")
                #expect(again.status == 0, "\(again.all)")
                #expect(try wire.vms().keys.sorted() == ["wire-cp-n1"])
            }
        }

        @Test func oneWriterAtATime() async throws {
            try await Wire.run { wire in
                try wire.write(pools: [:])
                let first = try wire.startK8s("apply", "--yes")
                let isAtWork = await first.signal(SIGSTOP, whenItSays: "create VM")
                let second = try await wire.k8s("apply", "--yes")
                first.signal(SIGCONT)
                #expect(isAtWork && second.status == 1 && second.err.contains("process \(first.id)"), "\(second.all)")
                #expect(await first.ended().status == 0)
            }
        }

        /// Another machine that keeps the Lease, which it renews every 2 s; it ends by itself after three minutes.
        private static func holdLease(_ wire: Wire) async throws {
            let manifest =
                #"{"kind":"Lease","metadata":{"name":"exedev-k8s"},"spec":{"holderIdentity":"other/1","leaseDurationSeconds":15,"renewTime":"%s"}}"#
            let script = """
                renew() {
                    printf '\(manifest)' $(date -u +%Y-%m-%dT%H:%M:%S.000000Z) | k3s kubectl -n kube-system replace -f -
                }
                touch /run/rival
                renew
                (n=0; while [ -e /run/rival ] && [ $n -lt 90 ]; do renew; n=$((n + 1)); sleep 2; done) >/dev/null 2>&1 &
                """
            let put = try await wire.inside("wire-cp-n1", script)
            #expect(put.status == 0, "\(put.all)")
        }

        /// It dies, with the Lease in its hands.
        private static func endRival(_ wire: Wire) async throws {
            #expect(try await wire.inside("wire-cp-n1", "rm /run/rival").status == 0)
        }

        @Test func leavesAFleetToTheMachineThatHoldsItsLease() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1"])
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                try await Self.holdLease(wire)
                try wire.write(pools: ["web": "nodes: 1, labels: { tier: \"back\" }"])
                let refused = try await wire.k8s("apply", "--yes")
                #expect(refused.status == 1 && refused.all.contains("other/1 holds the lease"), "\(refused.all)")
                #expect(try await !wire.kubectl("get node wire-web-n1 -o json").contains("back"))
                try await Self.endRival(wire)
                let taken = try await wire.k8s("apply", "--yes")
                #expect(taken.status == 0, "\(taken.all)")
                #expect(try await wire.k8s("plan").status == 0)

                try await Self.holdLease(wire)
                let spared = try await wire.k8s("destroy", "--confirm=wire")
                #expect(spared.status == 1 && spared.all.contains("other/1 holds the lease"), "\(spared.all)")
                #expect(try wire.vms().count == 2)
                try await Self.endRival(wire)
                let gone = try await wire.k8s("destroy", "--confirm=wire")
                #expect(gone.status == 0 && gone.err.contains("removed wire-web-n1\nremoved wire-cp-n1\n"), "\(gone.all)")
                #expect(try wire.vms().isEmpty)
                let history = try await wire.k8s("history", "--json", "--node", "wire-cp-n1")
                #expect(history.out.contains("the operator destroys the fleet"), "\(history.all)")
            }
        }

        /// `rm` frees the name at once but removes the machine later: a `new` meanwhile gets another machine.
        @Test func aNameThatIsAskedForAgainGetsAMachineOfItsOwn() async throws {
            try await Wire.run { wire in
                #expect(try await wire.ctl("new --name=wire-web-n1").status == 0)
                let removal = try wire.start("exedev-ctl", ["exec", "rm wire-web-n1"])
                #expect(try await eventually { try wire.vms().isEmpty })
                let again = try await wire.ctl("new --name=wire-web-n1")
                #expect(await removal.ended().status == 0)
                #expect(again.status == 0, "\(again.all)")
                // Refused until the machine's sshd answers.
                let end = ContinuousClock.now + .seconds(120)
                var share = try await wire.ctl("share port wire-web-n1 8080")
                while share.status != 0, ContinuousClock.now < end { share = try await wire.ctl("share port wire-web-n1 8080") }
                #expect(share.status == 0, "\(share.all)")
            }
        }

        @Test func simulatorForgetsNothingWhenKilledAndLeavesNothingWhenDown() async throws {
            try await Wire.run { wire in
                try wire.write(pools: [:])
                #expect(try await wire.k8s("apply", "--yes").status == 0)
                try await wire.killSimulator()
                #expect(try await wire.k8s("plan", "--state", wire.state).status == 1)
                try await wire.up()
                let plan = try await wire.k8s("plan")
                #expect(plan.status == 0, "\(plan.all)")
            }
        }
    }
}
