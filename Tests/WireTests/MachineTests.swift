import Foundation
import TestSupport
import Testing

extension WireTests {
    /// What commands of exe.dev do to machines that boot.
    @Suite(.serialized) struct MachineTests {
        private static func isUp(_ wire: Wire, _ vm: String) async -> Bool {
            for _ in 0..<300 {
                if let ended = try? await wire.inside(vm, "true"), ended.status == 0 { return true }
                try? await Task.sleep(for: .milliseconds(200))
            }
            return false
        }

        /// The guest has the new name at once and after a boot, connections stay, the old name is free, and nothing is left in the end.
        @Test func aRenamedVMIsTheSameMachine() async throws {
            try await Wire.run { wire in
                #expect(try await wire.ctl("new --name=alpha-one").status == 0)
                try #require(await Self.isUp(wire, "alpha-one"))
                #expect(try await wire.inside("alpha-one", "echo kept > /root/kept; sync").status == 0)
                async let open = wire.inside("alpha-one", "until [ $(hostname) = alpha-two ]; do sleep 0.1; done; echo same")
                #expect(try await wire.ctl("rename alpha-one alpha-two").out.contains(#""https_url":"https://alpha-two.exe.xyz""#))
                #expect(try await open.out == "same\n")
                #expect(try await wire.inside("alpha-two", "hostname -f; cat /etc/hostname").out == "alpha-two.exe.xyz\nalpha-two\n")
                #expect(try await wire.ctl("new --name=alpha-one").status == 0)
                #expect(try await wire.ctl("rename alpha-two alpha-one").all.contains("not available"))
                try wire.set(faults: #"{"ssh":{"refuse":["alpha-two"]}}"#)
                for _ in 0..<100 where try await wire.inside("alpha-two", "true").status == 0 {
                    try await Task.sleep(for: .milliseconds(50))
                }
                #expect(try await wire.inside("alpha-two", "true").status != 0, "faults go by the name of now")
                try wire.set(faults: "{}")
                try await wire.killSimulator()
                try await wire.up()
                #expect(try await wire.ctl("restart alpha-two").status == 0)
                for vm in ["alpha-one", "alpha-two"] { try #require(await Self.isUp(wire, vm)) }
                #expect(try await wire.inside("alpha-two", "hostname; cat /root/kept").out == "alpha-two\nkept\n")
                #expect(try await wire.inside("alpha-one", "hostname").out == "alpha-one\n")
                #expect(try await wire.ctl("rm alpha-two").status == 0)
                #expect(wire.supervised == ["v1"] && wire.cgroups.allSatisfy { $0.hasSuffix("-v1") })
                #expect(try await wire.ctl("rm alpha-one").status == 0)
                #expect(wire.supervised == [] && wire.cgroups == [])
            }
        }

        /// Whatever order they come in.
        @Test func commandsAtOnceLeaveNothingBehind() async throws {
            try await Wire.run { wire in
                let fixed = wire
                for round in 1...6 {
                    let lines = [
                        "new --name=beta-one", "restart beta-one", "rename beta-one beta-two", "rm beta-one", "restart beta-two",
                        "cp beta-two beta-three", "pause beta-two", "rm beta-two beta-three", "resume beta-two",
                    ]
                    await withTaskGroup(of: Void.self) { group in
                        for (place, line) in lines.enumerated() {
                            group.addTask {
                                try? await Task.sleep(for: .milliseconds(place * round * 5))
                                _ = try? await fixed.ctl(line)
                            }
                        }
                    }
                    let removed = try await wire.ctl("rm beta-one beta-two beta-three")
                    #expect(removed.all.contains("deleted"))
                    #expect(wire.supervised == [] && wire.cgroups == [], "round \(round)")
                }
            }
        }

        /// The host is switched off while a VM is paused.
        @Test func aPausedVMThatLostItsMemoryBoots() async throws {
            try await Wire.run { wire in
                #expect(try await wire.ctl("new --name=alpha-one").status == 0)
                try #require(await Self.isUp(wire, "alpha-one"))
                #expect(try await wire.inside("alpha-one", "echo lost > /run/lost").status == 0)
                #expect(try await wire.ctl("pause alpha-one").status == 0)
                try await wire.killSimulator()
                let power = "find /sys/fs/cgroup/*/\(try #require(wire.cgroups.first)) -name cgroup.procs -exec cat {} + | xargs -r kill -9"
                _ = try await ChildProcess(["sh", "-c", power], environment: wire.environment, folder: wire.folder).ended()
                #expect(await eventually { wire.supervised == [] })
                try await wire.up()
                #expect(try await wire.ctl("ls").out.contains(#""status":"paused""#) && wire.supervised == [])
                #expect(try await wire.ctl("resume alpha-one").out.contains(#""cold_booted":"true""#))
                try #require(await Self.isUp(wire, "alpha-one"))
                #expect(try await wire.inside("alpha-one", "cat /run/lost").status != 0)
            }
        }

        /// Longer than exe.dev waits: not known whether it was done, and done.
        @Test func aCommandGoesOnAfterIts504() async throws {
            try await Wire.run { wire in
                #expect(try await wire.ctl("new --name=alpha-one").status == 0)
                try wire.set(faults: #"{"limit":300,"rules":[{"command":"tag","fault":"latency","milliseconds":3000}]}"#)
                let late = try await wire.ctl("tag alpha-one slow")
                #expect(late.status == 1 && late.all.contains("504"), "\(late.all)")
                #expect(await eventually { (try? wire.vms()["alpha-one"]?.tags) == ["slow"] })
                #expect(wire.requests().last == "504 tag alpha-one slow")
            }
        }

        /// A new VM has none; about a minute later it has.
        @Test func figuresComeByAndBy() async throws {
            try await Wire.run { wire in
                #expect(try await wire.ctl("new --name=alpha-one").status == 0)
                #expect(try await wire.ctl("stat alpha-one").out.contains(#""points":null"#))
                var said = ""
                for _ in 0..<150 where !said.contains("timestamp") {
                    try await Task.sleep(for: .seconds(1))
                    said = try await wire.ctl("stat alpha-one --range=7d").out
                }
                let read = try #require(try JSONSerialization.jsonObject(with: Data(said.utf8)) as? [String: Any])
                let point = try #require((read["points"] as? [[String: Any]])?.first)
                for key in ["cpu_cores", "mem_used_bytes", "disk_used_gb"] {
                    #expect((point[key] as? NSNumber)?.doubleValue ?? 0 > 0, "\(key): \(said)")
                }
            }
        }
    }
}
