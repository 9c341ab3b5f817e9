import Foundation
import Testing

@testable import HTTPServer
@testable import Simulation

/// Whom the HTTPS proxy lets in, and what a VM is told of it (facts/exedev.md §3.2, §7).
struct ProxyRulesTests {
    private static let owner = Visitor(userID: "usr1", email: "owner@example.com")
    private static let now = 1_800_000_000

    private static func vm(_ name: String = "web-one", tags: [String] = [], isPublic: Bool = false) -> VirtualMachine {
        var vm = VirtualMachine(name: name, index: 0, createdAt: "")
        (vm.tags, vm.isPublic) = (tags, isPublic)
        vm.runs(from: 0)
        return vm
    }

    @Test(arguments: [
        ("web-one.exe.xyz", "web-one", nil as Int?), ("Web-One.EXE.xyz:443", "web-one", nil), ("web-one.exe.xyz:3000", "web-one", 3000),
        ("web-one.exe.dev", nil, nil), ("a.web-one.exe.xyz", nil, nil), ("web-one.exe.xyz:", nil, nil), ("web-one.exe.xyz:x", nil, nil),
        ("web-one.exe.xyz:123456", nil, nil), ("exe.xyz", nil, nil), ("", nil, nil), ("web-one.exe.xyz/..", nil, nil),
    ])
    func host(text: String, vm: String?, port: Int?) {
        let host = ProxyHost(text)
        #expect(host?.vm == vm && host?.port == port)
    }

    // MARK: who is let in where

    @Test(arguments: [
        // Host, public, what is shown, a browser → what becomes of it. The VM shares port 8000.
        ("web-one.exe.xyz", false, ProxyRules.Pass.none, false, "401"), ("web-one.exe.xyz", false, .none, true, "login"),
        ("web-one.exe.xyz", false, .visitor(owner), false, "8000 usr1"), ("web-one.exe.xyz", false, .void, true, "401"),
        ("web-one.exe.xyz", true, .none, false, "8000 nobody"), ("web-one.exe.xyz:8000", true, .none, false, "8000 nobody"),
        ("web-one.exe.xyz", true, .visitor(owner), false, "8000 usr1"), ("web-one.exe.xyz", true, .void, false, "401"),
        ("web-one.exe.xyz:3000", true, .none, false, "401"), ("web-one.exe.xyz:3000", true, .none, true, "login"),
        ("web-one.exe.xyz:3000", false, .visitor(owner), false, "3000 usr1"),
        ("web-one.exe.xyz:9999", false, .visitor(owner), false, "9999 usr1"),
        ("web-one.exe.xyz:2999", false, .visitor(owner), false, "404"), ("web-one.exe.xyz:10000", true, .none, false, "404"),
        ("web-one.exe.xyz:22", false, .visitor(owner), false, "404"), ("nobody-1.exe.xyz", true, .visitor(owner), true, "404"),
    ])
    func access(host: String, isPublic: Bool, pass: ProxyRules.Pass, isBrowser: Bool, outcome: String) throws {
        let host = try #require(ProxyHost(host))
        let vm = host.vm == "web-one" ? Self.vm(isPublic: isPublic) : nil
        #expect(Self.words(ProxyRules.decide(host, vm, pass, isBrowser: isBrowser, now: 1)) == outcome)
    }

    private static func words(_ decision: ProxyRules.Decision) -> String {
        switch decision {
        case .toLogin: "login"
        case .refuse(let status, _): "\(status)"
        case .forward(let port, let visitor): "\(port) \(visitor?.userID ?? "nobody")"
        }
    }

    @Test(arguments: [
        // Who is logged in, public, port → what becomes of it. The VM is shared with ann.
        ("ann@example.com", false, "", "8000 usr2"), ("ann@example.com", false, ":8000", "8000 usr2"),
        ("ann@example.com", false, ":3000", "403"), ("bob@example.com", false, "", "403"), ("bob@example.com", true, "", "8000 usr2"),
        ("bob@example.com", true, ":3000", "403"),
    ])
    func othersThanTheOwner(email: String, isPublic: Bool, port: String, outcome: String) throws {
        let host = try #require(ProxyHost("web-one.exe.xyz" + port))
        var account = Platform.State()
        try account.create(NewVM(name: "web-one"), createdAt: { _ in "" }, host: { $0 })
        account.hosts[0].runs(from: 0)
        let vm = try account.share("web-one", [.add("Ann@example.com"), .isPublic(isPublic)], isReachable: true)
        let visitor = Visitor(userID: "usr2", email: email, isOwner: false)
        #expect(Self.words(ProxyRules.decide(host, vm, .visitor(visitor), isBrowser: true, now: 1)) == outcome)
    }

