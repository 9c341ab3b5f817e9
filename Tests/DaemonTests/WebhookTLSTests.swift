import Foundation
import Glibc
import TestSupport
import Testing

@testable import Live

/// `openssl s_server` on a port of its own, with a certificate from a CA that was made for it and that nobody else knows. It prints what it
/// is sent. Ended with the value that holds it.
private final class TLSServer {
    let port: String
    private let folder: String
    private let process: ChildProcess

    init(in folder: String) async throws {
        self.folder = folder
        try await Self.openssl(
            ["req", "-x509", "-keyout", folder + "/ca.key", "-out", folder + "/ca.pem", "-subj", "/CN=a CA of this test"] + Self.newKey,
            folder)
        let names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
        let issuer = ["-CA", folder + "/ca.pem", "-CAkey", folder + "/ca.key"]
        try await Self.openssl(
            ["req", "-x509", "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem"] + names + issuer + Self.newKey, folder)
        // It ends a connection when its standard input ends: a pipe that it holds open itself never does.
        try #require(mkfifo(folder + "/in", 0o600) == 0)
        let script = "exec openssl s_server -accept 127.0.0.1:0 -cert \"$0/cert.pem\" -key \"$0/key.pem\" 0<> \"$0/in\""
        let process = try ChildProcess(["sh", "-c", script, folder], environment: [:], folder: folder)
        self.process = process
        _ = await eventually { process.saidSoFar.contains("ACCEPT 127.0.0.1:") }
        let line = process.saidSoFar.split(separator: "\n").first { $0.hasPrefix("ACCEPT ") }
        port = String(try #require(line?.split(separator: ":").last, "\(process.saidSoFar)"))
    }

    deinit {
        process.signal(SIGKILL)
        waitpid(process.id, nil, 0)
    }

    private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]

    private static func openssl(_ words: [String], _ folder: String) async throws {
        let ended = try await ChildProcess(["openssl"] + words, environment: [:], folder: folder).ended()
        try #require(ended.status == 0, "\(ended.all)")
    }

    /// Sends a line as a client that knows the CA and verifies as libcurl does.
    func send(_ line: String) async throws -> ChildProcess.Ended {
        let words = ["openssl", "s_client", "-connect", "127.0.0.1:" + port, "-CAfile", folder + "/ca.pem"]
        let checks = ["-verify_return_error", "-verify_ip", "127.0.0.1", "-brief"]
        return try await ChildProcess(words + checks, environment: [:], folder: folder, input: line + "\n").ended()
    }

    func prints(_ words: String) async -> Bool { await eventually { output.contains(words) } }

    var output: String { process.saidSoFar }
}

extension WebhookTests {
    /// It says who it is, and nobody whom this machine trusts says so too.
    @Test func deliversNothingToAReceiverThatNobodyVouchesFor() async throws {
        let scratch = try Scratch()
        let server = try await TLSServer(in: scratch.path)
        let webhook = try Webhook(url: "https://127.0.0.1:\(server.port)/s3cret-path", secret: Array(Self.key.utf8), clock: StillClock())
        let why = try #require(await webhook.deliver(Array(#"{"kind":"settled"}"#.utf8)))
        #expect(why.contains("certificate") && why.hasSuffix(", 6 times") && !why.contains("s3cret"), "\(why)")
        #expect(await server.prints("alert unknown ca"), "\(server.output)")
        // The certificate is good to who knows the CA, and what is delivered is printed: so nothing was.
        let known = try await server.send("from a friend")
        #expect(known.status == 0 && known.all.contains("Verification: OK"), "\(known.all)")
        #expect(await server.prints("from a friend"), "\(server.output)")
        #expect(["POST", "s3cret", "settled"].allSatisfy { !server.output.contains($0) }, "\(server.output)")
    }
}
