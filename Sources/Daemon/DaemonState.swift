import FleetCore
import Glibc
import K3s
import Live
import Reconciler

/// The state of the daemon's loop: a runner for each fleet. `uptime` is in seconds of CLOCK_BOOTTIME, `awake` of CLOCK_MONOTONIC,
/// which stops while the machine is suspended.
struct DaemonState: Sendable {
    var runners: [FleetRunner]
    /// When the stop was requested (`awake`).
    var stoppingSince: Double?

    /// Seconds that a running step may still take when nothing new is started: the longest deadline of a step on a host.
    static let longestStepSeconds = 620.0

    var isStopping: Bool { stoppingSince != nil }
    var isBusy: Bool { runners.contains { $0.stopSignal != nil } }
    var isDone: Bool { isStopping && !isBusy }

    /// Every wait of a pass has a deadline. A pass that outlives all of them hangs, and only a restart ends it.
    func isSound(awake: Double) -> Bool {
        runners.allSatisfy { $0.stopSignal == nil || awake - $0.began < $0.bound + Self.longestStepSeconds }
    }

    /// Whether to request more time to stop: a step is running and within its deadline.
    func needsTime(awake: Double) -> Bool {
        guard isBusy, let stoppingSince else { return false }
        return awake - stoppingSince < Self.longestStepSeconds
    }

    /// For `systemctl status`: `converged 4/4, next pass in 42 s`.
    func status(uptime: Double, awake: Double) -> String {
        let wanted = runners.reduce(0) { $0 + $1.context.fleet.nodes.count }
        let settled = runners.reduce(0) { $0 + $1.settledCount }
        let isOne = runners.count == 1
        var words = [(isOne ? "" : "\(runners.count) fleets, ") + "converged \(settled)/\(wanted)"]
        for runner in runners { if let trouble = runner.trouble { words.append(isOne ? trouble : "\(runner.name) \(trouble)") } }
        for runner in runners where runner.pause != nil { words.append(isOne ? "paused" : "\(runner.name) paused") }
        for runner in runners where runner.stopSignal != nil {
            words.append((isOne ? "" : "\(runner.name) ") + "at work for \(Int(max(0, awake - runner.began))) s")
        }
        if isStopping {
            words.append("stopping")
        } else if let next = runners.filter({ $0.stopSignal == nil }).map(\.schedule.next).min() {
            words.append("next pass in \(Int(max(0, next - uptime).rounded())) s")
        }
        return words.joined(separator: ", ")
    }

    static var awake: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
