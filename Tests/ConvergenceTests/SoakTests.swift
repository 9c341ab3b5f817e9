import Synchronization
import Testing

@testable import Simulation

@Suite struct SoakTests {
    @Test func noticesWhatIsMoreThanTwoLooks() throws {
        var soak = try Soak(nodes: 4)
        let first = soak.pass()
        #expect(first == nil)
        soak.world.state.withLock { $0.vanish("demo-web-n1") }
        let second = soak.pass()
        let wrong = try #require(second)
        #expect(wrong.contains("reads: ") && wrong.contains("createVM demo-web-n1"), "\(wrong)")
        let third = soak.pass()
        #expect(third == nil)
    }
}
