import Foundation
import TestSupport
import Testing

extension WireTests {
    /// A fleet whose nodes are settled only when their VMs answer behind exe.dev's proxy.
    @Suite struct ShareProbeTests {
        @Test(arguments: [false, true]) func aNodeIsSettledWhenItsVMAnswers(isPublic: Bool) async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1"])
                let first = try await wire.k8s("apply", "--yes")
                try #require(first.status == 0, "\(first.all)")
                let share = "share: { port: 8000, public: \(isPublic), probe: { path: \"/healthz\", status: 204 } }"
                try wire.write(pools: ["web": "nodes: 1, \(share)"])
                let apply = try wire.start("exedev-k8s", ["apply", "--yes", "--file", wire.fleetFile, "--state", wire.state])
                // Nothing listens there yet: the node waits, and nothing is done to it.
                #expect(await apply.signal(0, whenItSays: "502"), "\(apply.saidSoFar)")
                let plan = try await wire.k8s("plan")
                #expect(plan.status == 2 && plan.out.contains("/healthz"), "\(plan.all)")
                let doctor = try await wire.k8s("doctor")
                #expect(doctor.status == 1 && doctor.out.contains("failed   share-probe"), "\(doctor.all)")

                let script = """
                    printf 'printf "HTTP/1.1 204 No Content\\\\r\\\\nConnection: close\\\\r\\\\n\\\\r\\\\n"\\n' > /usr/local/bin/healthz
                    systemd-run -q systemd-socket-activate --accept --inetd -l 8000 sh /usr/local/bin/healthz
                    """
                #expect(try await wire.inside("wire-web-n1", script).status == 0)
                let ended = await apply.ended()
                #expect(ended.status == 0 && !ended.all.contains("restart"), "\(ended.all)")
                #expect(try await wire.k8s("plan").status == 0)
                let well = try await wire.k8s("doctor")
                #expect(well.status == 0 && well.out.contains("ok       share-probe"), "\(well.all)")
                #expect(try wire.vms()["wire-web-n1"]?.isPublic == isPublic)
            }
        }
    }
}
