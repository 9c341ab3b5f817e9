import FleetCore
import K3s
import Live

extension FleetStatus {
    /// What `/metrics` answers. No label holds a VM's name: pools, kinds and results are few, whatever happens to the fleet.
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
            "exedev_k8s_terminal_reconcile_errors", "Passes that failed until the operator does something.", [([:], counts.terminal)])
        page.counter(
            "exedev_k8s_reconcile_timeouts", "Passes that ran out of time.", [([:], counts.timeouts)])
        page.histogram("exedev_k8s_reconcile_time_seconds", "How long a pass took.", counts.seconds)
        page.gauge("exedev_k8s_active_workers", "Passes under way.", [([:], isPassUnderWay ? 1 : 0)])
        page.gauge("exedev_k8s_max_concurrent_reconciles", "Passes that may be under way at once.", [([:], 1)])
        page.gauge(
            "exedev_k8s_leader",
            "Whether the cluster's Lease is ours now: it is taken to change a cluster that answers, and given back after.",
            [([:], isLeader(uptime: uptime) ? 1 : 0)])
        page.gauge(
            "exedev_k8s_last_converged_timestamp_seconds", "When a pass last left the fleet settled; 0 before the first.",
            [([:], lastConverged ?? 0)])
    }

    private func addQueue(_ page: inout OpenMetrics, _ uptime: Double) {
        let unfinished = queue.unfinished(uptime)
        page.gauge(
            "exedev_k8s_workqueue_depth", "Steps on nodes that could be begun and wait for their turn: for a free place or for the Lease.",
            [([:], Double(queue.depth))])
        page.counter("exedev_k8s_workqueue_adds", "Steps on nodes that could be begun.", [([:], queue.adds)])
        page.histogram(
            "exedev_k8s_workqueue_queue_duration_seconds", "How long a step waited for its turn; 0 when it was begun at once.", queue.waits)
        page.histogram(
            "exedev_k8s_workqueue_work_duration_seconds", "How long a step took until its outcome was told, whatever that was.", queue.works
        )
        page.gauge(
            "exedev_k8s_workqueue_unfinished_work_seconds", "How long the steps under way have taken so far, together.",
            [([:], unfinished.reduce(0, +))])
        page.gauge(
            "exedev_k8s_workqueue_longest_running_processor_seconds", "How long the oldest step under way has taken so far.",
            [([:], unfinished.max() ?? 0)])
        page.counter(
            "exedev_k8s_workqueue_retries", "Steps that were begun on a node where the same step had failed last.", [([:], queue.retries)])
    }

    private func addTraffic(_ page: inout OpenMetrics) {
        let sent = sent
        page.counter(
            "exedev_k8s_api_requests", "Requests to exe.dev by command and HTTP status, none if no answer came; each try counts.",
            sent.requests.sorted { $0.key < $1.key }.map { request, count in
                (["cmd": request.command, "code": request.status.map(String.init) ?? "none"], count)
            })
        page.countedSeconds(
            "exedev_k8s_api_throttle_seconds", "Seconds waited before a request was sent again that exe.dev had answered with 429.",
            sent.throttledSeconds)
        page.counter("exedev_k8s_ssh_connections", "SSH connections that were opened.", [([:], sent.connections)])
        page.gauge(
            "exedev_k8s_ssh_sessions", "SSH sessions that are kept; one that died in silence is counted until its next use.",
            [([:], Double(sent.sessions))])
        let results: [AuditRecord.Outcome] = [.done, .failed, .unknown, .refused]
        let kinds = StepKind.allCases.flatMap { kind in results.map { Effect(kind: kind, result: $0) } }
        page.counter(
            "exedev_k8s_effects", "Steps that answered, by what came of them.",
            kinds.map { (["kind": $0.kind.rawValue, "result": $0.result.rawValue], counts.effects[$0] ?? 0) })
    }

    /// Nothing is said of what was not observed.
    private func addFleet(_ page: inout OpenMetrics) {
        let names = Set((lastResult?.owned ?? []).map(\.name))
        page.gauge("exedev_k8s_desired_nodes", "Nodes that the fleet file asks for.", byPool { _ in true })
        page.gauge(
            "exedev_k8s_observed_nodes", "Of those, how many exe.dev lists with our tag.",
            lastResult?.owned == nil ? [] : byPool { names.contains($0.name) })
        page.gauge(
            "exedev_k8s_ready_nodes", "Of those, how many the cluster calls ready.",
            lastResult.map { found in byPool { found.isReady($0.name) } } ?? [])
        page.gauge(
            "exedev_k8s_decisions", "What the last pass left the nodes with.",
            ["settled", "act", "wait", "blocked", "reported"].map { kind in
                (["decision": kind], Double(lastResult?.plan.items.count { $0.decision.kind == kind } ?? 0))
            })
        let used = lastResult?.owned.map { [(OpenMetrics.Labels(), Double($0.count))] }
        page.gauge("exedev_k8s_vm_budget_used", "VMs with our tag.", used ?? [])
        page.gauge("exedev_k8s_vm_budget_limit", "limits.maxVMs.", fleet.map { [(OpenMetrics.Labels(), Double($0.limits.maxVMs))] } ?? [])
        page.gauge(
            "exedev_k8s_breaker_open", "Whether so many VMs are gone at once that none is made anew.",
            [([:], lastResult?.breaker == nil ? 0 : 1)])
    }

    private func addGenerations(_ page: inout OpenMetrics) {
        page.gauge(
            "exedev_k8s_spec_generation", "Fleet files that took effect since the start, each other than the one before.",
            [([:], Double(generation))])
        page.gauge(
            "exedev_k8s_observed_generation", "The generation that the last pass which ended was over.", [([:], Double(observedGeneration))]
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
    /// How many nodes `holds` is true of, by pool; every pool that has nodes is there.
    fileprivate func count(_ holds: (DesiredNode) -> Bool) -> [(pool: String, count: Int)] {
        var counts: [String: Int] = [:]
        for node in nodes { counts[node.pool, default: 0] += holds(node) ? 1 : 0 }
        return counts.keys.sorted().map { ($0, counts[$0]!) }
    }
}
