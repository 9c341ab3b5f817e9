import Foundation

/// The programs that a simulated VM runs under the names of the real ones; the binary is the simulator's own.
package enum GuestProgram {
    /// Runs the program called `name` (`k3s`, `kubectl`, `tailscale`, `tailscaled`) and returns its exit status. Daemons do not return
    /// before they fail.
    package static func run(name: String, arguments: [String]) async -> Int32 {
        do {
            switch name {
            case "k3s": return try await k3s(arguments)
            case "kubectl": return try KubectlClient.run(arguments)
            case "tailscaled": return try await Tailscaled().run()
            default: return try Tailscale.run(arguments)
            }
        } catch {
            complain("\(error)")
            return 1
        }
    }

    private static func k3s(_ arguments: [String]) async throws -> Int32 {
        switch arguments.first {
        case "--version", "-v":
            GuestProgram.say("k3s version \(version) (deadbeef)\ngo version go1.24.11")
            return 0
        case "check-config": return 0
        case "kubectl": return try KubectlClient.run(Array(arguments.dropFirst()))
        case "server", "agent":
            guard GuestHost.read("/etc/exedev-sim/broken-release")?.contains(version) != true else {
                throw GuestFailure("level=fatal msg=\"this release does not run here\"")
            }
            try await serve(arguments)
        default:
            throw GuestFailure("k3s: this simulated VM cannot run: \(arguments.joined(separator: " "))")
        }
    }

    private static func serve(_ arguments: [String]) async throws -> Never {
        let rest = Array(arguments.dropFirst())
        if arguments.first == "server" { try await K3sServer(K3sConfig(.server, arguments: rest)).run() }
        var agent = try K3sAgent(K3sConfig(.agent, arguments: rest))
        try await agent.run()
    }

    /// Written at once: a daemon's standard output is a socket of the journal, which buffers of the C library would hold back.
    static func say(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    static func complain(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    /// The release that this copy plays; the wrapper script installed as `k3s` sets it.
    static var version: String { ProcessInfo.processInfo.environment["K3S_STAND_IN_VERSION"] ?? "v0.0.0+k3s0" }
}

struct GuestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ text: String) { description = text }
}
