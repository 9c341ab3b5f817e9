import Foundation
import TestSupport
import Testing

extension Wire {
    /// An operator holds a fleet under a daemon that keeps it, and lets it go: a change of the file waits so long.
    func expectHold(of daemon: ChildProcess) async throws {
        let done = "patch labels and taints done"
        func patches() -> Int { daemon.saidSoFar.components(separatedBy: done).count - 1 }
        let before = patches()
        #expect(try await k8s("pause", "--reason", "disk swap").status == 0)
        #expect(await eventually { daemon.saidSoFar.contains("nothing is changed until exedev-k8s resume") }, "\(daemon.saidSoFar)")
        try write(pools: [:], more: "defaults: { labels: { round: \"held\" } }")
        #expect(await eventually { daemon.saidSoFar.contains("the fleet is paused since") }, "\(daemon.saidSoFar)")
        let (plan, status) = (try await k8s("plan"), try await k8s("status"))
        #expect(plan.status == 2 && plan.err.contains("PAUSED") && plan.out.contains("patch labels and taints"), "\(plan.all)")
        #expect(status.out.hasPrefix("PAUSED: the fleet is paused since") && status.out.contains(": disk swap\n"), "\(status.all)")
        #expect(patches() == before)
        #expect(try await k8s("resume").status == 0)
        #expect(await eventually { patches() == before + 1 }, "\(daemon.saidSoFar)")
    }
}
