import Glibc
import Reconciler

package struct SystemClock: WallClock {
    package init() {}

    package var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    package var uptime: Double {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    package func sleep(seconds: Double) async throws {
        try await Task.sleep(for: .milliseconds(Int(min(max(seconds, 0), 86_400) * 1000)))
    }
}
