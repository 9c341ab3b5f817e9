import ExeDev
import FleetCore
import Foundation
import Reconciler
import Testing

@testable import Live
@testable import SSH

/// What ends over SSH, as the answer of `POST /exec` that it stands for.
@Suite struct LobbyTests {
    @Test(
        arguments: [
            (0, "{\"vms\":[]}", "", 200, "{\"vms\":[]}"),
            (1, "", "{\"error\":\"VM \\\"x\\\" not found\"}", 422, "{\"error\":\"VM \\\"x\\\" not found\"}"),
            (1, "{\"error\":\"no\"}", "", 422, "{\"error\":\"no\"}"),
            (2, "", "unknown command\n", 422, "{\"error\":\"unknown command\\n\"}"),
            (255, "", "", 422, "{\"error\":\"the command ended with status 255\"}"),
            (nil, "part", "", 500, "{\"error\":\"the command was ended by TERM\"}"),
        ] as [(Int32?, String, String, Int, String)])
    func anEndIsAStatus(exit: Int32?, out: String, err: String, status: Int, body: String) {
        let result = ExecResult(stdout: Array(out.utf8), stderr: Array(err.utf8), exitStatus: exit, signal: exit == nil ? "TERM" : nil)
        let reply = LobbyTransport.reply(to: result)
        #expect(reply.status == status && String(decoding: reply.body, as: UTF8.self) == body)
    }

    /// What came without a status of HTTP is judged as if it had one.
    @Test(
        arguments: [
            (0, "{\"vm_name\":\"web-one\",\"co", "comment web-one x", .observeAgain), (0, "", "comment web-one x", .observeAgain),
            (1, "{\"error\":\"command timed out\"}", "rm web-one", .observeAgain), (1, "command timed out\n", "rm web-one", .observeAgain),
            (1, "slow down\n", "rm web-one", .retry(after: nil)), (1, "busy: slow down\n", "ssh web-one x", nil),
            (1, "slow down\n", "ssh web-one x", nil), (1, "command timed out\n", "ssh web-one x", nil),
        ] as [(Int32, String, String, ExeDevError.Remedy?)])
    func anEndIsJudged(exit: Int32, out: String, line: String, remedy: ExeDevError.Remedy?) async {
        let reply = LobbyTransport.reply(to: ExecResult(stdout: Array(out.utf8), stderr: [], exitStatus: exit))
        let client = ExeDevClient(transport: Answering(reply: reply), sleep: { _ in })
        let error = await #expect(throws: ExeDevError.self) { try await client.exec(.raw(line), mixed: true) }
        // Nil: the operator's to read.
        if let remedy { #expect(error?.remedy == remedy) } else { #expect(error?.remedy.advice != nil, "\(String(describing: error))") }
    }

    private struct Answering: ExeDevTransport {
        let reply: HTTPReply

        func post(_ body: [UInt8], deadline: Duration) async throws(TransportFailure) -> HTTPReply { reply }
    }

    @Test(
        arguments: [
            ("exe.dev", "exe.dev", nil, nil), ("root@127.0.0.1:2222", "127.0.0.1", 2222, "root"), ("a@b@h", "h", nil, "a@b"),
        ] as [(String, String, Int?, String?)])
    func anAddress(text: String, host: String, port: Int?, user: String?) throws {
        let address = try LobbyTransport.address(text)
        #expect(address.host == host && address.port == port && address.user == user)
    }

    @Test(arguments: [
        ("ls -l 'a b'", "ls --json -l 'a b'"), ("comment -- web-one -x", "comment --json -- web-one -x"), ("whoami", "whoami --json"),
        ("share show web-one", "share show --json web-one"), ("ssh web-one uname", "ssh web-one uname"), ("newer -x", "newer --json -x"),
        ("'comment' -- web-one '-x y'", "comment --json -- web-one '-x y'"), (" share  show a", "share show --json a"),
        ("ls\tweb-one", "ls --json\tweb-one"), ("'ssh' web-one uname", "'ssh' web-one uname"),
        ("ssh web-one --help", "ssh web-one --help"), ("ssh --help", "ssh --json --help"),
    ])
    func theFlagStandsBeforeOperands(line: String, sent: String) { #expect(LobbyTransport.asJSON(line) == sent) }

    /// A name may not resolve for 90 s after a VM was made (facts/exedev.md §5): nothing was done, and the next try may get there.
    @Test func aNameThatDoesNotResolveYetIsTriedAgain() async throws {
        let client = SSHClient(loop: .shared, connectsPerMinute: 60)
        let error = await #expect(throws: SSHError.self) {
            try await client.run(
                on: SSHTarget(host: "wire-web-n1.invalid", port: 22, user: "exedev"), command: "true", stdin: [], deadline: .seconds(9),
                outputLimit: 10)
        }
        guard let error, case .unresolved("wire-web-n1.invalid", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(Hosts.effect(error, mutates: true).remedy == .retry(after: nil))
    }

    /// What exe.dev would cut is not sent.
    @Test func aCommandThatIsTooLongIsNotSent() async throws {
        let folder = NSTemporaryDirectory() + "long-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try RealSSHD.run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", folder + "/key"])
        let transport = try LobbyTransport(
            SSHSettings(keyFile: "key", user: nil, hostKeys: .standard, config: .unused), folder: folder,
            state: StateDirectory(base: folder, cluster: "demo"), environment: ["EXE_DEV_LOBBY": "127.0.0.1:1"],
            waits: Waits())
        let reply = try await transport.post(Array(repeating: 97, count: 65_537), deadline: .seconds(5))
        #expect(reply.status == 413)
    }

    @Test(arguments: ["", ":22", "h:x", "h:70000", "h:1:2"]) func whatIsNone(text: String) {
        #expect(throws: StateError.self) { try LobbyTransport.address(text) }
    }
}
