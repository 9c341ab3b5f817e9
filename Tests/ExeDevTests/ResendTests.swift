import Dispatch
import ExeDev
import Glibc
import Synchronization
import TestSupport
import Testing

/// Answers the first four requests with keep-alive, and closes the connection on the fifth without a response.
private final class DyingServer: Sendable {
    let requests = Atomic<Int>(0)
    let port: UInt16
    /// The status line and what else stands before the length.
    private let status: String
    private let body: [UInt8]

    init(_ status: String = "200 OK", _ body: [UInt8] = Array("{}".utf8)) throws {
        (self.status, self.body) = (status, body)
        let (listener, port) = try Loopback.listen()
        self.port = port
        DispatchQueue.global().async { [self] in
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                DispatchQueue.global().async { self.serve(connection) }
            }
        }
    }

    private func serve(_ connection: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var text = ""
        while case let count = recv(connection, &buffer, buffer.count, 0), count > 0 {
            text += String(decoding: buffer[..<count], as: UTF8.self)
            guard text.hasSuffix("\r\n\r\nrestart x") else { continue }
            text = ""
            if requests.add(1, ordering: .sequentiallyConsistent).newValue == 5 { break }
            let reply = Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body
            send(connection, reply, reply.count, Int32(MSG_NOSIGNAL))
        }
        close(connection)
    }
}

@Test func aDroppedReplyIsALossAndNoResend() async throws {
    let server = try DyingServer()
    let token = try ExeDevToken("exe0.a.b", from: "test")
    let client = ExeDevClient(transport: try CurlTransport(token: token, endpoint: "http://127.0.0.1:\(server.port)/exec"))
    for _ in 0..<4 { try await client.restart("x") }
    await #expect(throws: ExeDevError.self) { try await client.restart("x") }
    #expect(server.requests.load(ordering: .sequentiallyConsistent) == 5)
}

/// A proxy's error page that repeats what it was sent must not take our token any further.
@Test(arguments: ["200 OK", "400 Bad Request", "401 Unauthorized", "422 Unprocessable"]) func aTokenThatIsRepeatedIsReplaced(status: String)
    async throws
{
    let token = "exe1.eyJjbWRzIjpbImxzIl19.c2lnbmF0dXJlc2lnbmF0dXJl"
    let said = #"{"error":"bad header: Authorization: Bearer \#(token) (signature c2lnbmF0dXJlc2lnbmF0dXJl)"}"#
    let server = try DyingServer(status, Array(said.utf8))
    let client = ExeDevClient(
        transport: try CurlTransport(token: try ExeDevToken(token, from: "test"), endpoint: "http://127.0.0.1:\(server.port)/exec"))
    let error = await #expect(throws: ExeDevError.self) { try await client.restart("x") }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains("<secret exe-dev-api-key>") && !text.contains("c2lnbmF0"), "\(text)")
}

/// Which token it was, when it ended if that can be known, and where a new one goes.
@Test func anEndedTokenHasItsOwnAdvice() async throws {
    let server = try DyingServer("401 Unauthorized", Array(#"{"error":"invalid token"}"#.utf8))
    func refusal(_ token: String) async throws -> (text: String, advice: String) {
        let token = try ExeDevToken(token, from: "/etc/exedev/token")
        let client = ExeDevClient(transport: try CurlTransport(token: token, endpoint: "http://127.0.0.1:\(server.port)/exec"))
        let error = try #require(await #expect(throws: ExeDevError.self) { try await client.restart("x") })
        guard case .askOperator(let advice) = error.remedy else { throw error }
        return ("\(error)", advice)
    }
    // {"exp":1700000000} and {"exp":4000000000}
    let ended = try await refusal("exe0.eyJleHAiOjE3MDAwMDAwMDB9.c2ln")
    #expect(ended.text == "exe.dev refused the API token of /etc/exedev/token (401): invalid token; it ended at 2023-11-14T22:13:20Z")
    #expect(ended.advice.hasPrefix("make a new one and put it into /etc/exedev/token: exedev-ctl token mint; exedev-ctl token for"))
    for token in ["exe0.eyJleHAiOjQwMDAwMDAwMDB9.c2ln", "exe0.e30.c2ln", "exe1.opaque"] {
        #expect(try await refusal(token).text == "exe.dev refused the API token of /etc/exedev/token (401): invalid token")
    }
}

/// What a token tells of itself is said where exe.dev says only that it is invalid.
@Test func whyATokenIsRefusedIsRead() async throws {
    let server = try DyingServer("401 Unauthorized", Array(#"{"error":"invalid token"}"#.utf8))
    func refusal(_ token: String) async throws -> String {
        let token = try ExeDevToken(token, from: "/etc/exedev/token")
        let client = ExeDevClient(transport: try CurlTransport(token: token, endpoint: "http://127.0.0.1:\(server.port)/exec"))
        return "\(try #require(await #expect(throws: ExeDevError.self) { try await client.restart("x") }))"
    }
    let later = try await refusal("exe0.eyJuYmYiOjQwMDAwMDAwMDB9.c2ln")
    #expect(later == "exe.dev refused the API token of /etc/exedev/token (401): invalid token; it begins at 2096-10-02T07:06:40Z")
    // For v1@exe.dev.
    let foreign = try await refusal(
        "exe0.e30.U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbgAAA"
            + "AKdjFAZXhlLmRldgAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUxOQAAAEBYt2gfmEzKodpm85_F5n1PN1P0rU8_Jd8YES"
            + "sX1E2v_aqaP2wxZYG9gPKwyjMWWwW-pCRC7CdMXvMMvMQpdVML"
    )
    #expect(foreign.hasSuffix("invalid token; it was signed for v1@exe.dev, not for v0@exe.dev"))
}

/// A proxy on the way may compress what nobody asked to be compressed.
@Test func aCompressedAnswerIsRead() async throws {
    // gzip of {"error":"said in gzip"}
    let body: [UInt8] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0x4a, 0x2d, 0x2a, 0xca, 0x2f, 0x52, 0xb2, 0x52,
        0x2a, 0x4e, 0xcc, 0x4c, 0x51, 0xc8, 0xcc, 0x53, 0x48, 0xaf, 0xca, 0x2c, 0x50, 0xaa, 0x05, 0x00, 0x91, 0x0f, 0xd3, 0x02,
        0x18, 0x00, 0x00, 0x00,
    ]
    let server = try DyingServer("200 OK\r\nContent-Encoding: gzip", body)
    let client = ExeDevClient(
        transport: try CurlTransport(token: try ExeDevToken("exe0.a.b", from: "test"), endpoint: "http://127.0.0.1:\(server.port)/exec"))
    await #expect(throws: ExeDevError.refused(verb: "restart", "said in gzip")) { try await client.restart("x") }
}

/// Who was asked, and no words of libcurl's insides.
@Test(arguments: [
    ("http://127.0.0.1:1/exec", "no connection to 127.0.0.1:1: Connection refused"),
    ("https://nobody.invalid/exec", "nobody.invalid does not resolve"),
])
func aFailedConnectionNamesItsPeer(endpoint: String, reason: String) async throws {
    let token = try ExeDevToken.load(environment: ["EXE_DEV_API_KEY": "exe1.token"], file: nil, credentialsDirectory: nil)
    let transport = try CurlTransport(token: token, endpoint: endpoint)
    let failure = await #expect(throws: TransportFailure.self) { _ = try await transport.post([], deadline: .seconds(20)) }
    #expect(failure == TransportFailure(reason: reason, wasSent: false))
}
