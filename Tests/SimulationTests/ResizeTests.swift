import K3s
import Testing

@testable import Simulation

/// What the model of exe.dev does with sizes.
@Suite struct ResizeTests {
    private static func account() throws -> Account<VirtualMachine> {
        var account = Account<VirtualMachine>()
        try account.create(NewVM(name: "web-one"), createdAt: { "at \($0)" }, host: { $0 })
        return account
    }

    @Test func cpuAndMemoryCountFromTheNextRestartOn() throws {
        var account = try Self.account()
        _ = try account.resize("web-one", cpu: "4", memory: "8GB", disk: nil)
        #expect(account.hosts[0].make.cpu == "2" && account.hosts[0].listedMake?.memory == "4GB")
        account.hosts[0].listedSizes = .asNext
        #expect(account.hosts[0].listedMake?.memory == "8GB")
        _ = try account.restart("web-one", now: 5, listedAfter: 0)
        #expect(account.hosts[0].make.cpu == "4" && account.hosts[0].make.memory == "8GB" && account.hosts[0].next == nil)
    }

    @Test func aDiskGrowsAtOnceAndNeverShrinks() throws {
        var account = try Self.account()
        _ = try account.resize("web-one", cpu: "4", memory: nil, disk: nil)
        #expect(try account.resize("web-one", cpu: nil, memory: nil, disk: "40GB").pendingDisk == nil)
        #expect(account.hosts[0].make.disk == "40GB" && account.hosts[0].next?.disk == "40GB")
        #expect(throws: AccountRefusal.self) { try account.resize("web-one", cpu: nil, memory: nil, disk: "30GB") }
        account.selfServeDisk = "50GB"
        #expect(try account.resize("web-one", cpu: nil, memory: nil, disk: "60GB").pendingDisk == "60GB")
        #expect(account.hosts[0].make.disk == "40GB")
    }

    @Test func aPlanHasItsQuota() throws {
        var account = try Self.account()
        account.largestCPU = 8
        #expect(throws: AccountRefusal.self) { try account.resize("web-one", cpu: "16", memory: nil, disk: nil) }
        #expect(throws: AccountRefusal.self) { try account.resize("web-one", cpu: nil, memory: nil, disk: nil) }
        #expect(throws: AccountRefusal.self) { try account.resize("web-two", cpu: "1", memory: nil, disk: nil) }
    }
}
