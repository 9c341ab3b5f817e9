import Testing

@testable import Simulation

/// What exe.dev's commands do to an account, without words around it.
@Suite struct AccountTests {
    private static func account(_ names: String...) throws -> Account<VirtualMachine> {
        var account = Account<VirtualMachine>()
        for name in names { try account.create(NewVM(name: name), createdAt: { "then-\($0)" }, host: { $0 }) }
        return account
    }

    private static func refusal(_ account: Account<VirtualMachine>, _ new: NewVM) -> AccountRefusal? {
        var account = account
        do throws(AccountRefusal) {
            try account.create(new, createdAt: { _ in "" }, host: { $0 })
            return nil
        } catch {
            return error
        }
    }

    @Test func aNameIsTakenOnceAndAnIndexIsNeverReused() throws {
        var account = try Self.account("web-b", "web-a")
        account.foreignNames = ["their-vm"]
        for name in ["web-a", "their-vm"] { #expect(Self.refusal(account, NewVM(name: name)) == .nameTaken(name)) }
        #expect(account.hosts.map(\.name) == ["web-a", "web-b"])
        account.remove("web-a")
        let again = try account.create(NewVM(name: "web-a"), createdAt: { "then-\($0)" }, host: { $0 })
        #expect(again.index == 2 && again.createdAt == "then-2")
    }

    @Test func theQuotaCountsAllVMs() throws {
        var account = try Self.account("web-a", "web-b")
        account.quota = 2
        #expect(Self.refusal(account, NewVM(name: "web-c")) == .limitReached)
        account.remove("web-b")
        #expect(Self.refusal(account, NewVM(name: "web-c")) == nil)
    }

    @Test func whatIsWrittenWrongIsRefused() throws {
        let account = try Self.account()
        #expect(Self.refusal(account, NewVM(name: "web-a", tags: ["9x"])) == .invalid("invalid tag \"9x\""))
        let long = NewVM(name: "web-a", comment: String(repeating: "x", count: 201))
        #expect(Self.refusal(account, long) == .invalid("comment is longer than 200 bytes"))
    }

    @Test(arguments: [
        ("ab-c1", true), ("demo-web-n1", true), ("abcd", false), ("Web-one", false), ("1web-one", false), ("web--one", false),
        ("web-one-", false), ("web_one", false), (String(repeating: "a", count: 53), false),
    ])
    func names(name: String, isOne: Bool) { #expect(VirtualMachine.isName(name) == isOne) }

    @Test func aStartOfAStoppedVMIsListedLate() throws {
        var account = try Self.account("web-a")
        #expect(account.hosts[0].status(at: 10) == .starting)
        account.hosts[0].runs(from: 5)
        #expect(account.hosts[0].status(at: 4) == .starting && account.hosts[0].status(at: 5) == .running)
        let wasStopped = try account.restart("web-a", now: 10, listedAfter: 7)
        #expect(!wasStopped && account.hosts[0].status(at: 10) == .running)
        account.hosts[0].stop()
        let isStoppedNow = try account.restart("web-a", now: 20, listedAfter: 7)
        #expect(isStoppedNow && account.hosts[0].status(at: 26) == .stopped && account.hosts[0].status(at: 27) == .running)
    }

    @Test func sharingReachesIntoTheVM() throws {
        var account = try Self.account("web-a")
        #expect(throws: AccountRefusal.notReady) { _ = try account.share("web-a", [.isPublic(true)], isReachable: false) }
        let changes: [Sharing] = [.isPublic(true), .port(80), .add("Ada@example.org"), .add("b"), .remove("B")]
        let vm = try account.share("web-a", changes, isReachable: true)
        #expect(vm.isPublic && vm.port == 80 && vm.sharedWith == ["ada@example.org"])
        #expect(throws: AccountRefusal.notFound("web-z")) { _ = try account.share("web-z", [], isReachable: true) }
    }
}
