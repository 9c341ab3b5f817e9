import Foundation
import TestSupport
import Testing

extension WireTests {
    /// The simulator's own machines, and what programs say while exe.dev is silent.
    @Suite(.serialized) struct SimulatorTests {
        private static func answers(_ wire: Wire, _ vm: String) async -> Bool {
            for _ in 0..<300 {
                if let ended = try? await wire.inside(vm, "true"), ended.status == 0 { return true }
                try? await Task.sleep(for: .milliseconds(200))
            }
            return false
        }

        /// A terminal holds 4 KiB; who writes more to a console that nobody reads hangs.
        @Test func aConsoleIsRead() async throws {
            try await Wire.run { wire in
                #expect(try await wire.ctl("new --name=alpha-one").status == 0)
                try #require(await Self.answers(wire, "alpha-one"))
                let wrote = try await wire.inside(
                    "alpha-one", "timeout 20 sh -c 'head -c 300000 /dev/zero | tr \"\\0\" x > /dev/console'; echo $?")
                #expect(wrote.out == "0\n", "\(wrote.all)")
            }
        }

        @Test func aPausedVMGoesOnWhereItWas() async throws {
            try await Wire.run { wire in
                #expect(try await wire.ctl("new --name=alpha-one").status == 0)
                try #require(await Self.answers(wire, "alpha-one"))
                #expect(try await wire.inside("alpha-one", "echo kept > /run/kept").status == 0)
                #expect(try await wire.ctl("pause alpha-one").out.contains(#""status":"paused""#))
                #expect(try await wire.ctl("share show alpha-one").status == 1, "nothing answers in it")
                #expect(try await wire.ctl("resume alpha-one").out.contains(#""cold_booted":"false""#))
                #expect(try await wire.inside("alpha-one", "cat /run/kept").out == "kept\n")
                for verb in ["pause", "restart"] { #expect(try await wire.ctl("\(verb) alpha-one").status == 0) }
                try #require(await Self.answers(wire, "alpha-one"))
                #expect(try await wire.inside("alpha-one", "cat /run/kept").status != 0, "a power cut")
            }
        }

        /// At once after its start, in the middle of a removal, and below a killed serve.
        @Test func nothingOutlivesARemovedVM() async throws {
            try await Wire.run { wire in
                for number in 1...5 {
                    #expect(try await wire.ctl("new --name=beta-v\(number)").status == 0)
                    #expect(try await wire.ctl("rm beta-v\(number)").status == 0)
                }
                #expect(wire.supervised == [] && wire.cgroups == [])
                for name in ["gamma-one", "gamma-two"] { #expect(try await wire.ctl("new --name=\(name)").status == 0) }
                try await wire.killSimulator()
                let table = wire.sim + "/state.json"
                let text = try String(contentsOfFile: table, encoding: .utf8)
                let kept = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
                let vms = try #require(kept["vms"] as? [[String: Any]])
                let left = kept.merging(["vms": vms.filter { $0["name"] as? String == "gamma-two" }]) { $1 }
                try JSONSerialization.data(withJSONObject: left).write(to: URL(filePath: table))
                try await wire.up()
                #expect(await eventually { wire.supervised == ["gamma-two"] && wire.cgroups.allSatisfy { $0.hasSuffix("-gamma-two") } })
            }
        }

        @Test func upSaysAtOnceWhyServeDied() async throws {
            try await Wire.run { wire in
                try await wire.killSimulator()
                let settings = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: wire.sim + "/settings.json")))
                let port = try #require((settings as? [String: Any])?["httpPort"] as? Int)
                // The threads of a process that was killed end one by one.
                var listener: Listener?
                let isKept = await eventually {
                    listener = Listener(port: UInt16(port))
                    return listener != nil
                }
                try #require(isKept)
                let began = ContinuousClock.now
                let up = try await wire.exec("exedev-sim", ["up", "--state", wire.sim])
                #expect(up.status == 1 && up.err.contains("cannot listen on 127.0.0.1:\(port)"), "\(up.all)")
                #expect(ContinuousClock.now - began < .seconds(60))
                listener?.close()
            }
        }

        @Test func silenceIsBroken() async throws {
            try await Wire.run { wire in
                try wire.set(faults: #"{"rules":[{"command":"ls","nth":1,"times":2,"fault":"latency","milliseconds":12000}]}"#)
                let slow = try await wire.ctl("ls")
                #expect(
                    slow.status == 0 && slow.err.hasPrefix("still waiting: exe.dev's answer to ls (8 s of at most 35 s)"), "\(slow.all)")
                try wire.write(pools: ["web": "nodes: 1"])
                let plan = try await wire.k8s("plan")
                #expect(plan.status == 2 && plan.err.contains("still waiting: exe.dev's answer to ls"), "\(plan.all)")
                try wire.set(faults: #"{"rules":[{"command":"whoami","fault":"status429","retryAfter":12}]}"#)
                let throttled = try await wire.ctl("whoami")
                let pause = "still waiting: the pause before the next try (exe.dev whoami: too many requests (429))"
                #expect(throttled.status == 0 && throttled.err.hasPrefix(pause), "\(throttled.all)")
            }
        }
    }
}

/// Keeps a port of loopback.
private struct Listener {
    private let descriptor: Int32

    init?(port: UInt16) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        (address.sin_family, address.sin_port, address.sin_addr.s_addr) = (
            sa_family_t(AF_INET), port.bigEndian, UInt32(0x7f00_0001).bigEndian
        )
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        if code == 0, listen(descriptor, 1) == 0 { return }
        close()
        return nil
    }

    func close() { Glibc.close(descriptor) }
}
