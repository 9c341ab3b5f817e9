import Synchronization
import Testing

@testable import Simulation

@Suite struct SoakTests {
    @Test func noticesWhatIsMoreThanTwoLooks() throws {
        let soak = try Soak(nodes: 4)
        #expect(soak.pass() == nil)
        soak.world.state.withLock { $0.vanish("demo-web-n1") }
        let wrong = try #require(soak.pass())
        #expect(wrong.contains("looks: ") && wrong.contains("createVM demo-web-n1"), "\(wrong)")
        #expect(soak.pass() == nil)
    }
}
