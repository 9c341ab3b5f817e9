import Foundation
import Simulation

// One executable, several programs: inside a VM it is k3s, kubectl, tailscale and tailscaled, by the name or first word it is called with.
let arguments = CommandLine.arguments
let calledAs = arguments.first.map { URL(fileURLWithPath: $0).lastPathComponent } ?? ""
if ["k3s", "kubectl", "tailscale", "tailscaled"].contains(calledAs) {
    exit(await GuestProgram.run(name: calledAs, arguments: Array(arguments.dropFirst())))
}
if let name = arguments.dropFirst().first, ["k3s", "tailscale", "tailscaled"].contains(name) {
    exit(await GuestProgram.run(name: name, arguments: Array(arguments.dropFirst(2))))
}
exit(await SimulatorCommand.run(arguments: Array(arguments.dropFirst()), installScript: K3sMirror.installScript))