    @Test(arguments: [
        ("redirect=/", "owner@example.com" as String?), ("as=Ann%40example.com&redirect=/", "ann@example.com"),
        ("as=owner@example.com", "owner@example.com"), ("as=ann", nil), ("as=a%0Ab@example.com", nil), ("as=", nil),
    ])
    func whoLogsIn(query: String, email: String?) {
        let visitor = ProxyRules.newcomer(query: query, owner: Self.owner)
        #expect(visitor?.email == email && visitor?.isOwner == email.map { $0 == Self.owner.email })
    }

    @Test func aVMThatDoesNotRunIsNotReached() throws {
        let host = try #require(ProxyHost("web-one.exe.xyz"))
        var (stopped, starting) = (Self.vm(), VirtualMachine(name: "web-one", index: 0, createdAt: ""))
        stopped.stop()
        starting.isPublic = true
        #expect(Self.words(ProxyRules.decide(host, stopped, .visitor(Self.owner), isBrowser: false, now: 1)) == "502")
        #expect(
            Self.words(ProxyRules.decide(host, stopped, .none, isBrowser: false, now: 1)) == "401", "its state is for those with access")
        #expect(Self.words(ProxyRules.decide(host, starting, .none, isBrowser: false, now: 1)) == "502")
    }

    // MARK: tokens

    @Test(arguments: [
        (["x-exedev-authorization": "Bearer exe1.a"], "exe1.a" as String?), (["authorization": "Bearer exe0.a.b"], "exe0.a.b"),
        (["authorization": "bearer  exe1.a"], "exe1.a"), (["authorization": "Basic eDpleGUxLmE="], "exe1.a"),
        // Behind the first colon, whatever the user's name is.
        (["authorization": "Basic OmV4ZTEuYTpi"], "exe1.a:b"), (["authorization": "Basic exe1.a"], nil),
        // Another one is for the VM.
        (["authorization": "Bearer eyJ"], nil), (["authorization": "Basic eDp5"], nil), ([:], nil),
        (["x-exedev-authorization": "Bearer exe1.a", "authorization": "Bearer exe1.b"], "exe1.a"),
        (["x-exedev-authorization": "exe1.a"], ""), (["x-exedev-authorization": "Bearer other"], "other"),
    ])
    func tokenOfARequest(headers: [String: String], token: String?) { #expect(ProxyRules.token(in: headers) == token) }

    @Test(arguments: [
        // namespace, payload, the key's scope, the VM's tags → what the VM is told, or nil
        ("v0@web-one.exe.xyz", "{}", "" as String?, [], "none" as String?), ("v0@exe.dev", "{}", "", [], nil),
        ("v0@web-two.exe.xyz", "{}", "", [], nil), ("v0@web-one.exe.xyz.evil", "{}", "", [], nil), ("v0@web-one", "{}", "", [], nil),
        ("v0@web-one.exe.xyz", #"{"ctx":{"a": [1, "b"]}}"#, "", [], #"{"a": [1, "b"]}"#),
        ("v0@web-one.exe.xyz", #"{"exp":1800000001}"#, "", [], "none"), ("v0@web-one.exe.xyz", #"{"exp":1800000000}"#, "", [], nil),
        ("v0@web-one.exe.xyz", #"{"nbf":1800000000}"#, "", [], "none"), ("v0@web-one.exe.xyz", #"{"nbf":1800000001}"#, "", [], nil),
        ("v0@web-one.exe.xyz", "{} ", "", [], nil), ("v0@web-one.exe.xyz", "{}", nil, [], nil),
        ("v0@web-one.exe.xyz", "{}", "vm=web-one", [], "none"), ("v0@web-one.exe.xyz", "{}", "vm=web-two", [], nil),
        ("v0@web-one.exe.xyz", "{}", "tag=a", ["a", "b"], "none"), ("v0@web-one.exe.xyz", "{}", "tag=a", ["b"], nil),
    ])
    func signedToken(namespace: String, payload: String, scope: String?, tags: [String], context: String?) throws {
        var register = KeyRegister(owner: "ssh-ed25519 AAAA")
        if let scope {
            let pair = scope.split(separator: "=").map(String.init)
            _ = try register.add(
                SampleToken.keyLine, tag: pair.first == "tag" ? pair[1] : nil, vm: pair.first == "vm" ? pair[1] : nil)
        }
        let token = SampleToken.text(namespace: namespace, payload: payload)
        let claim = ProxyRules.claim(token, on: Self.vm(tags: tags), register, owner: Self.owner, now: Self.now)
        #expect(claim.map { $0.visitor.context ?? "none" } == context)
        #expect(claim == nil || claim?.signed != nil, "its signature is still to be checked")
    }

    /// Those that exe.dev itself made.
    @Test func issuedTokens() throws {
        var register = KeyRegister(owner: "ssh-ed25519 AAAA")
        _ = try register.add(SampleToken.keyLine + " mine", tag: nil, vm: nil)
        let key = try #require(register.key(line: SampleToken.keyLine))
        let ofVM = register.generate(label: "a", cmds: nil, ends: nil, tag: nil, vm: "web-one")
        let ended = register.generate(label: "b", cmds: nil, ends: Self.now, tag: nil, vm: "web-one")
        let ofTag = register.generate(label: "c", cmds: nil, ends: nil, tag: "a", vm: nil)
        let exchanged = register.issue(#"{"ctx":7}"#, key.fingerprint, "v0@web-one.exe.xyz", nil)
        func claim(_ issued: KeyRegister.Issued, on vm: String = "web-one") -> Visitor? {
            ProxyRules.claim(issued.text, on: Self.vm(vm, tags: ["a"]), register, owner: Self.owner, now: Self.now)?.visitor
        }
        #expect(claim(ofVM) == Self.owner && claim(ofVM, on: "web-two") == nil)
        #expect(claim(ended) == nil && claim(ofTag) == nil, "one is over, one is for the lobby")
        #expect(claim(exchanged)?.context == "7")
        _ = try register.remove("mine", scope: nil)
        #expect(claim(exchanged) == nil && claim(ofVM) == Self.owner, "it ends with its key, the other one has another")
    }

    // MARK: headers

    @Test func aVMIsToldByTheProxyAlone() throws {
        let host = try #require(ProxyHost("web-one.exe.xyz:3000"))
        let sent = [
            "host": "web-one.exe.xyz:3000", "accept": "text/html", "authorization": "Bearer mine", "x-exedev-userid": "usr666",
            "x-exedev-token-ctx": "1", "x_exedev_email": "evil@example.com", "x-exedev-authorization": "Bearer exe1.a",
            "x-exedev-source-vm": "web-two", "x-forwarded-for": "10.0.0.1", "x-forwarded-host": "evil", "x-forwarded-proto": "http",
            "@/etc/passwd": "1", "connection": "close, X-Hop", "x-hop": "1", "te": "trailers", "content-length": "3",
            "cookie": "a=1; exe-proxy-session=s; b=2",
        ]
        let kept = [
            "host": "web-one.exe.xyz:3000", "accept": "text/html", "authorization": "Bearer mine", "cookie": "a=1; b=2",
            "x-forwarded-proto": "https", "x-forwarded-host": "web-one.exe.xyz:3000", "x-forwarded-for": "127.0.0.1",
        ]
        #expect(ProxyRules.forwarded(sent, to: host, for: nil, from: "127.0.0.1") == kept)
        let known = ["x-exedev-userid": "usr1", "x-exedev-email": "owner@example.com", "x-exedev-token-ctx": "{}"]
        let visitor = Visitor(userID: "usr1", email: "owner@example.com", context: "{}")
        #expect(ProxyRules.forwarded(sent, to: host, for: visitor, from: "127.0.0.1") == kept.merging(known) { $1 })
        #expect(ProxyRules.session(in: sent) == "s" && ProxyRules.session(in: kept) == nil)
    }

    // MARK: login

    @Test(arguments: [
        ("redirect=%2Fstatus%3Fa%3Db%26c", "/status?a=b&c" as String), ("redirect=/a+b%C3%A4", "/a%20b%C3%A4"), ("x=1&redirect=/a", "/a"),
        ("redirect=https%3A%2F%2Fevil.example", "/"), ("redirect=//evil.example", "/"), ("redirect=/%5Cevil.example", "/"),
        ("redirect=/%09/evil.example", "/"), ("redirect=%2F%0D%0ASet-Cookie:a", "/"), ("redirect=%zz", "/"), ("redirect=", "/"), ("", "/"),
    ])
    func aLoginLeadsToTheSameVM(query: String, path: String) throws {
        let host = try #require(ProxyHost("web-one.exe.xyz:3000"))
        #expect(ProxyRules.afterLogin(host, query: query) == "https://web-one.exe.xyz:3000" + path)
    }

    @Test(arguments: ["/", "/a?b=c&d=%20", "/ä+b"])
    func aLoginLeadsBack(path: String) throws {
        let host = try #require(ProxyHost("web-one.exe.xyz"))
        let url = ProxyRules.loginURL(host, back: path)
        let query = try #require(url.split(separator: "?", maxSplits: 1).last)
        #expect(url.hasPrefix("https://web-one.exe.xyz/__exe.dev/login?redirect=/") && query.utf8.allSatisfy { $0 < 128 && $0 != 38 })
        #expect(ProxyRules.afterLogin(host, query: String(query)) == "https://web-one.exe.xyz" + path.replacing("ä", with: "%C3%A4"))
    }

    // MARK: what a VM answers

    /// What `curl` reads: nothing of a request ends a line or a value of it.
    @Test(arguments: [
        ("GET", #"/a"b\c"#, "", ["request = \"GET\"", #"request-target = "/a\"b\\c?q""#], ["data"]),
        ("HEAD", "/", "", ["head"], ["request =", "data"]), ("POST", "/", "", ["request = \"POST\"", "data = \"\""], ["data-binary"]),
        ("PUT", "/", "x", ["data-binary = \"@/stem.body\""], ["data = "]),
    ])
    func request(method: String, path: String, body: String, has: [String], lacks: [String]) {
        let headers = ["host": "web-one.exe.xyz", "x-odd": #"a"\"# + "\n\r\nurl = x", "x-empty": "", "accept": "*/*"]
        let request = HTTPRequest(method: method, path: path, headers: headers, body: Data(body.utf8), peer: "", query: "q")
        let lines = GuestWeb.options(request, "http://10.42.1.2:8000/", "/stem").split(separator: "\n").map(String.init)
        let all = [
            #"header = "x-odd: a\"\\url = x""#, "header = \"x-empty;\"", "header = \"user-agent:\"", "url = \"http://10.42.1.2:8000/\"",
        ]
        for line in has + all { #expect(lines.contains(line)) }
        for start in lacks + ["header = \"accept:\""] { #expect(!lines.contains { $0.hasPrefix(start) }) }
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nSet-Cookie: x\r\nset-cookie: y\r\nConnection: close\r\nDate: z\r\n\r\n", "200 a=1, 2 x y"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nB: c: d\r\n\r\nTrailer: 1\r\n\r\n", "404 b=c: d "),
        ("HTTP/1.0 302 \r\nLocation:/x\r\n\r\n", "302 location=/x "), ("", "nil"), ("HTTP/1.1 abc\r\n\r\n", "nil"),
    ])
    func answerOfAVM(head: String, words: String) {
        let response = GuestWeb.response(head: head, body: Data(), to: "GET")
        let text = response.map { response in
            let headers = response.headers.map { "\($0)=\($1)" }.sorted().joined(separator: " ")
            return "\(response.status) \(headers) \(response.cookies.joined(separator: " "))"
        }
        #expect(text ?? "nil" == words)
    }
}

/// An `exe0` token with a signature that nobody checked.
private enum SampleToken {
    private static let key = string("ssh-ed25519") + string(String(repeating: "k", count: 32))
    static let keyLine = "ssh-ed25519 " + Data(key).base64EncodedString()

    static func text(namespace: String, payload: String) -> String {
        let parts = string(namespace) + string("") + string("sha512") + string("signature")
        let blob = Array("SSHSIG".utf8) + [0, 0, 0, 1] + [0, 0, 0, UInt8(key.count)] + key + parts
        return "exe0.\(encoded(Array(payload.utf8))).\(encoded(blob))"
    }

    private static func string(_ text: String) -> [UInt8] { [0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8) }

    private static func encoded(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").filter { $0 != "=" }
    }
}
