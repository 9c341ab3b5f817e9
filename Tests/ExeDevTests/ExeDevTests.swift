import ExeDev
import Synchronization
import Testing

/// Returns the given responses in order, and records the requests.
final class ScriptedTransport: ExeDevTransport {
    let replies: Mutex<[Result<HTTPReply, TransportFailure>]>
    let sent = Mutex<[String]>([])

    init(_ replies: [Result<HTTPReply, TransportFailure>]) { self.replies = Mutex(replies) }

    convenience init(_ status: Int, _ body: String, headers: [String: String] = [:]) {
        self.init([.success(HTTPReply(status: status, headers: headers, body: Array(body.utf8), isTruncated: false))])
    }

    func post(_ body: [UInt8], deadline: Duration) async throws(TransportFailure) -> HTTPReply {
        sent.withLock { $0.append(String(decoding: body, as: UTF8.self)) }
        let next = replies.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        return try next.get()
    }

    var count: Int { sent.withLock(\.count) }
    var client: ExeDevClient { ExeDevClient(transport: self, sleep: { _ in }, random: { 0 }) }
}

private let vm = NewVM(name: "web-n1", image: "exeuntu", cpu: 2, memory: "4GB", disk: "20GB", tags: ["fleet-demo"])
private let row = #"{"vm_name":"web-n1","status":"running","ssh_dest":"a@b@web-n1.exe.xyz","https_url":"u","ssh_port":22.0,"extra":1}"#

@Suite struct CommandTests {
    @Test func spellsCommandsAsTheSDKDoes() {
        #expect(
            ExeDevCommand.new(vm).line == "new --name=web-n1 --image=exeuntu --cpu=2 --memory=4GB --disk=20GB --tag=fleet-demo --no-email")
        #expect(ExeDevCommand.ls(pattern: "web-*").line == "ls -l 'web-*'")
        #expect(ExeDevCommand.resize(NewSize(name: "web-n1", cpu: 4, disk: "40GB")).line == "resize --cpu=4 --disk=40GB web-n1")
        #expect(ExeDevCommand.resize(NewSize(name: "web-n1", memory: "8GB")).isMutating)
        #expect(ExeDevCommand.rm(["a", "b"]).line == "rm a b")
        #expect(ExeDevCommand.tag("worker", tags: ["c"], remove: true).line == "tag -d worker c")
        #expect(ExeDevCommand.comment("w", text: "-x it's").line == #"comment -- w '-x it'"'"'s'"#)
        #expect(ExeDevCommand.comment("w", text: "").line == "comment w ''")
        var said = vm
        said.comment = "shop, ask ada"
        #expect(ExeDevCommand.new(said).line.hasSuffix("--tag=fleet-demo '--comment=shop, ask ada' --no-email"))
    }
}

