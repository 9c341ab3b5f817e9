import ExeDev
import FleetCore
import Foundation
import Glibc
import Reconciler
import TestSupport
import Testing
import Tokens

@testable import Live

/// exe.dev's HTTPS proxy on a port of its own: it writes down what it is asked, answers by the path, and has a certificate for `web-one.exe.xyz` from a
/// CA that nobody else knows. Ended with the value that holds it.
private final class VMProxy {
    let port: String
    let folder: String
    private let process: ChildProcess

    private static let program = #"""
        import http.server, ssl, sys
        folder = sys.argv[1]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with open(folder + "/asked", "a") as log:
                    log.write("GET " + self.headers["Host"] + self.path + "\n" + str(self.headers) + "\n")
                status = int(self.path.split("/")[-1])
                self.send_response(status)
                if status == 302: self.send_header("Location", "https://web-one.exe.xyz/elsewhere/200")
                if self.path.startswith("/endless/"):
                    self.end_headers()
                    try:
                        while True: self.wfile.write(b"x" * 65536)
                    except OSError: open(folder + "/cut", "w").close()
                    return
                if self.path.startswith("/odd/"): self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", "4")
                self.end_headers()
                self.wfile.write(b"body")
            def log_message(self, *words): pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        print("PORT", server.server_address[1], "IS OURS", flush=True)
        server.serve_forever()
        """#

    init(in folder: String) async throws {
        self.folder = folder
        let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        try await Self.run(
            ["openssl", "req", "-x509", "-keyout", folder + "/ca.key", "-out", folder + "/ca.pem", "-subj", "/CN=a CA of this test"]
                + newKey,
            folder)
        let additions = ["subjectAltName=DNS:web-one.exe.xyz", "basicConstraints=critical,CA:FALSE"]
        let names = ["-subj", "/CN=web-one"] + additions.flatMap { ["-addext", $0] }
        let issuer = ["-CA", folder + "/ca.pem", "-CAkey", folder + "/ca.key"]
        try await Self.run(
            ["openssl", "req", "-x509", "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem"] + names + issuer + newKey, folder)
        let process = try ChildProcess(["python3", "-c", Self.program, folder], environment: Self.environment, folder: folder)
        self.process = process
        _ = await eventually { process.saidSoFar.contains("IS OURS") }
        port = String(try #require(process.saidSoFar.split(separator: " ").dropFirst().first, "\(process.saidSoFar)"))
    }

    deinit {
        process.signal(SIGKILL)
        waitpid(process.id, nil, 0)
    }

    static let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": "/nonexistent"]

    static func run(_ words: [String], _ folder: String) async throws {
        let ended = try await ChildProcess(words, environment: environment, folder: folder).ended()
        try #require(ended.status == 0, "\(ended.all)")
    }

    /// All requests so far, with their headers.
    var asked: String { (try? String(contentsOfFile: folder + "/asked", encoding: .utf8)) ?? "" }

    var tokens: [String] {
        asked.split(separator: "\n").filter { $0.hasPrefix("X-Exedev-Authorization: Bearer ") }.map { String($0.dropFirst(31)) }
    }

    /// An asker with the key in the folder, whom this proxy's CA vouches to.
    func prober(_ clock: StillClock, _ more: [String: String] = [:], keyFile: String? = "user", signer: String = "ssh-keygen") throws
        -> ShareProber
    {
        let own = ["EXE_DEV_PROXY": "127.0.0.1:\(port)", "EXE_DEV_PROXY_CA": folder + "/ca.pem", "EXE_DEV_API_KEY": "exe0.secret.api"]
        let identity = Identity(
            settings: SSHSettings(keyFile: keyFile, user: nil, hostKeys: .standard), folder: folder,
            state: try StateDirectory(base: folder + "/state", cluster: "demo"),
            environment: Self.environment.merging(own) { $1 }.merging(more) { $1 })
        return ShareProber(identity: identity, waits: Waits(), clock: clock, signer: signer)
    }
}

/// libcurl, `ssh-keygen` and a TLS server that are the real ones.
@Suite struct ShareProberTests {
    private static func question(_ path: String, isPublic: Bool = false, vm: String = "web-one") -> ShareQuestion {
        ShareQuestion(vm: vm, probe: ShareProbe(path: path, status: 200), isPublic: isPublic)
    }

    private static func key(in folder: String, passphrase: String = "") async throws {
        try await VMProxy.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", folder + "/user"], folder)
    }

    private static func failure(_ prober: ShareProber, _ question: ShareQuestion) async -> EffectError? {
        do throws(EffectError) {
            _ = try await prober.status(question)
            return nil
        } catch { return error }
    }

    @Test func aPrivateVMIsAskedWithATokenOfItsOwn() async throws {
        let scratch = try Scratch()
        try await Self.key(in: scratch.path)
        let (proxy, clock) = (try await VMProxy(in: scratch.path), StillClock())
        let prober = try proxy.prober(clock)
        for path in ["/ready?x=1&/200", "/ready/503"] {
            #expect(try await prober.status(Self.question(path)) == Int(path.suffix(3)))
        }
        #expect(proxy.asked.contains("GET web-one.exe.xyz/ready?x=1&/200\n") && proxy.asked.contains("GET web-one.exe.xyz/ready/503\n"))
        let text = try #require(proxy.tokens.first)
        #expect(proxy.tokens == [text, text], "one lasts for its time")
        let token = try SignedToken(text)
        #expect(token.signature.namespace == "v0@web-one.exe.xyz" && token.permissions.expires == Int(clock.now) + 900)
        #expect(try SignatureProgram(environment: VMProxy.environment).isGood(token))
        clock.pass(800)
        #expect(try await prober.status(Self.question("/200")) == 200)
        #expect(try proxy.tokens.count == 3 && SignedToken(proxy.tokens[2]).permissions.expires == Int(clock.now) + 900)
        #expect(!proxy.asked.contains("secret"), "\(proxy.asked)")
    }

    @Test func aPublicVMIsAskedWithoutOne() async throws {
        let scratch = try Scratch()
        let proxy = try await VMProxy(in: scratch.path)
        // There is no key at all.
        let prober = try proxy.prober(StillClock(), keyFile: nil)
        #expect(try await prober.status(Self.question("/200", isPublic: true)) == 200)
        #expect(proxy.asked.contains("GET web-one.exe.xyz/200\n") && !proxy.asked.lowercased().contains("authorization"), "\(proxy.asked)")
        let error = try #require(await Self.failure(prober, Self.question("/200")))
        #expect(error.message.contains("no file of an SSH key") && error.advice?.contains("ssh.keyFile") == true)
        #expect(proxy.asked.components(separatedBy: "GET ").count == 2, "it is not asked without its token: \(proxy.asked)")
    }

    /// The status is all that counts of an answer.
    @Test func noRedirectIsFollowedAndNoBodyKept() async throws {
        let scratch = try Scratch()
        let proxy = try await VMProxy(in: scratch.path)
        let prober = try proxy.prober(StillClock())
        #expect(try await prober.status(Self.question("/302", isPublic: true)) == 302)
        #expect(!proxy.asked.contains("elsewhere"), "\(proxy.asked)")
        #expect(try await prober.status(Self.question("/endless/200", isPublic: true)) == 200)
        #expect(await eventually { FileManager.default.fileExists(atPath: scratch.path + "/cut") }, "the connection is ended")
        #expect(try await prober.status(Self.question("/odd/200", isPublic: true)) == 200, "what is in the body is no matter")
    }

    /// A proxy of another name, and one whom nobody knows: nothing is sent, the token least of all.
    @Test func asksNobodyWhoseCertificateIsWrong() async throws {
        let scratch = try Scratch()
        try await Self.key(in: scratch.path)
        let proxy = try await VMProxy(in: scratch.path)
        let other = try #require(await Self.failure(try proxy.prober(StillClock()), Self.question("/200", vm: "web-two")))
        #expect(other.message.hasPrefix("web-two.exe.xyz has a certificate") && other.remedy == .retry(after: nil), "\(other)")
        let unknown = try #require(await Self.failure(try proxy.prober(StillClock(), ["EXE_DEV_PROXY_CA": ""]), Self.question("/200")))
        #expect(unknown.message.hasPrefix("web-one.exe.xyz has a certificate"), "\(unknown)")
        #expect(proxy.asked == "")
        for error in [other, unknown] { #expect(!error.message.contains("exe0.") && !error.message.contains("Bearer")) }
    }

    /// Nobody is there whom it could ask.
    @Test func aKeyWithAPassphraseAsksNobody() async throws {
        let scratch = try Scratch()
        try await Self.key(in: scratch.path, passphrase: "secret words")
        let proxy = try await VMProxy(in: scratch.path)
        let error = try #require(await Self.failure(try proxy.prober(StillClock()), Self.question("/200")))
        #expect(error.message == "ssh-keygen signed nothing with \(scratch.path)/user", "\(error)")
        guard case .askOperator = error.remedy else { return #expect(Bool(false), "\(error.remedy)") }
        #expect(proxy.asked == "")
    }

    /// The program that signs gets the permissions on its standard input, and none of our secrets; the token it never sees.
    @Test func noTokenIsInArgumentsOrEnvironments() async throws {
        let scratch = try Scratch()
        try await Self.key(in: scratch.path)
        let proxy = try await VMProxy(in: scratch.path)
        let signer = scratch.path + "/signer"
        let wrapper = "#!/bin/sh\n{ echo \"$0 $*\"; env; } >> \(scratch.path)/seen\nexec ssh-keygen \"$@\"\n"
        #expect(
            FileManager.default.createFile(atPath: signer, contents: Data(wrapper.utf8), attributes: [.posixPermissions: 0o755]))
        #expect(try await proxy.prober(StillClock(), signer: signer).status(Self.question("/200")) == 200)
        let seen = try String(contentsOfFile: scratch.path + "/seen", encoding: .utf8)
        #expect(seen.contains("-Y sign -q -n v0@web-one.exe.xyz -f \(scratch.path)/user"), "\(seen)")
        for secret in ["exe0.", "EXE_DEV"] + proxy.tokens { #expect(!seen.contains(secret), "\(seen)") }
    }
}
