import Digest
import Foundation
import Glibc
import HTTPServer
import K3s
import Synchronization
import TestSupport
import Testing

@testable import Live

/// Takes POSTs on a port of its own and answers as it is told.
final class Receiver: Sendable {
    struct Answer: Sendable {
        var status = 200
        var headers: [String: String] = [:]
    }

    let port: UInt16
    private let server: HTTPServer
    private let taken: Log<HTTPRequest>

    /// `answer` is given how many requests came before.
    init(_ answer: @escaping @Sendable (Int) -> Answer) throws {
        let (descriptor, port) = try Loopback.listen()
        self.port = port
        let taken = Log<HTTPRequest>()
        self.taken = taken
        server = try HTTPServer(listeningOn: descriptor, bodyLimit: 1 << 20) { request in
            let answer = answer(taken.add(request))
            return HTTPResponse(status: answer.status, headers: answer.headers, body: Data())
        }
    }

    deinit { server.stop() }

    var requests: [HTTPRequest] { taken.all }
    var url: String { "http://127.0.0.1:\(port)/hook/s3cret-path" }
}

/// What came, in its order.
final class Log<Element: Sendable>: Sendable {
    private let list = Mutex<[Element]>([])
    var all: [Element] { list.withLock { $0 } }

    /// How many there were before.
    @discardableResult func add(_ element: Element) -> Int {
        list.withLock {
            $0.append(element)
            return $0.count - 1
        }
    }
}

@Suite struct WebhookTests {
    static let key = "correct horse"

    private func deliver(to receiver: Receiver, clock: StillClock = StillClock()) async throws -> String? {
        // A long deadline, for a machine that is slow and busy: no test here is about it.
        let webhook = try Webhook(url: receiver.url, secret: Array(Self.key.utf8), clock: clock, deadline: .seconds(300))
        return await webhook.deliver(Array(#"{"kind":"settled"}"#.utf8))
    }

    @Test func signsWhatItSends() async throws {
        let receiver = try Receiver { _ in .init(status: 204) }
        #expect(try await deliver(to: receiver) == nil)
        let request = try #require(receiver.requests.first)
        #expect(request.method == "POST" && request.path == "/hook/s3cret-path" && request.headers["content-type"] == "application/json")
        let time = try #require(request.headers["x-exedev-k8s-timestamp"])
        #expect(time == "1795000000")
        // As a receiver would check it.
        let signature = hex(hmacSHA256(key: Array(Self.key.utf8), Array("\(time).".utf8) + Array(request.body)))
        #expect(request.headers["x-exedev-k8s-signature"] == "sha256=" + signature)
        #expect(request.headers["expect"] == nil)
    }

    @Test func sendsUnsignedWithoutASecret() async throws {
        let receiver = try Receiver { _ in .init() }
        #expect(try await Webhook(url: receiver.url, secret: nil).deliver([]) == nil)
        #expect(receiver.requests.first?.headers["x-exedev-k8s-signature"] == nil)
    }

    @Test func triesAgainAfterAnError() async throws {
        let (receiver, clock) = (try Receiver { .init(status: $0 < 2 ? 500 : 200) }, StillClock())
        #expect(try await deliver(to: receiver, clock: clock) == nil)
        #expect(receiver.requests.compactMap { $0.headers["x-exedev-k8s-timestamp"] } == ["1795000000", "1795000002", "1795000006"])
        #expect(Set(receiver.requests.map { $0.headers["x-exedev-k8s-signature"] }).count == 3, "the time is signed too")
    }

    @Test func givesUp() async throws {
        let (receiver, clock) = (try Receiver { _ in .init(status: 503) }, StillClock())
        #expect(try await deliver(to: receiver, clock: clock) == "it answered 503, 6 times")
        #expect(receiver.requests.count == 6)
    }

    @Test func doesNotRepeatWhatIsRefused() async throws {
        let receiver = try Receiver { _ in .init(status: 410) }
        #expect(try await deliver(to: receiver) == "it answered 410")
        #expect(receiver.requests.count == 1)
    }

    @Test func followsNoRedirect() async throws {
        let elsewhere = try Receiver { _ in .init() }
        let location = elsewhere.url
        let receiver = try Receiver { _ in .init(status: 307, headers: ["Location": location]) }
        #expect(try await deliver(to: receiver) == "it answered 307, and redirects are not followed")
        #expect(receiver.requests.count == 1 && elsewhere.requests.isEmpty)
    }

    @Test func tellsNoAddressWhenNobodyAnswers() async throws {
        let port = try Receiver { _ in .init() }.port
        let webhook = try Webhook(url: "http://127.0.0.1:\(port)/s3cret-path", secret: nil, clock: StillClock())
        let why = try #require(await webhook.deliver([]))
        #expect(!why.contains("s3cret") && !why.contains("127.0.0.1") && why.hasSuffix(", 6 times"), "\(why)")
    }

    @Test(arguments: [
        "http://example.com/s3cret", "ftp://example.com/s3cret", "s3cret", "https://exa mple/s3cret", "http://x:s3cret@127.0.0.1/",
    ])
    func refusesAnAddressWithoutTellingIt(url: String) {
        let error = #expect(throws: StateError.self) { try Webhook(url: url, secret: nil) }
        #expect(error.map { !"\($0)".contains("s3cret") } == true)
    }

    @Test func readsASecretFromItsFile() throws {
        let scratch = try Scratch()
        let file = scratch.path + "/key"
        #expect(throws: StateError.self) { try Webhook.secret(file: file) }
        try "\n".write(toFile: file, atomically: false, encoding: .utf8)
        #expect(throws: StateError.self) { try Webhook.secret(file: file) }
        try "a key\n".write(toFile: file, atomically: false, encoding: .utf8)
        #expect(try Webhook.secret(file: file) == "a key")
    }
}
