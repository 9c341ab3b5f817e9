import FleetCore
import Foundation
import Glibc
import K3s
import Live
import Testing

@testable import Daemon
@testable import HTTPServer

/// An endpoint with a state of its own, which ends with the test.
struct Running: ~Copyable {
    let scratch: Scratch
    let state: StateDirectory
    let clock: StillClock
    let endpoint: Endpoint

    init(_ listen: ListenAddress? = nil, runtime: String? = nil) throws {
        let clock = StillClock()
        let scratch = try Scratch()
        let state = try scratch.state()
        let environment = runtime.map { ["RUNTIME_DIRECTORY": $0] } ?? [:]
        let endpoint = Endpoint(version: "0.1.0", listen: listen, environment: environment, clock: clock)
        try endpoint.open(in: state)
        (self.clock, self.state, self.endpoint) = (clock, state, endpoint)
        self.scratch = scratch
    }

    deinit { endpoint.close() }

    var socket: String { Endpoint.socket(in: state) }

    func ask(_ request: String) async throws -> EndpointClient.Reply {
        let socket = socket
        return try await offPool { try EndpointClient.exchange(request, on: try #require(UnixSocket.connect(socket)), timeoutSeconds: 300) }
    }

    func get(_ path: String) async throws -> EndpointClient.Reply {
        let socket = socket
        return try await offPool { try EndpointClient.get(path, at: socket, timeoutSeconds: 300) }
    }

    /// On the port, with further lines of the head.
    func get(_ path: String, port: UInt16, _ headers: String...) async throws -> EndpointClient.Reply {
        let request = (["GET \(path) HTTP/1.0"] + headers).joined(separator: "\r\n") + "\r\n\r\n"
        return try await offPool { try EndpointClient.exchange(request, on: try connected(port), timeoutSeconds: 300) }
    }
}

func connected(_ port: UInt16) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let code = withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    guard code == 0 else {
        close(descriptor)
        throw POSIXError(.ECONNREFUSED)
    }
    return descriptor
}

/// Blocking work on a thread of its own: the answers need the concurrency pool.
func offPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}

extension EndpointClient.Reply {
    fileprivate var text: String { String(decoding: body, as: UTF8.self) }
}

@Suite(.timeLimit(.minutes(1))) struct EndpointTests {
    @Test func tellsMoreAsMoreIsKnown() async throws {
        let running = try Running()
        #expect(try await running.get("/healthz").status == 503)
        #expect(try await running.get("/readyz").status == 503)
        #expect(try await running.get("/status").status == 503)
        let fleet = try Samples.fleet()
        running.endpoint.beat(.alive)
        running.endpoint.note(.started(fleet, run: "r1"))
        running.endpoint.beat(.passBegan { Traffic() })
        #expect(try await running.get("/healthz").text == "ok\n")
        let early = try await running.get("/readyz")
        #expect(early.status == 503 && early.text == "no pass has ended since the fleet file was read\n")
        running.endpoint.note(.passEnded(Samples.result(fleet), next: 300))
        #expect(try await running.get("/readyz").text == "ok\n")
        let status = try await running.get("/status")
        #expect(status.status == 200 && status.headers["content-type"] == "application/json")
        let document = try JSONDecoder().decode(StatusDocument.self, from: Data(status.body))
        #expect(document.settled && document.cluster == "demo" && document.nodes.map(\.name) == fleet.nodes.map(\.name))
        #expect(document.conditions.count == 5 && document.age(now: Samples.now + 60) == 60)
        let metrics = try await running.get("/metrics")
        #expect(metrics.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
        #expect(metrics.text.contains("\nexedev_k8s_ready_nodes{pool=\"web\"} 2\n") && metrics.text.hasSuffix("\n# EOF\n"))
    }

    @Test func isNotReadyWithAnotherFileOrAtTheEnd() async throws {
        let running = try Running()
        let fleet = try Samples.fleet()
        running.endpoint.note(.started(fleet, run: "r1"))
        running.endpoint.note(.passEnded(Samples.result(fleet), next: 300))
        running.endpoint.note(.reloaded(fleet))
        running.endpoint.note(.reloadRefused("no"))
        #expect(try await running.get("/readyz").status == 200)
        running.endpoint.note(.reloaded(try Samples.fleet(web: 3)))
        #expect(try await running.get("/readyz").status == 503)
        #expect(try await running.get("/status").status == 200)
        running.endpoint.note(.passEnded(Samples.result(try Samples.fleet(web: 3)), next: 300))
        #expect(try await running.get("/readyz").status == 200)
        running.endpoint.note(.stopping)
        #expect(try await running.get("/readyz").text == "stopping\n")
    }

    @Test func aLoopThatStandsStillIsNotHealthy() async throws {
        let running = try Running()
        running.endpoint.beat(.alive)
        running.clock.pass(29)
        #expect(try await running.get("/healthz").status == 200)
        running.clock.pass(2)
        #expect(try await running.get("/healthz").status == 503)
        running.endpoint.beat(.alive)
        #expect(try await running.get("/healthz").status == 200)
    }

    @Test(arguments: [
        ("GET /", 200), ("GET /metrics/", 404), ("POST /nowhere", 404), ("POST /status", 405), ("DELETE /metrics", 405),
        ("GET /metrics?name=x", 200),
    ])
    func knowsItsPagesAndMethods(line: String, status: Int) async throws {
        let running = try Running()
        let reply = try await running.ask("\(line) HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
        #expect(reply.status == status && (status != 405 || reply.headers["allow"] == "GET, HEAD"))
    }

    @Test func showsTheHeadOfAPage() {
        let request = HTTPRequest(method: "HEAD", path: "/metrics", headers: [:], body: Data(), peer: "")
        #expect(FleetStatus().answer(request, uptime: 0, version: "").status == 200)
    }

    @Test func clientRefusesHalfAnAnswer() throws {
        for text in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 OK\r\n\r\n"] {
            #expect(throws: EndpointClient.NoAnswer.self) { try EndpointClient.parse(Array(text.utf8)) }
        }
        #expect(throws: EndpointClient.NoAnswer.self) { try EndpointClient.get("/status", at: "/nonexistent/daemon.sock") }
    }
}