@Suite struct ReplyTests {
    @Test func readsAListLeniently() async throws {
        let list = try await ScriptedTransport(200, #"{"vms":[\#(row)]}"#).client.list()
        #expect(list.vms.map(\.name) == ["web-n1"])
        #expect(list.vms[0].sshHost == "web-n1.exe.xyz" && list.vms[0].sshUser == "a@b" && list.vms[0].sshPort == 22)
        #expect(list.vms[0].tags == [])
    }

    @Test func anEmptyListIsNoVM() async throws { #expect(try await ScriptedTransport(200, #"{"vms":[]}"#).client.list().vms.isEmpty) }

    /// A response that is no list must not be read as "no VMs" or as the name of a VM.
    @Test(arguments: ["", "hello world", "{}", "[]", "<html>", #"{"vms":[{"status":"running"}]}"#, #"{"vms":[{"vm_name":"x"}]}"#])
    func refusesWhatIsNoList(body: String) async {
        await #expect(throws: ExeDevError.self) { try await ScriptedTransport(200, body).client.list() }
    }

    @Test func findsExactlyTheName() async throws {
        let other = row.replacing("web-n1\",\"status", with: "web-n10\",\"status")
        #expect(try await ScriptedTransport(200, #"{"vms":[\#(other)]}"#).client.find("web-n1") == nil)
    }

    @Test func errorWith200IsAnError() async {
        await #expect(throws: ExeDevError.refused(verb: "whoami", "no")) {
            try await ScriptedTransport(200, #"{"error":"no"}"#).client.exec(.whoami)
        }
    }

    @Test func aVMWithAWarningIsAVM() async throws {
        let created = try await ScriptedTransport(200, row.dropLast() + #","error":"setup failed"}"#).client.create(vm)
        #expect(created.vm.name == "web-n1" && created.warning == "setup failed")
    }

    @Test func readsBothDialectsOfRemoval() async throws {
        let mixed = "{\"error\":\"VM \\\"b\\\" not found\"}\n{\"deleted\":[\"a\"],\"failed\":[\"b\"],\"not_found\":[\"b\"]}"
        let removal = try await ScriptedTransport(200, mixed).client.remove(["a", "b"])
        #expect(removal.deleted == ["a"] && removal.notFound == ["b"])
        let old = try await ScriptedTransport(422, #"{"error":"VM \"b\" not found"}"#).client.remove(["b"])
        #expect(old.notFound == ["b"] && old.deleted == [])
    }

    /// Status 200, but nothing was removed: the VM must not count as gone.
    @Test(arguments: [#"{"error":"internal"}"#, "{}", #"{"deleted":["other"],"failed":[]}"#, #"{"status":"ok"}"#])
    func aRemovalThatTellsNothingIsNoRemoval(body: String) async {
        await #expect(throws: ExeDevError.self) { try await ScriptedTransport(200, body).client.remove(["a"]) }
    }

    @Test func aNameThatRoutesIsTheLogin() async throws {
        let routed = #"{"vm_name":"a","ssh_dest":"vm+a@vm.exe.xyz","ssh_user":"exedev","https_url":"u"}"#
        let list = try await ScriptedTransport(200, #"{"vms":[\#(routed)]}"#).client.list()
        #expect(list.vms[0].sshHost == "vm.exe.xyz" && list.vms[0].sshUser == "vm+a")
    }

    @Test func readsAddressesInLowerCase() async throws {
        let body = #"{"vm_name":"a","status":"private","users":[{"email":"Zoe@Example.org"},{"email":"ada@example.org"}]}"#
        #expect(try await ScriptedTransport(200, body).client.shareShow("a").users == ["ada@example.org", "zoe@example.org"])
    }
}

@Suite struct RemedyTests {
    @Test(arguments: [500, 502, 504])
    func aMutationIsNeverSentAgain(status: Int) async {
        let transport = ScriptedTransport(status, "<html>")
        await #expect(throws: ExeDevError.self) { try await transport.client.create(vm) }
        #expect(transport.count == 1)
    }

    @Test func aLostReplyOfAMutationIsLookedAt() async throws {
        let transport = ScriptedTransport([.failure(TransportFailure(reason: "reset", wasSent: true))])
        do {
            _ = try await transport.client.create(vm)
            Issue.record("it cannot succeed")
        } catch {
            #expect(error.remedy == .observeAgain)
        }
        #expect(transport.count == 1)
    }

    @Test func readsAreTriedAgain() async throws {
        let good = HTTPReply(status: 200, headers: [:], body: Array(#"{"vms":[]}"#.utf8), isTruncated: false)
        let transport = ScriptedTransport([.failure(TransportFailure(reason: "reset", wasSent: true)), .success(good)])
        #expect(try await transport.client.list().vms.isEmpty)
        #expect(transport.count == 2)
    }

    @Test func throttlingIsBoundedAndSafeForMutations() async {
        let transport = ScriptedTransport(429, #"{"error":"slow down"}"#, headers: ["retry-after": "2"])
        await #expect(throws: ExeDevError.throttled(verb: "new", retryAfter: 2)) { try await transport.client.create(vm) }
        #expect(transport.count == 6)
    }

    /// Every attempt is reported, and the time that exe.dev asked to wait.
    @Test func reportsEveryAttempt() async throws {
        let good = HTTPReply(status: 200, headers: [:], body: Array(#"{"vms":[]}"#.utf8), isTruncated: false)
        let busy = HTTPReply(status: 429, headers: ["retry-after": "2"], body: [], isTruncated: false)
        let transport = ScriptedTransport([
            .success(busy), .failure(TransportFailure(reason: "reset", wasSent: true)), .success(good),
        ])
        let notes = Mutex<[ClientNote]>([])
        let client = ExeDevClient(transport: transport, sleep: { _ in }, random: { 0 }) { note in notes.withLock { $0.append(note) } }
        _ = try await client.list(pattern: "secret")
        let want: [ClientNote] = [
            .answered(verb: "ls", status: 429), .throttled(seconds: 2), .answered(verb: "ls", status: nil),
            .answered(verb: "ls", status: 200),
        ]
        #expect(notes.withLock { $0 } == want)
    }

    /// Every wait is told to the observer, and its end.
    @Test func saysWhatItWaitsFor() async throws {
        let good = HTTPReply(status: 200, headers: [:], body: Array(#"{"vms":[]}"#.utf8), isTruncated: false)
        let busy = HTTPReply(status: 429, headers: ["retry-after": "30"], body: [], isTruncated: false)
        let waits = Mutex<[String]>([])
        let client = ExeDevClient(
            transport: ScriptedTransport([.success(busy), .success(good)]), sleep: { _ in }, random: { 0 },
            waiting: { what, seconds in
                waits.withLock { $0.append("\(what) \(Int(seconds))") }
                return { waits.withLock { $0.append("over") } }
            })
        _ = try await client.list()
        let pause = "the pause before the next try (exe.dev ls: too many requests (429)) 30"
        #expect(waits.withLock { $0 } == ["exe.dev's answer to ls 35", "over", pause, "over", "exe.dev's answer to ls 35", "over"])
    }

    @Test func aTakenNameIsTheOperatorsToChange() async {
        await #expect(throws: ExeDevError.nameUnavailable("web-n1")) {
            try await ScriptedTransport(422, #"{"error":"VM name \"web-n1\" is not available"}"#).client.create(vm)
        }
    }

    @Test(arguments: ["failed to connect to VM: connection refused", "failed to run command on VM", "failed to dial"])
    func sharingTooEarlyIsRetried(words: String) async {
        do {
            _ = try await ScriptedTransport(422, #"{"error":"\#(words)"}"#).client.shareShow("web-n1")
            Issue.record("it cannot succeed")
        } catch {
            #expect(error.remedy == .retry(after: nil))
        }
    }
}

@Suite struct TokenTests {
    @Test func showsItselfToNobody() throws {
        let token = try ExeDevToken.load(environment: ["EXE_DEV_API_KEY": "exe0.secret.sig\n"], file: nil, credentialsDirectory: nil)
        #expect("\(token)" == "<token>" && !String(reflecting: token).contains("secret"))
    }

    @Test(arguments: ["", "exe0.a b", "ghp_x"])
    func refusesJunk(text: String) {
        #expect(throws: TokenError.self) {
            try ExeDevToken.load(environment: ["EXE_DEV_API_KEY": text], file: nil, credentialsDirectory: nil)
        }
    }

    @Test func neverTravelsInTheClear() throws {
        let token = try ExeDevToken("exe0.a.b", from: "test")
        #expect(throws: EndpointError.self) { try CurlTransport(token: token, endpoint: "http://exe.dev/exec") }
        #expect(throws: EndpointError.self) { try CurlTransport(token: token, endpoint: "http://127.0.0.1.evil.example/exec") }
        #expect(throws: EndpointError.self) { try CurlTransport(token: token, endpoint: "http://127.0.0.1:x@evil.example/exec") }
    }
}
