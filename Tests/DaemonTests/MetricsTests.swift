import FleetCore
import Foundation
import Live
import Reconciler
import Testing

@testable import Daemon

@Suite struct MetricsTests {
    /// A settled pass, one with every outcome of a step, one that failed, one cut short, and one under way.
    private static func story() throws -> Story {
        let fleet = try Samples.fleet()
        var story = Story()
        story.note(.started(fleet, run: "r1"))
        story.pass(.passEnded(Samples.result(fleet), next: 300))
        story.beat(.passBegan { Samples.traffic })
        let step = Samples.step
        for end in [
            Event.actionFinished(step, seconds: 1), .actionFailed(step, reason: "no", retryIn: nil), .outcomeUnknown(step, reason: "lost"),
            .blocked(node: step.node, .vmPaused(name: step.node)), .blocked(node: "demo-web-n2", .vmPaused(name: "demo-web-n2")),
        ] {
            if case .blocked(let node, _) = end, node != step.node {} else { story.note(.event(.actionStarted(step, .tagsDiffer))) }
            story.note(.event(end))
        }
        let breaker = Decision.blocked(.vmsVanished(count: 2, of: 3))
        var late = Samples.result(fleet, ["demo-web-n1": breaker], gone: ["demo-web-n1"])
        late.ranOutOfTime = true
        story.note(.passEnded(late, next: 5))
        story.pass(.passFailed("the token is refused", asksOperator: true, next: 5))
        story.beat(.passBegan { Samples.traffic })
        story.note(.reloaded(try Samples.fleet(web: 3)))
        story.beat(.passCutShort)
        story.note(.reloadRefused("line 3: no"))
        story.beat(
            .passBegan {
                var more = Traffic()
                (more.requests, more.sessions) = ([.init("ls", 200): 10, .init("new", 429): 1], 2)
                return more
            })
        story.note(.event(.leaseTaken(until: story.time + 60)))
        story.note(.event(.actionsQueued([step, .startVM(StartVM(node: "demo-web-n2"))])))
        story.note(.event(.actionStarted(step, .tagsDiffer)))
        story.time += 2
        return story
    }

