import CommandLine
import Glibc

exit(await Control.run(Array(Swift.CommandLine.arguments.dropFirst())))
