import Foundation

/// A program that was run to its end.
struct Subprocess {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let status: Int32
    let output: Data

    /// Blocks the calling thread until the program ended. `input` goes to its standard input, its standard error to ours.
    static func run(_ program: String, _ arguments: [String], input: Data? = nil, quiet: Bool = false) throws -> Subprocess {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let output = Pipe()
        process.standardOutput = output
        if quiet { process.standardError = FileHandle.nullDevice }
        let source = Pipe()
        process.standardInput = input == nil ? FileHandle.nullDevice : source
        try process.run()
        if let input {
            try? source.fileHandleForWriting.write(contentsOf: input)
            try? source.fileHandleForWriting.close()
        }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Subprocess(status: process.terminationStatus, output: data)
    }

    static func check(_ program: String, _ arguments: [String]) throws {
        let ended = try run(program, arguments)
        guard ended.status == 0 else {
            throw Failure(description: "\(program) \(arguments.prefix(2).joined(separator: " ")) ended with \(ended.status)")
        }
    }
}