    @Test func saysAllThatIsCounted() throws {
        let story = try Self.story()
        let page = story.status.metrics(version: "0.1.0", uptime: story.time)
        // Of 48 effects and 44 buckets what is not empty; the rest of the page word for word.
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
            !(line.contains("_effects_total{") && line.hasSuffix(" 0")) && !line.contains("_bucket{")
        }
        #expect(lines.joined(separator: "\n") == Self.want)
        #expect(page.components(separatedBy: "_effects_total{").count == 1 + 4 * StepKind.allCases.count)
        #expect(!page.contains("demo-web-n1"))
    }

    @Test func isWellFormedBeforeAnythingIsKnown() {
        let page = FleetStatus().metrics(version: "a\"b\\c\nd", uptime: 0)
        #expect(page.hasSuffix("exedev_k8s_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n# EOF\n"))
        #expect(page.contains("\nexedev_k8s_reconcile_total{result=\"success\"} 0\n"))
        #expect(page.contains("\nexedev_k8s_last_converged_timestamp_seconds 0\n"))
        #expect(!page.contains("\nexedev_k8s_observed_nodes{"), "what was not observed has no samples")
    }

    /// The sessions outlive the pass that opened them, and what it sent is counted once.
    @Test func countsThePassUnderWayAndThoseBefore() {
        var story = Story()
        story.note(.started(Say.fleet, run: "r1"))
        story.beat(.passBegan { Samples.traffic })
        #expect(story.status.sent == Samples.traffic)
        story.note(Say.settled)
        #expect(story.status.sent == Samples.traffic)
        story.beat(.passBegan { Traffic() })
        #expect(story.status.sent.requestCount == 3 && story.status.sent.sessions == 0)
    }

    /// It is ours from an answer until it is given back, another one has it, or nothing renewed it.
    @Test func isLeaderWhileTheLeaseIsOurs() {
        var story = Story()
        #expect(!story.status.isLeader(uptime: story.time))
        story.note(.event(.leaseTaken(until: story.time + 60)))
        #expect(story.status.isLeader(uptime: story.time) && !story.status.isLeader(uptime: story.time + 60))
        story.note(.event(.leaseEnded))
        #expect(!story.status.isLeader(uptime: story.time))
    }

    @Test func cumulatesItsBuckets() {
        var histogram = Histogram()
        for value in [0.001, 0.005, 0.3, 59, 60, 61, 9999] { histogram.observe(value) }
        let counts = Dictionary(uniqueKeysWithValues: histogram.cumulated.map { ($0.bound, $0.count) })
        #expect(counts["0.005"] == 2 && counts["0.01"] == 2 && counts["0.3"] == 3 && counts["60.0"] == 5 && counts["120.0"] == 6)
        #expect(counts["600.0"] == 6 && counts["+Inf"] == 7 && histogram.count == 7)
    }

    private static let want = """
        # TYPE exedev_k8s_reconcile counter
        # HELP exedev_k8s_reconcile Passes: success left the fleet settled, requeue_after did not, requeue was cut short.
        exedev_k8s_reconcile_total{result="success"} 1
        exedev_k8s_reconcile_total{result="error"} 1
        exedev_k8s_reconcile_total{result="requeue"} 1
        exedev_k8s_reconcile_total{result="requeue_after"} 1
        # TYPE exedev_k8s_reconcile_errors counter
        # HELP exedev_k8s_reconcile_errors Passes that failed.
        exedev_k8s_reconcile_errors_total 1
        # TYPE exedev_k8s_terminal_reconcile_errors counter
        # HELP exedev_k8s_terminal_reconcile_errors Passes that failed and need the operator.
        exedev_k8s_terminal_reconcile_errors_total 1
        # TYPE exedev_k8s_reconcile_timeouts counter
        # HELP exedev_k8s_reconcile_timeouts Passes that timed out.
        exedev_k8s_reconcile_timeouts_total 1
        # TYPE exedev_k8s_reconcile_time_seconds histogram
        # UNIT exedev_k8s_reconcile_time_seconds seconds
        # HELP exedev_k8s_reconcile_time_seconds How long a pass took.
        exedev_k8s_reconcile_time_seconds_count 4
        exedev_k8s_reconcile_time_seconds_sum 14
        # TYPE exedev_k8s_active_workers gauge
        # HELP exedev_k8s_active_workers Running passes.
        exedev_k8s_active_workers 1
        # TYPE exedev_k8s_max_concurrent_reconciles gauge
        # HELP exedev_k8s_max_concurrent_reconciles Passes that may run at once.
        exedev_k8s_max_concurrent_reconciles 1
        # TYPE exedev_k8s_leader gauge
        # HELP exedev_k8s_leader Whether this process holds the cluster's Lease: it is acquired before a change and released after it.
        exedev_k8s_leader 1
        # TYPE exedev_k8s_last_converged_timestamp_seconds gauge
        # UNIT exedev_k8s_last_converged_timestamp_seconds seconds
        # HELP exedev_k8s_last_converged_timestamp_seconds When a pass last left the fleet settled; 0 before the first.
        exedev_k8s_last_converged_timestamp_seconds 1795000003
        # TYPE exedev_k8s_workqueue_depth gauge
        # HELP exedev_k8s_workqueue_depth Steps on nodes that are ready to start and wait for a free slot or for the Lease.
        exedev_k8s_workqueue_depth 1
        # TYPE exedev_k8s_workqueue_adds counter
        # HELP exedev_k8s_workqueue_adds Steps on nodes that became ready to start.
        exedev_k8s_workqueue_adds_total 6
        # TYPE exedev_k8s_workqueue_queue_duration_seconds histogram
        # UNIT exedev_k8s_workqueue_queue_duration_seconds seconds
        # HELP exedev_k8s_workqueue_queue_duration_seconds How long a step waited before it was started; 0 without a wait.
        exedev_k8s_workqueue_queue_duration_seconds_count 5
        exedev_k8s_workqueue_queue_duration_seconds_sum 1
        # TYPE exedev_k8s_workqueue_work_duration_seconds histogram
        # UNIT exedev_k8s_workqueue_work_duration_seconds seconds
        # HELP exedev_k8s_workqueue_work_duration_seconds How long a step took until its outcome, whatever it was.
        exedev_k8s_workqueue_work_duration_seconds_count 4
        exedev_k8s_workqueue_work_duration_seconds_sum 4
        # TYPE exedev_k8s_workqueue_unfinished_work_seconds gauge
        # UNIT exedev_k8s_workqueue_unfinished_work_seconds seconds
        # HELP exedev_k8s_workqueue_unfinished_work_seconds How long the running steps have taken so far, together.
        exedev_k8s_workqueue_unfinished_work_seconds 2
        # TYPE exedev_k8s_workqueue_longest_running_processor_seconds gauge
        # UNIT exedev_k8s_workqueue_longest_running_processor_seconds seconds
        # HELP exedev_k8s_workqueue_longest_running_processor_seconds How long the oldest running step has taken so far.
        exedev_k8s_workqueue_longest_running_processor_seconds 2
        # TYPE exedev_k8s_workqueue_retries counter
        # HELP exedev_k8s_workqueue_retries Steps that were started on a node whose last step of the kind failed.
        exedev_k8s_workqueue_retries_total 3
        # TYPE exedev_k8s_api_requests counter
        # HELP exedev_k8s_api_requests Requests to exe.dev by command and HTTP status (none without an answer); each attempt counts.
        exedev_k8s_api_requests_total{cmd="ls",code="none"} 4
        exedev_k8s_api_requests_total{cmd="ls",code="200"} 10
        exedev_k8s_api_requests_total{cmd="new",code="200"} 8
        exedev_k8s_api_requests_total{cmd="new",code="429"} 1
        # TYPE exedev_k8s_api_throttle_seconds counter
        # UNIT exedev_k8s_api_throttle_seconds seconds
        # HELP exedev_k8s_api_throttle_seconds Seconds waited after exe.dev answered with 429.
        exedev_k8s_api_throttle_seconds_total 6
        # TYPE exedev_k8s_ssh_connections counter
        # HELP exedev_k8s_ssh_connections SSH connections opened.
        exedev_k8s_ssh_connections_total 4
        # TYPE exedev_k8s_ssh_sessions gauge
        # HELP exedev_k8s_ssh_sessions Open SSH sessions; one that died silently counts until its next use.
        exedev_k8s_ssh_sessions 2
        # TYPE exedev_k8s_effects counter
        # HELP exedev_k8s_effects Steps by outcome.
        exedev_k8s_effects_total{kind="purgeIdentity",result="done"} 1
        exedev_k8s_effects_total{kind="purgeIdentity",result="failed"} 1
        exedev_k8s_effects_total{kind="purgeIdentity",result="unknown"} 1
        exedev_k8s_effects_total{kind="purgeIdentity",result="refused"} 1
        # TYPE exedev_k8s_desired_nodes gauge
        # HELP exedev_k8s_desired_nodes Nodes in the fleet file.
        exedev_k8s_desired_nodes{pool="servers"} 1
        exedev_k8s_desired_nodes{pool="web"} 3
        # TYPE exedev_k8s_observed_nodes gauge
        # HELP exedev_k8s_observed_nodes Desired nodes that exe.dev lists with the fleet's tag.
        exedev_k8s_observed_nodes{pool="servers"} 1
        exedev_k8s_observed_nodes{pool="web"} 1
        # TYPE exedev_k8s_ready_nodes gauge
        # HELP exedev_k8s_ready_nodes Desired nodes that are ready in the cluster.
        exedev_k8s_ready_nodes{pool="servers"} 1
        exedev_k8s_ready_nodes{pool="web"} 1
        # TYPE exedev_k8s_decisions gauge
        # HELP exedev_k8s_decisions Nodes by the decision at the end of the last pass.
        exedev_k8s_decisions{decision="settled"} 2
        exedev_k8s_decisions{decision="act"} 0
        exedev_k8s_decisions{decision="wait"} 0
        exedev_k8s_decisions{decision="blocked"} 1
        exedev_k8s_decisions{decision="reported"} 0
        # TYPE exedev_k8s_vm_budget_used gauge
        # HELP exedev_k8s_vm_budget_used VMs with the fleet's tag.
        exedev_k8s_vm_budget_used 2
        # TYPE exedev_k8s_vm_budget_limit gauge
        # HELP exedev_k8s_vm_budget_limit limits.maxVMs.
        exedev_k8s_vm_budget_limit 25
        # TYPE exedev_k8s_paused gauge
        # HELP exedev_k8s_paused Whether an operator holds the fleet: nothing is changed until exedev-k8s resume.
        exedev_k8s_paused 0
        # TYPE exedev_k8s_breaker_open gauge
        # HELP exedev_k8s_breaker_open Whether the breaker is open: too many VMs are gone, or nodes out of reach, at once.
        exedev_k8s_breaker_open 1
        # TYPE exedev_k8s_spec_generation gauge
        # HELP exedev_k8s_spec_generation Fleet files that took effect since the start; an unchanged file does not count.
        exedev_k8s_spec_generation 2
        # TYPE exedev_k8s_observed_generation gauge
        # HELP exedev_k8s_observed_generation The generation of the last pass that ended.
        exedev_k8s_observed_generation 1
        # TYPE exedev_k8s_spec_refused gauge
        # HELP exedev_k8s_spec_refused Whether the newest fleet file has errors and an older one is in force.
        exedev_k8s_spec_refused 1
        # TYPE exedev_k8s_build info
        # HELP exedev_k8s_build The program.
        exedev_k8s_build_info{version="0.1.0"} 1
        # EOF

        """
}
