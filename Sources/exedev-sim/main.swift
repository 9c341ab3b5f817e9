import Foundation
import Simulation

exit(await SimulatorCommand.run(arguments: Array(CommandLine.arguments.dropFirst())))
