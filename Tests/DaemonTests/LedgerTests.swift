import FleetCore
import Foundation
import K3s
import Testing

@testable import Live

@Suite struct LedgerTests {
    /// A ledger of schema 1 as it was written before there was any other. It must be readable for ever.
    private static let schema1 = """
        {"schema":1,"cluster":"demo","clusterID":"c1","clusterCIDR":"10.244.0.0/16","serviceCIDR":"10.245.0.0/16","founder":"demo-cp-n1",
        "caHash":"ca","digests":{"v1.34.9+k3s1":"ab"},"vms":{"demo-web-n1":{"hasStaleIdentity":true,"createdAt":"today","former":"before","started":1800000000.25,"poweredOn":1.7e9,"rejoined":1.7e9,
        "config":"x","removal":"drained","share":{"isPublic":true,"port":80,"users":["a@b.c"]}},
        "demo-web-n2":{"hasStaleIdentity":false,"createdAt":"today","config":"","invited":["a@b.c"],"missingSince":5},
        "demo-web-n3":{"hasStaleIdentity":false,"creating":1.7e9,"createdAt":"today","former":"today","missingSince":5},
        "demo-web-n4":{"hasStaleIdentity":true,"creating":1.7e9},
        "demo-web-n5":{"hasStaleIdentity":false,"createdAt":"today","removal":"nodeDeleted","removed":1.7e9},
        "demo-old-n1":{"hasStaleIdentity":false}},"attempts":{"demo-web-n1":{"count":3,"notBefore":1800000060,"failure":"no answer"}}}
        """

    private static let migrated: [String: NodeRecord] = {
        var (leaving, shared) = (Instance(after: "before"), Instance(createdAt: "today"))
        (leaving.createdAt, leaving.startedAt, leaving.poweredOnAt, leaving.restartedAt) = ("today", 1_800_000_000.25, 1.7e9, 1.7e9)
        (leaving.configuration, leaving.sharing) = (.digest("x"), .known(Share(port: 80, isPublic: true, users: ["a@b.c"])))
        (shared.configuration, shared.sharing, shared.missingSince) = (.unknown, .uncertain(grants: ["a@b.c"]), 5)
        var (lost, request) = (Instance(createdAt: "today"), VMRequest(sentAt: 1.7e9))
        lost.missingSince = 5
        (request.previous, request.missingSince) = (.present(lost), 5)
        return [
            "demo-web-n1": .leaving(leaving, .drained), "demo-web-n2": .present(shared), "demo-web-n3": .requested(request),
            "demo-web-n4": .requested(VMRequest(sentAt: 1.7e9)),
            "demo-web-n5": .gone(RemovedInstance(createdAt: "today", removedAt: 1.7e9)), "demo-old-n1": .present(Instance()),
        ]
    }()

    /// Shapes that never were: schema 1 called the founder `server`, schema 2 counted times in milliseconds.
    private static let invented = LedgerShape(
        schema: 3,
        steps: [
            1: { fields in fields["founder"] = fields.removeValue(forKey: "server") },
            2: { fields in
                guard case .object(var attempts)? = fields["attempts"] else { throw Odd() }
                for case (let node, .object(var attempt)) in attempts {
                    guard case .integer(let time)? = attempt["notBefore"] else { throw Odd() }
                    attempt["notBefore"] = .double(Double(time) / 1000)
                    attempts[node] = .object(attempt)
                }
                fields["attempts"] = .object(attempts)
            },
        ])
    private static let old = """
        {"schema":1,"cluster":"demo","clusterID":"c1","clusterCIDR":"10.244.0.0/16","serviceCIDR":"10.245.0.0/16","server":"demo-cp-n1","digests":{},"nodes":{},
        "attempts":{"demo-web-n1":{"count":3,"notBefore":1800000060500,"failure":"no answer"}}}
        """
    private struct Odd: Error {}

