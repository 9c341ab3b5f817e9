import CommandLine
import Glibc

// Not `arguments`, in which Swift has replaced what is no UTF-8.
let given = UnsafeBufferPointer(start: Swift.CommandLine.unsafeArgv, count: Int(Swift.CommandLine.argc))
exit(await Control.run(given.dropFirst().compactMap(\.self).map { [UInt8](UnsafeRawBufferPointer(start: $0, count: strlen($0))) }))
