import Foundation
import TestSupport
import Testing

extension WireTests {
    /// What exe.dev's list of VMs does not tell (facts/exedev.md §8). The other traps of §8 are met by: 1–3, 5 FaultTests and HostileReplyTests;
    /// 4 HostTests and `unresolved` in SSHTests; 7 the simulator's networks, in every test; 8 ScriptTests; 12–14 SpecTableTests, ExeDevTests.
    @Suite struct GotchaTests {
        @Test func aVMThatIsListedMayBeNoneOfOurs() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1"])
                let apply = try await wire.k8s("apply", "--yes")
                try #require(apply.status == 0, "\(apply.all)")
                let vm = "wire-web-n1"

                // Another VM answers at its address (§8.6): nothing is run there.
                #expect(try await wire.inside(vm, "hostname other-one").status == 0)
                let stranger = try await wire.exec("exedev-ctl", ["ssh", vm, "echo done"])
                #expect(stranger.status == 1 && stranger.err.contains("calls itself other-one") && stranger.out.isEmpty, "\(stranger.all)")
                let doctor = try await wire.k8s("doctor")
                #expect(doctor.status == 1 && doctor.out.contains("\(vm): this host is other-one"), "\(doctor.all)")
                #expect(try await wire.inside(vm, "hostname \(vm)").status == 0)

                // Paused (§8.9): the operator is asked, nothing is removed, and all is well again afterwards.
                #expect(try await wire.exec("exedev-ctl", ["pause", vm]).status == 0)
                let paused = try await wire.k8s("apply", "--yes")
                #expect(paused.status == 1 && paused.all.contains("exedev-ctl resume \(vm)"), "\(paused.all)")
                let resumed = try await wire.exec("exedev-ctl", ["resume", vm])
                #expect(resumed.status == 0 && resumed.out.contains(#""cold_booted":"false""#), "\(resumed.all)")
                #expect(try await wire.k8s("apply", "--yes").status == 0)

                // Shut down from inside (§8.9): exe.dev says `running` all the same.
                _ = try await wire.inside(vm, "systemctl start --no-block poweroff.target")
                let isOff = await eventually { !wire.supervised.contains(vm) }
                #expect(isOff)
                #expect(try await wire.exec("exedev-ctl", ["ls", vm]).out.contains(#""status":"running""#))
                let silent = try await wire.k8s("doctor")
                #expect(silent.status == 1 && silent.out.contains("failed   hosts            \(vm)"), "\(silent.all)")
                #expect(try await wire.exec("exedev-ctl", ["restart", vm, "--yes"]).status == 0)
                let mended = try await wire.k8s("apply", "--yes")
                let count = try wire.vms().count
                #expect(mended.status == 0 && count == 2, "\(mended.all)")
            }
        }
    }
}