/// Who may ask on a port.
@Suite(.timeLimit(.minutes(1))) struct EndpointAccessTests {
    @Test func thisMachineMayAskOnLoopback() async throws {
        let running = try Running(try ListenAddress(host: "127.0.0.1", port: 0, allowedUsers: []))
        let port = try #require(running.endpoint.port)
        for host in ["Host: localhost:9477", "Host: 127.0.0.1:1", "Host: [::1]:9477", "X-Other: none"] {
            #expect(try await running.get("/metrics", port: port, host).status == 200, "\(host)")
        }
        // A name of somebody's that resolves to 127.0.0.1.
        for host in ["evil.example:9477", "127.0.0.1.evil.example", "[::1].evil.example"] {
            #expect(try await running.get("/metrics", port: port, "Host: \(host)").status == 403, "\(host)")
        }
    }

    @Test func onlyTheAllowedMayAskThroughTheProxy() async throws {
        let running = try Running(try ListenAddress(host: "0.0.0.0", port: 0, allowedUsers: ["usr1", "usr2"]))
        let port = try #require(running.endpoint.port)
        for path in ["/metrics", "/healthz", "/status", "/nowhere"] {
            #expect(try await running.get(path, port: port).status == 401, "\(path)")
            #expect(try await running.get(path, port: port, "X-ExeDev-UserID:").status == 401, "\(path)")
            for user in ["usr3", "usr", "usr1, usr2", "USR1"] {
                #expect(try await running.get(path, port: port, "X-ExeDev-UserID: \(user)").status == 403, "\(path) \(user)")
            }
            #expect(try await running.get(path, port: port, "X-ExeDev-UserID: usr3", "X-ExeDev-UserID: usr1").status == 403)
            #expect(try await running.get(path, port: port, "X-ExeDev-Email: usr1@example.org").status == 401)
        }
        for name in ["X-ExeDev-UserID", "x-exedev-userid"] {
            #expect(try await running.get("/metrics", port: port, "\(name): usr2", "Host: vm.exe.xyz").status == 200)
        }
        // The socket is for who may open the file.
        #expect(try await running.get("/metrics").status == 200)
    }

    @Test func aBrowserLogsInAndSeesWhoItIs() async throws {
        let running = try Running(try ListenAddress(host: "0.0.0.0", port: 0, allowedUsers: ["usr1"]))
        let port = try #require(running.endpoint.port)
        let login = try await running.get("/status%2f", port: port, "Accept: text/html,*/*")
        #expect(login.status == 302 && login.headers["location"] == "/__exe.dev/login?redirect=/status%252f")
        let me = ["X-ExeDev-UserID: usr1", "X-ExeDev-Email: <kim>@example.com", "X-ExeDev-Token-Ctx: {\"a\":1}"]
        func text(_ path: String) async throws -> String {
            String(decoding: try await running.get(path, port: port, me[0], me[1], me[2]).body, as: UTF8.self)
        }
        let page = try await text("/")
        #expect(page.contains("&lt;kim&gt;@example.com (user id usr1), token context {&quot;a&quot;:1}"), "\(page)")
        #expect(page.contains("action=\"/__exe.dev/logout\""))
        let who = try await text("/whoami")
        #expect(who.contains("\"userID\" : \"usr1\"") && who.contains("\"logoutURL\" : \"/__exe.dev/logout\""), "\(who)")
        #expect(String(decoding: try await running.get("/").body, as: UTF8.self).contains("Not through exe.dev's proxy"))
    }

    @Test func anAllowListBindsOnLoopbackToo() async throws {
        let running = try Running(try ListenAddress(host: "127.0.0.1", port: 0, allowedUsers: ["usr1"]))
        let port = try #require(running.endpoint.port)
        #expect(try await running.get("/metrics", port: port).status == 401)
    }

    @Test(arguments: ["127.0.0.1:9477", "localhost:9477", "127.8.9.10:1", "[::1]:65535"])
    func loopbackNeedsNoList(text: String) throws {
        _ = try ListenAddress(text, allowedUsers: [])
    }

    @Test(arguments: [
        "0.0.0.0:9477", "10.42.0.7:9477", "[::]:9477", "[fe80::1]:9477", "[::ffff:127.0.0.1]:9477", "128.0.0.1:9477",
    ])
    func whatOthersReachNeedsAList(text: String) throws {
        #expect(throws: ListenAddress.Unusable.self) { try ListenAddress(text, allowedUsers: []) }
        #expect(throws: ListenAddress.Unusable.self) { try ListenAddress(text, allowedUsers: ["usr1", ""]) }
        _ = try ListenAddress(text, allowedUsers: ["usr1"])
    }

    @Test(arguments: [
        "", "9477", ":9477", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1", "127.1:9477", "::1:9477",
        "[127.0.0.1]:9477", "example.org:9477", "[::1:9477", "127.0.0.1:9477x",
    ])
    func nothingElseIsAnAddress(text: String) {
        #expect(throws: ListenAddress.Unusable.self) { try ListenAddress(text, allowedUsers: ["usr1"]) }
    }
}
