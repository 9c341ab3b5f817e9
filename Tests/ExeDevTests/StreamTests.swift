import ExeDev
import Foundation
import Glibc
import HTTPServer
import Synchronization
import TestSupport
import Testing

/// What `ssh` through `/exec` answers, in both of its formats.
@Suite struct StreamTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var type = "application/x-ndjson"
        /// As they come.
        var parts: [String]
        var trailers: [String: String] = [:]
        /// What it says, standard error in brackets, and the exit status; or the error.
        var said: String
    }

    static let cases: [Case] = [
        Case(testDescription: "both outputs", parts: [#"{"stdout":"aGk="}\#n{"stderr":"bm8="}\#n{"exit_code":7}\#n"#], said: "hi[no]7"),
        Case(testDescription: "in pieces", parts: ["{\"std", "out\":\"aG", "k=\"}", "\n\n", "{\"exit_code\":0}", "\n"], said: "hi0"),
        Case(testDescription: "heartbeats", parts: ["\n", "\r\n", "\n{\"exit_code\":0}\n\n"], said: "0"),
        Case(testDescription: "a signal", parts: ["{\"exit_code\":137}\n"], said: "137"),
        Case(testDescription: "no exit code", parts: ["{\"stdout\":\"aGk=\"}\n"], said: "hi: the answer ended without an exit code"),
        Case(testDescription: "empty", parts: [""], said: ": the answer ended without an exit code"),
        Case(testDescription: "cut in a frame", parts: ["{\"exit_code\":0"], said: ": the answer is cut within a frame"),
        Case(testDescription: "without the last line break", parts: ["{\"exit_code\":3}"], said: "3"),
        Case(testDescription: "an error later", parts: ["{\"stdout\":\"aGk=\"}\n{\"error\":\"VM is gone\"}\n"], said: "hi: VM is gone"),
        Case(
            testDescription: "after the end", parts: ["{\"exit_code\":0}\n{\"stdout\":\"aGk=\"}\n"],
            said: ": something follows the exit code"),
        Case(testDescription: "two ends", parts: ["{\"exit_code\":0}\n{\"exit_code\":0}\n"], said: ": something follows the exit code"),
        Case(testDescription: "a code like no other", parts: ["{\"exit_code\":256}\n"], said: ": the exit code is 256"),
        Case(testDescription: "two keys", parts: ["{\"stdout\":\"aGk=\",\"exit_code\":0}\n"], said: ": a frame cannot be read"),
        Case(testDescription: "an unknown key", parts: ["{\"stdin\":\"aGk=\"}\n"], said: ": a frame cannot be read"),
        Case(testDescription: "no base64", parts: ["{\"stdout\":\"!\"}\n"], said: ": a frame cannot be read"),
        Case(testDescription: "no JSON", parts: ["oops\n"], said: ": a frame cannot be read"),
        Case(
            testDescription: "too long", parts: Array(repeating: String(repeating: "a", count: 300_000), count: 4),
            said: ": a frame has more than"),
        Case(testDescription: "plain", type: "text/plain", parts: ["a", "b\n"], trailers: ["x-exe-exit": "3"], said: "ab\n3"),
        Case(
            testDescription: "plain without its trailer", type: "text/plain", parts: ["a"],
            said: "a: the answer ended without an exit status"),
        Case(
            testDescription: "a trailer of words", type: "", parts: ["a"], trailers: ["x-exe-exit": "ok"], said: "a: the exit status is ok"),
        Case(
            testDescription: "JSON that a program printed", type: "application/json", parts: ["{\"error\":", "\"x\"}"],
            trailers: ["x-exe-exit": "0"], said: "{\"error\":\"x\"}0"),
        Case(testDescription: "an error with 200", type: "application/json", parts: ["{\"error\":\"no\"}"], said: ": no"),
    ]

    @Test(arguments: cases) func isReadToItsEnd(_ test: Case) async {
        let stream = Canned(type: test.type, parts: test.parts, trailers: test.trailers)
        let said = Mutex("")
        let client = ExeDevClient(transport: stream, sleep: { _ in })
        do throws(ExeDevError) {
            let status = try await client.run(RemoteCommand(vm: "a", line: "b 'c'")) { output in
                let text = String(decoding: output.bytes, as: UTF8.self)
                said.withLock { $0 += output.isError ? "[\(text)]" : text }
            }
            said.withLock { $0 += "\(status)" }
        } catch {
            #expect(error.remedy == .observeAgain, "nobody knows whether it was done")
            said.withLock { $0 += ": \(error.description.dropFirst("exe.dev ssh: ".count))" }
        }
        let all = said.withLock { $0 }
        #expect(test.said.hasPrefix(":") || test.said.contains(": a frame") ? all.hasPrefix(test.said) : all == test.said, "\(all)")
        #expect(stream.line == #"ssh a 'b '"'"'c'"'"''"#)
    }

    /// Over a socket: output is passed on before the command has ended, and trailers are read.
    @Test(.timeLimit(.minutes(1)), arguments: ["application/x-ndjson", "text/plain"]) func passesOutputOnAtOnce(type: String) async throws {
        let isFrames = type == "application/x-ndjson"
        let (seen, seeing) = AsyncStream<Void>.makeStream()
        let (port, server) = try Self.serve { stream in
            stream.write(Data((isFrames ? "\n{\"stdout\":\"aGk=\"}\n" : "hi").utf8))
            for await _ in seen { break }
            if isFrames { stream.write(Data("{\"exit_code\":5}\n".utf8)) }
            stream.end(trailers: isFrames ? [] : [("X-Exe-Exit", "5")])
        } type: {
            type
        }
        defer { server.stop() }
        let transport = try CurlTransport(token: ExeDevToken("exe0.a.b", from: "test"), endpoint: "http://127.0.0.1:\(port)/exec")
        let status = try await ExeDevClient(transport: transport).run(RemoteCommand(vm: "a", line: "b")) { output in
            #expect(output.bytes == Array("hi".utf8))
            seeing.yield()
        }
        #expect(status == 5)
    }

    /// Without a heartbeat the other side is given up; a connection that is cut is no end.
    @Test(.timeLimit(.minutes(1)), arguments: [false, true]) func silenceAndCutsAreLosses(isCut: Bool) async throws {
        let (port, server) = try Self.serve { stream in
            stream.write(Data("\n".utf8))
            if isCut { stream.abort() }
        } type: {
            "application/x-ndjson"
        }
        defer { server.stop() }
        let transport = try CurlTransport(token: ExeDevToken("exe0.a.b", from: "test"), endpoint: "http://127.0.0.1:\(port)/exec")
        let silence: Duration = isCut ? .seconds(3600) : .milliseconds(300)
        let failure = await #expect(throws: TransportFailure.self) {
            let reply = try await transport.stream(Array("ssh a b".utf8), silence: silence, gate: { true }, take: { _, _ in true })
            if reply.isTruncated { throw TransportFailure(reason: "cut", wasSent: true) }
        }
        #expect(failure?.wasSent == true)
        if !isCut { #expect(failure?.reason.contains("said nothing any more") == true) }
    }

    private static func serve(
        _ body: @escaping @Sendable (HTTPStream) async -> Void, type: @escaping @Sendable () -> String
    ) throws -> (UInt16, HTTPServer) {
        let (listener, port) = try Loopback.listen()
        let server = try HTTPServer(listeningOn: listener, bodyLimit: 65536) { _ in
            let stream = HTTPStream()
            Task { await body(stream) }
            return HTTPResponse(status: 200, headers: ["Content-Type": type()], body: Data(), ending: .streamed(stream))
        }
        return (port, server)
    }
}

/// Answers with what it was given.
private final class Canned: ExeDevTransport {
    private let (type, parts, trailers): (String, [String], [String: String])
    private let sent = Mutex("")

    init(type: String, parts: [String], trailers: [String: String]) { (self.type, self.parts, self.trailers) = (type, parts, trailers) }

    var line: String { sent.withLock { $0 } }

    func post(_ body: [UInt8], deadline: Duration) async throws(TransportFailure) -> HTTPReply {
        throw TransportFailure(reason: "only streams", wasSent: false)
    }

    func stream(
        _ body: [UInt8], silence: Duration, gate: @escaping Gate, take: @escaping @Sendable ([UInt8], [String: String]) -> Bool
    ) async throws(TransportFailure) -> HTTPReply {
        sent.withLock { $0 = String(decoding: body, as: UTF8.self) }
        let headers = ["content-type": type]
        for part in parts where !take(Array(part.utf8), headers) { break }
        var reply = HTTPReply(status: 200, headers: headers, body: [], isTruncated: false)
        reply.trailers = trailers
        return reply
    }
}
