import Foundation
import Glibc
import HTTPServer
import Spawn

/// A command that the simulator runs on a VM by OpenSSH for a client of `/exec`.
struct RemoteSession: Sendable {
    /// `ssh` with its options and the destination.
    let ssh: [String]
    let command: String
    /// A quiet stream sends a blank line that often.
    let heartbeat: Int
    let fault: Faults.Kind?

    /// What is told to who accepts no frames, and in how many seconds (facts/exedev.md §2.4).
    private static let plainSeconds = 30.0
    private static let mostPlainBytes = 64 << 20

    /// `answer` is called once; a stream goes on behind it. Blocks until the command has ended.
    func run(asFrames: Bool, answer: (HTTPResponse) -> Void) {
        // The number of the shell comes first: exe.dev kills it when the client closes the connection. The shell around it makes 128+N of
        // its end by a signal, which OpenSSH tells as 255, and says nothing of its own.
        let inner = Self.quoted("echo $$ >&2; exec \"$SHELL\" -c \"$1\"")
        let around = "exec 3>&2 2> /dev/null; sh -c \(inner) sh \"$1\" 2>&3 3>&-; exit $?"
        let line = "exec sh -c \(Self.quoted(around)) sh \(Self.quoted(command))"
        guard let program = try? WatchedProgram(ssh + [line], environment: ["PATH": "/usr/bin:/bin", "HOME": "/root"]) else {
            return answer(Self.failure(422, "failed to create session"))
        }
        guard let shell = Self.firstLine(of: program.error) else {
            program.kill()
            _ = program.ended()
            return answer(Self.failure(422, "failed to connect to VM: connection refused"))
        }
        guard asFrames else { return answer(collected(program)) }
        let stream = HTTPStream()
        answer(HTTPResponse(status: 200, headers: ["Content-Type": "application/x-ndjson"], body: Data(), ending: .streamed(stream)))
        if fault == .lostReply { stream.abort() }
        pump(program, into: stream, shell: shell)
    }

    private func pump(_ program: consuming WatchedProgram, into stream: HTTPStream, shell: Int) {
        var (outlets, quiet) = (Outlets(program), 0)
        while !outlets.areClosed {
            if stream.isAbandoned, fault != .lostReply {
                _ = try? Subprocess.run(ssh[0], Array(ssh.dropFirst()) + ["kill -9 \(shell)"], quiet: true)
                program.kill()
                break
            }
            // A client that reads slowly slows the program down.
            guard stream.backlog < 1 << 20 else {
                usleep(10000)
                continue
            }
            let pieces = outlets.read(milliseconds: min(100, heartbeat))
            for piece in pieces {
                stream.write(Self.frame(piece.isError ? "stderr" : "stdout", .string(piece.bytes.base64EncodedString())))
            }
            quiet = pieces.isEmpty ? quiet + min(100, heartbeat) : 0
            if quiet >= heartbeat {
                stream.write(Data("\n".utf8))
                quiet = 0
            }
        }
        let status = program.ended()
        if fault == .truncate { return stream.abort() }
        if fault != .noExitCode { stream.write(Self.frame("exit_code", .number(Int(status)))) }
        stream.end()
    }

    private func collected(_ program: consuming WatchedProgram) -> HTTPResponse {
        var (outlets, body) = (Outlets(program), Data())
        let end = ContinuousClock.now + .seconds(Self.plainSeconds)
        while !outlets.areClosed {
            for piece in outlets.read(milliseconds: 100) { body += piece.bytes }
            guard ContinuousClock.now < end, body.count <= Self.mostPlainBytes else {
                // What runs there goes on; our end of it is closed.
                program.kill()
                _ = program.ended()
                return Self.failure(504, "command timed out")
            }
        }
        let (status, stream) = (program.ended(), HTTPStream())
        stream.write(body)
        switch fault {
        case .truncate, .lostReply: stream.abort()
        case .noExitCode: stream.end()
        default: stream.end(trailers: [("X-Exe-Exit", "\(status)")])
        }
        return HTTPResponse(status: 200, headers: ["Content-Type": "text/plain"], body: Data(), ending: .streamed(stream))
    }

    /// The number in the first line; nil when there is none.
    private static func firstLine(of descriptor: Int32) -> Int? {
        var (line, byte) = ([UInt8](), UInt8(0))
        while line.count < 20, read(descriptor, &byte, 1) == 1, byte != 10 { line.append(byte) }
        return Int(String(decoding: line, as: UTF8.self))
    }

    private static func frame(_ key: String, _ value: JSON) -> Data { Data((JSON.object([(key, value)]).text + "\n").utf8) }

    private static func failure(_ status: Int, _ text: String) -> HTTPResponse {
        let reply = Reply.failure(status, text)
        return HTTPResponse(status: reply.status, headers: reply.headers, body: Data(reply.body.utf8))
    }

    private static func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "'\"'\"'") + "'" }
}

/// Both outputs of a program.
private struct Outlets {
    private var open: [(descriptor: Int32, isError: Bool)]

    init(_ program: borrowing WatchedProgram) { open = [(program.output, false), (program.error, true)] }

    var areClosed: Bool { open.isEmpty }

    /// What has come; waits so long for it.
    mutating func read(milliseconds: Int) -> [(bytes: Data, isError: Bool)] {
        var ready = open.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        guard poll(&ready, nfds_t(ready.count), Int32(milliseconds)) > 0 else { return [] }
        var (pieces, chunk) = ([(bytes: Data, isError: Bool)](), [UInt8](repeating: 0, count: 32768))
        for (place, outlet) in open.enumerated().reversed() where ready[place].revents != 0 {
            let count = Glibc.read(outlet.descriptor, &chunk, chunk.count)
            if count > 0 { pieces.append((Data(chunk[..<count]), outlet.isError)) } else { open.remove(at: place) }
        }
        return pieces
    }
}