    private func state(_ scratch: borrowing Scratch, shape: LedgerShape = .current, files: [String: String]) throws -> StateDirectory {
        let state = try StateDirectory(base: scratch.path, cluster: "demo", shape: shape)
        try state.create()
        for (name, text) in files { try text.write(toFile: state.path + "/" + name, atomically: false, encoding: .utf8) }
        return state
    }

    private func files(_ state: StateDirectory) throws -> [String: String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: state.path)
        return Dictionary(uniqueKeysWithValues: try names.map { ($0, try String(contentsOfFile: state.path + "/" + $0, encoding: .utf8)) })
    }

    private func load(_ state: StateDirectory) throws -> (ledger: Ledger?, remarks: [String]) {
        var remarks: [String] = []
        let ledger = try state.loadLedger { remarks.append($0) }
        return (ledger, remarks)
    }

    @Test func readsWhatTheFirstSchemaHeld() throws {
        let scratch = try Scratch()
        let loaded = try load(state(scratch, files: ["ledger.json": Self.schema1]))
        let ledger = try #require(loaded.ledger)
        #expect(ledger.founder == "demo-cp-n1" && ledger.digests == ["v1.34.9+k3s1": "ab"] && ledger.nodes.count == 6)
        #expect(ledger.nodes == Self.migrated)
        #expect(ledger.attempts["demo-web-n1"]?.notBefore == 1_800_000_060)
        #expect(loaded.remarks.count == 1 && loaded.remarks[0].contains("from schema 1 to 2"))
    }

    @Test func everyOlderSchemaHasAWay() throws {
        for schema in 1..<max(1, Ledger.schema) {
            #expect(throws: Never.self) { try LedgerShape.current.migrated(.object(["vms": .object([:])]), from: schema) }
        }
    }

    @Test func bringsAnOldFileToTodaysShapeAndKeepsIt() throws {
        let scratch = try Scratch()
        let state = try state(scratch, shape: Self.invented, files: ["ledger.json": Self.old])
        let before = try files(state)
        let (loaded, remarks) = try load(state)
        let ledger = try #require(loaded)
        #expect(ledger.schema == 3 && ledger.founder == "demo-cp-n1" && ledger.attempts["demo-web-n1"]?.notBefore == 1_800_000_060.5)
        #expect(remarks.count == 1 && remarks[0].contains("from schema 1 to 3") && remarks[0].contains("ledger.json.v1"))
        #expect(try files(state) == before, "reading writes nothing")
        for _ in 0..<3 { try state.store(ledger) }
        #expect(try files(state).keys.sorted() == ["ledger.json", "ledger.json.previous", "ledger.json.v1"])
        #expect(try files(state)["ledger.json.v1"] == Self.old)
        let again = try load(state)
        #expect(again.ledger == ledger && again.remarks == [])
    }

    @Test func aStepSeesEveryKindOfValueUnchanged() throws {
        let text = #"{"a":[1,-2.5,"x",true,false,null,{}],"big":9007199254740993,"schema":1}"#
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        let shape = LedgerShape(schema: 2, steps: [1: { _ in }])
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let out = try String(decoding: encoder.encode(shape.migrated(value, from: 1)), as: UTF8.self)
        #expect(out == text.replacing(#""schema":1"#, with: #""schema":2"#))
    }

    @Test func refusesANewerSchemaAndSaysWhatHelps() throws {
        let scratch = try Scratch()
        let newer = Self.schema1.replacing(#""schema":1"#, with: #""schema":7"#)
        let state = try state(scratch, files: ["ledger.json": newer, "ledger.json.previous": Self.schema1])
        let error = #expect(throws: StateError.self) { try load(state) }
        #expect(error?.message == "\(state.path)/ledger.json has schema 7, this program knows schemas up to \(Ledger.schema)")
        #expect(error?.advice?.contains("newer exedev-k8s") == true)
    }

    @Test(arguments: [(LedgerShape(schema: 3, steps: [1: { _ in }]), "forgotten schema 2"), (invented, "from schema 2 to 3 failed")])
    func refusesWhatItCannotBringOver(shape: LedgerShape, words: String) throws {
        let scratch = try Scratch()
        let odd = Self.old.replacing("1800000060500", with: #""soon""#)
        let state = try state(scratch, shape: shape, files: ["ledger.json": odd, "ledger.json.previous": Self.old])
        let error = #expect(throws: StateError.self) { try load(state) }
        #expect(error?.message.contains(words) == true && error?.message.contains("ledger.json") == true && error?.advice != nil)
    }

    /// At every byte: a file that was cut is not read, the one before it is, and a warning is given.
    /// A settled pass writes nothing: the file stays the very same one, and `.previous` the one before.
    @Test func doesNotWriteTheSameTwice() throws {
        let scratch = try Scratch()
        let state = try state(scratch, files: [:])
        func inode(_ name: String) -> UInt64 {
            var facts = stat()
            return stat(state.path + "/" + name, &facts) == 0 ? UInt64(facts.st_ino) : 0
        }
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        try state.store(ledger)
        let first = inode("ledger.json")
        try state.store(ledger)
        #expect(first != 0 && inode("ledger.json") == first && inode("ledger.json.previous") == 0)
        ledger.founder = "demo-cp-n1"
        try state.store(ledger)
        #expect(inode("ledger.json") != first && inode("ledger.json.previous") == first)
        // Somebody took it away, or another program wrote it: that is mended.
        unlink(state.path + "/ledger.json")
        try state.store(ledger)
        #expect(try load(state).ledger == ledger && load(state).remarks.isEmpty)
        // Another process has not made it durable.
        let other = try StateDirectory(base: scratch.path, cluster: "demo")
        let before = inode("ledger.json")
        try other.store(ledger)
        #expect(inode("ledger.json") != before)
    }

    @Test func goesOnFromThePreviousFileWhenTheLastIsTorn() throws {
        let scratch = try Scratch()
        let state = try state(scratch, files: [:])
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        (ledger.caHash, ledger.nodes) = ("ca", Self.migrated)
        try state.store(ledger)
        let good = try #require(try files(state)["ledger.json"])
        ledger.caHash = "other"
        try state.store(ledger)
        let whole = try #require(try files(state)["ledger.json"])
        for length in 0..<(whole.utf8.count - 1) {
            try String(whole.prefix(length)).write(toFile: state.path + "/ledger.json", atomically: false, encoding: .utf8)
            let loaded = try load(state)
            #expect(loaded.ledger?.caHash == "ca" && loaded.remarks.count == 1, "cut at \(length)")
        }
        let torn = try #require(try files(state)["ledger.json"])
        let older = try #require(try load(state).ledger)
        #expect(older.nodes["demo-web-n1"]?.configuration == .unknown, "the last write may have been that of another one")
        try state.store(older)
        let after = try files(state)
        #expect(after["ledger.json.damaged"] == torn && after["ledger.json.previous"] == good)
        let now = try load(state)
        #expect(now.remarks == [] && now.ledger == older)
    }

    /// No node uses the ranges before the first server is started: a corrected fleet file takes effect.
    @Test func rangesAreTheFilesUntilTheCluster() throws {
        let scratch = try Scratch()
        let state = try state(scratch, files: [:])
        let fleet = try Samples.fleet()
        var ledger = Ledger(cluster: "demo", clusterID: "c1", clusterCIDR: "10.1.0.0/16", serviceCIDR: "10.2.0.0/16")
        try state.store(ledger)
        let before = try state.ledger(for: fleet) { _ in }
        #expect(before.clusterCIDR == fleet.cluster.clusterCIDR.description && before.serviceCIDR == fleet.cluster.serviceCIDR.description)
        #expect(before.clusterID == "c1")
        ledger.founder = "demo-cp-n1"
        ledger.founding = ["cluster-domain": .string("example.org"), "secrets-encryption": .boolean(true)]
        ledger.critical = ["disable": .list(["traefik"])]
        try state.store(ledger)
        #expect(try state.ledger(for: fleet) { _ in } == ledger)
        // An older release wrote down the ranges alone.
        (ledger.founding, ledger.critical) = (nil, nil)
        try state.store(ledger)
        let filled = try state.ledger(for: fleet) { _ in }
        #expect(filled.founding == [:] && filled.critical == [:])
    }

    @Test func aLedgerThatIsGoneIsNotFoundedAnew() throws {
        let scratch = try Scratch()
        let state = try state(scratch, files: ["ledger.json.previous": Self.schema1])
        let loaded = try load(state)
        #expect(loaded.ledger?.clusterID == "c1" && loaded.remarks.first?.contains("is gone") == true)
    }

    @Test func refusesWhenNothingCanBeRead() throws {
        let scratch = try Scratch()
        let state = try state(scratch, files: ["ledger.json": "{", "ledger.json.previous": ""])
        let error = #expect(throws: StateError.self) { try load(state) }
        #expect(error?.message.contains("ledger.json cannot be read") == true && error?.advice?.contains("copy") == true)
    }

    /// Another fleet's ledger would set hosts up for another cluster, and a wrong founder would found a second one.
    @Test(arguments: [
        (#""cluster":"demo""#, #""cluster":"other""#, "cluster: it is other's ledger, and this folder is demo's"),
        (#""founder":"demo-cp-n1""#, #""founder":"demo-web-n1""#, "founder: demo-web-n1 is an agent, and only a server founds a cluster"),
        (#""founder":"demo-cp-n1""#, #""founder":"demo-cp-x9""#, "founder: neither it nor the fleet file has a node demo-cp-x9"),
        (#""10.244.0.0/16""#, #""999.1.1.1/99""#, "clusterCIDR: 999.1.1.1/99 is no IPv4 network"),
        (
            #""10.244.0.0/16""#, #""8.8.0.0/16""#,
            "clusterCIDR: 8.8.0.0/16 is not private; choose inside one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"
        ),
        (#""10.245.0.0/16""#, #""10.96.0.0/30""#, "serviceCIDR: 10.96.0.0/30 must have a prefix from /12 to /24"),
        (#""10.245.0.0/16""#, #""10.244.0.0/16""#, "clusterCIDR 10.244.0.0/16 and serviceCIDR 10.244.0.0/16 overlap"),
        (#""today""#, #""to\u001b[2Jday""#, "vms.demo-web-n1.createdAt: a control character stands in it"),
        (#""v1.34.9+k3s1""#, #""v1\n""#, "digests.v1: a control character stands in it"),
        (#""demo-old-n1""#, #""demo\u202e""#, "vms.demo\\u{202e}: a control character stands in it"),
        (#""a@b.c""#, "\"a\u{9b}@b.c\"", "vms.demo-web-n1.share.users.0: a control character stands in it"),
    ]) func refusesWhatAnEditorPutInto(found: String, put: String, words: String) throws {
        let scratch = try Scratch()
        let edited = Self.schema1.replacing(found, with: put)
        try #require(edited != Self.schema1)
        let state = try state(scratch, files: ["ledger.json": edited, "ledger.json.previous": Self.schema1])
        let before = try files(state)
        let error = #expect(throws: StateError.self) { try state.ledger(for: Samples.fleet()) { _ in } }
        #expect(error?.message == "\(state.path)/ledger.json: \(words)")
        #expect(error?.advice?.contains("restore it from a copy") == true)
        #expect(try files(state) == before)
    }

    /// Earlier versions stored what failed as hosts said it.
    @Test func cleansWhatFailed() throws {
        let scratch = try Scratch()
        let state = try state(
            scratch, files: ["ledger.json": Self.schema1.replacing("no answer", with: #"\u001b[31mno\nanswer"#)])
        let ledger = try state.ledger(for: Samples.fleet()) { _ in }
        #expect(ledger.attempts["demo-web-n1"]?.failure == "\\u{1b}[31mno answer")
    }

    @Test func forgetsEveryCopy() throws {
        let scratch = try Scratch()
        let state = try state(scratch, shape: Self.invented, files: ["ledger.json": Self.old])
        try state.store(try #require(try load(state).ledger))
        try StateDirectory.replace(state.path + "/server-token", with: [1])
        try state.removeCluster()
        #expect(try files(state).isEmpty)
    }

    /// Who runs, since when by this machine's clock, and what to do.
    @Test func aSecondRunLearnsOfTheFirst() throws {
        let folder = NSTemporaryDirectory() + "lock-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let state = try StateDirectory(base: folder, cluster: "demo")
        let first = try FleetLock(in: state, verb: "daemon")
        let error = #expect(throws: StateError.self) { _ = try FleetLock(in: state, verb: "apply") }
        let holder = /another run of this fleet is under way: daemon, process \d+ on \S+, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}/
        #expect(try holder.wholeMatch(in: error?.message ?? "") != nil, "\(error?.message ?? "")")
        #expect(error?.advice?.contains("systemctl stop exedev-k8s") == true)
        _ = consume first
        #expect(throws: Never.self) { _ = try FleetLock(in: state, verb: "apply") }
    }

    /// With another token nobody joins: one of a cluster that stands is missed, and never made anew.
    @Test func missesATokenOfAFoundedCluster() throws {
        let folder = NSTemporaryDirectory() + "token-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let state = try StateDirectory(base: folder, cluster: "demo")
        var ledger = Ledger(cluster: "demo", clusterID: "new", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        ledger.founder = "demo-cp-n1"
        try state.store(ledger)
        #expect(state.tokenLoss() == nil, "its founding may have ended before a token was made")
        let made = try (state.secret(.serverToken), state.secret(.agentToken))
        ledger.caHash = "abc"
        try state.store(ledger)
        #expect(state.tokenLoss() == nil)
        #expect(try state.secret(.agentToken) == made.1)
        for text in ["", "\n"] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: state.path + "/server-token"))
            let loss = "\(state.path)/server-token is lost: the cluster was founded with it, and nobody can join without it"
            #expect(state.tokenLoss()?.message == loss)
        }
        try FileManager.default.removeItem(atPath: state.path + "/server-token")
        let error = #expect(throws: StateError.self) { try state.secret(.serverToken) }
        #expect(error?.advice == "exedev-k8s recover fetches it from a server")
        #expect(access(state.path + "/server-token", F_OK) != 0, "none was made")
    }

    /// `recover` writes where there is nothing of a cluster, and nowhere else.
    @Test func knowsALostLedger() throws {
        let folder = NSTemporaryDirectory() + "lost-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let state = try StateDirectory(base: folder, cluster: "demo")
        #expect(try state.lacksLedger())
        var ledger = Ledger(cluster: "demo", clusterID: "new", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16")
        try state.store(ledger)
        #expect(try state.lacksLedger(), "a run since then made a new one, which knows no cluster")
        ledger.founder = "demo-cp-n1"
        try state.store(ledger)
        #expect(try !state.lacksLedger())
        for name in ["ledger.json", "ledger.json.previous"] { try Data("{".utf8).write(to: URL(fileURLWithPath: state.path + "/" + name)) }
        #expect(try state.lacksLedger(), "neither can be read")
        try Data("{\"schema\": 99}".utf8).write(to: URL(fileURLWithPath: state.path + "/ledger.json"))
        #expect(throws: StateError.self) { try state.lacksLedger() }
    }

    @Test func keepsRecoveredTokens() throws {
        let folder = NSTemporaryDirectory() + "tokens-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let state = try StateDirectory(base: folder, cluster: "demo")
        _ = try state.secret(.serverToken)
        try state.keep(ServerRecord(serverToken: "old", agentToken: "older", clusterCIDR: "", serviceCIDR: ""))
        #expect(try state.secret(.serverToken) == "old" && state.secret(.agentToken) == "older")
        let mode = try FileManager.default.attributesOfItem(atPath: state.path + "/server-token")[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }
}
