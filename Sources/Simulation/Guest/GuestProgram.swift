internal import Foundation

/// The programs that a simulated VM runs under the names of the real ones; the binary is the simulator's own.
package enum GuestProgram {
    /// Runs the program called `name` (`k3s`, `kubectl`, `tailscale`, `tailscaled`) and returns its exit status. Daemons do not return
    /// before they fail.
    package static func run(name: String, arguments: [String]) -> Int32 {
        switch (name, arguments.first) {
        case ("k3s", "--version"?), ("k3s", "-v"?):
            print("k3s version \(version) (deadbeef)\ngo version go1.24.11")
            return 0
        case ("k3s", "check-config"?):
            return 0
        default:
            FileHandle.standardError.write(Data("\(name): this simulated VM cannot run it\n".utf8))
            return 1
        }
    }

    /// The release that this copy plays; the wrapper script installed as `k3s` sets it.
    static var version: String { ProcessInfo.processInfo.environment["K3S_STAND_IN_VERSION"] ?? "v0.0.0+k3s0" }
}
