import FleetCore
import K3s
import Live

extension FleetStatus {
    /// The response of `/metrics`. Labels hold pools, kinds and results, never a VM's name, so the number of series stays small.
    /// `uptime`: now, on the monotonic clock.
    func metrics(version: String, uptime: Double) -> String {
        var page = OpenMetrics()
        addLoop(&page, uptime)
        addQueue(&page, uptime)
        addTraffic(&page)
        addFleet(&page)
        addGenerations(&page)
        page.info("exedev_k8s_build", "The program.", ["version": version])
        return page.text
    }

    private func addLoop(_ page: inout OpenMetrics, _ uptime: Double) {
        page.counter(
            "exedev_k8s_reconcile",
            "Passes: success left the fleet settled, requeue_after did not, requeue was cut short.",
            PassResult.allCases.map { (["result": $0.rawValue], counts.passes[$0] ?? 0) })
        page.counter("exedev_k8s_reconcile_errors", "Passes that failed.", [([:], counts.passes[.error] ?? 0)])
        page.counter(
            "exedev_k8s_terminal_reconcile_errors", "Passes that failed and need the operator.", [([:], counts.terminal)])
        page.counter(
            "exedev_k8s_reconcile_timeouts", "Passes that timed out.", [([:], counts.timeouts)])
        page.histogram("exedev_k8s_reconcile_time_seconds", "How long a pass took.", counts.seconds)
        page.gauge("exedev_k8s_active_workers", "Running passes.", [([:], isPassUnderWay ? 1 : 0)])
        page.gauge("exedev_k8s_max_concurrent_reconciles", "Passes that may run at once.", [([:], 1)])
        page.gauge(
            "exedev_k8s_leader",
            "Whether this process holds the cluster's Lease: it is acquired before a change and released after it.",
            [([:], isLeader(uptime: uptime) ? 1 : 0)])
        page.gauge(
            "exedev_k8s_last_converged_timestamp_seconds", "When a pass last left the fleet settled; 0 before the first.",
            [([:], lastConverged ?? 0)])
    }

    private func addQueue(_ page: inout OpenMetrics, _ uptime: Double) {
        let unfinished = queue.unfinished(uptime)
        page.gauge(
            "exedev_k8s_workqueue_depth", "Steps on nodes that are ready to start and wait for a free slot or for the Lease.",
            [([:], Double(queue.depth))])
        page.counter("exedev_k8s_workqueue_adds", "Steps on nodes that became ready to start.", [([:], queue.adds)])
        page.histogram(
            "exedev_k8s_workqueue_queue_duration_seconds", "How long a step waited before it was started; 0 without a wait.", queue.waits)
        page.histogram(
            "exedev_k8s_workqueue_work_duration_seconds", "How long a step took until its outcome, whatever it was.", queue.works)
        page.gauge(
            "exedev_k8s_workqueue_unfinished_work_seconds", "How long the running steps have taken so far, together.",
            [([:], unfinished.reduce(0, +))])
        page.gauge(
            "exedev_k8s_workqueue_longest_running_processor_seconds", "How long the oldest running step has taken so far.",
            [([:], unfinished.max() ?? 0)])
        page.counter(
            "exedev_k8s_workqueue_retries", "Steps that were started on a node whose last step of the kind failed.", [([:], queue.retries)])
    }

    private func addTraffic(_ page: inout OpenMetrics) {
        let sent = sent
        page.counter(
            "exedev_k8s_api_requests", "Requests to exe.dev by command and HTTP status (none without an answer); each attempt counts.",
            sent.requests.sorted { $0.key < $1.key }.map { request, count in
                (["cmd": request.command, "code": request.status.map(String.init) ?? "none"], count)
            })
        page.countedSeconds(
            "exedev_k8s_api_throttle_seconds", "Seconds waited after exe.dev answered with 429.",
            sent.throttledSeconds)
        page.counter("exedev_k8s_ssh_connections", "SSH connections opened.", [([:], sent.connections)])
        page.gauge(
            "exedev_k8s_ssh_sessions", "Open SSH sessions; one that died silently counts until its next use.",
            [([:], Double(sent.sessions))])
        let results: [AuditRecord.Outcome] = [.done, .failed, .unknown, .refused]
        let kinds = StepKind.allCases.flatMap { kind in results.map { Effect(kind: kind, result: $0) } }
        page.counter(
            "exedev_k8s_effects", "Steps by outcome.",
            kinds.map { (["kind": $0.kind.rawValue, "result": $0.result.rawValue], counts.effects[$0] ?? 0) })
    }

    /// Omits the gauges of what was not observed.
    private func addFleet(_ page: inout OpenMetrics) {
        let names = Set((lastResult?.owned ?? []).map(\.name))
        page.gauge("exedev_k8s_desired_nodes", "Nodes in the fleet file.", byPool { _ in true })
        page.gauge(
            "exedev_k8s_observed_nodes", "Desired nodes that exe.dev lists with the fleet's tag.",
            lastResult?.owned == nil ? [] : byPool { names.contains($0.name) })
        page.gauge(
            "exedev_k8s_ready_nodes", "Desired nodes that are ready in the cluster.",
            lastResult.map { found in byPool { found.isReady($0.name) } } ?? [])
        page.gauge(
            "exedev_k8s_decisions", "Nodes by the decision at the end of the last pass.",
            ["settled", "act", "wait", "blocked", "reported"].map { kind in
                (["decision": kind], Double(lastResult?.plan.items.count { $0.decision.kind == kind } ?? 0))
            })
        let used = lastResult?.owned.map { [(OpenMetrics.Labels(), Double($0.count))] }
        page.gauge("exedev_k8s_vm_budget_used", "VMs with the fleet's tag.", used ?? [])
        page.gauge("exedev_k8s_vm_budget_limit", "limits.maxVMs.", fleet.map { [(OpenMetrics.Labels(), Double($0.limits.maxVMs))] } ?? [])
        page.gauge(
            "exedev_k8s_paused", "Whether an operator holds the fleet: nothing is changed until exedev-k8s resume.",
            [([:], pause == nil ? 0 : 1)])
        page.gauge(
            "exedev_k8s_breaker_open", "Whether the breaker is open: too many VMs are gone, or nodes out of reach, at once.",
            [([:], lastResult?.plan.openBreaker == nil ? 0 : 1)])
    }

    private func addGenerations(_ page: inout OpenMetrics) {
        page.gauge(
            "exedev_k8s_spec_generation", "Fleet files that took effect since the start; an unchanged file does not count.",
            [([:], Double(generation))])
        page.gauge(
            "exedev_k8s_observed_generation", "The generation of the last pass that ended.", [([:], Double(observedGeneration))]
        )
        page.gauge(
            "exedev_k8s_spec_refused", "Whether the newest fleet file has errors and an older one is in force.",
            [([:], refusal == nil ? 0 : 1)])
    }

    private func byPool(_ holds: (DesiredNode) -> Bool) -> [(OpenMetrics.Labels, Double)] {
        (fleet?.count(holds) ?? []).map { (["pool": $0.pool], Double($0.count)) }
    }
}

extension DesiredFleet {
    /// The number of nodes for which `holds` is true, by pool; every pool with nodes is listed.
    fileprivate func count(_ holds: (DesiredNode) -> Bool) -> [(pool: String, count: Int)] {
        var counts: [String: Int] = [:]
        for node in nodes { counts[node.pool, default: 0] += holds(node) ? 1 : 0 }
        return counts.keys.sorted().map { ($0, counts[$0]!) }
    }
}
