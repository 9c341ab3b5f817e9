import Foundation
import TestSupport
import Testing

/// The shipped planner and loop in the world in memory, as the released `exedev-sim` proves them: every fault, random ones, every rule
/// taken away. Here because it needs the optimised program; nothing of the wire is in it.
extension WireTests {
    @Suite struct ProofTests {
        private static func sim(_ words: String...) async throws -> ChildProcess.Ended {
            let programs = try #require(
                ProcessInfo.processInfo.environment["EXEDEV_BIN"], "EXEDEV_BIN names the folder of the built programs: run make test")
            let folder = NSTemporaryDirectory() + "/proof-" + UUID().uuidString.prefix(8)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            return await (try ChildProcess([programs + "/exedev-sim"] + words, environment: [:], folder: folder)).ended()
        }

        @Test func noFaultAtAnyStepDoesHarm() async throws {
            // Every fault and every pair of crashes is `exedev-sim prove` alone.
            async let first = Self.sim("prove", "--every", "144", "--part", "1/2")
            async let second = Self.sim("prove", "--every", "144", "--part", "2/2")
            for ended in [try await first, try await second] { #expect(ended.status == 0, "\(ended.all)") }
        }

        /// The same seeds each time, so that what lands does not hang on the day; `exedev-sim fuzz --seeds A..B` tries others. A failure prints its
        /// own, and `--seeds N..N` runs it again.
        @Test(arguments: [(4, 2000), (10, 200)]) func randomFaultsDoNoHarm(nodes: Int, count: Int) async throws {
            let first = 20_781_000_000
            print("seeds \(first)..\(first + count), \(nodes) nodes")
            func half(_ seeds: ClosedRange<Int>) async throws -> ChildProcess.Ended {
                try await Self.sim("fuzz", "--nodes", "\(nodes)", "--seeds", "\(seeds.lowerBound)..\(seeds.upperBound)")
            }
            async let low = half(first...first + count / 2)
            async let high = half(first + count / 2 + 1...first + count)
            for ended in [try await low, try await high] {
                #expect(ended.status == 0, "\(ended.all.prefix(4000))")
                print(ended.out)
            }
        }

        @Test func everyRuleIsMissedWhenItIsGone() async throws {
            async let first = Self.sim("guards", "--seeds", "1..1000", "--part", "1/2")
            async let second = Self.sim("guards", "--seeds", "1..1000", "--part", "2/2")
            for ended in [try await first, try await second] {
                #expect(ended.status == 0, "\(ended.all)")
                print(ended.out)
            }
        }

        /// A settled fleet costs two reads a pass, and memory does not grow with the number of passes.
        @Test func aSettledFleetCostsTwoLooksAndNoMemory() async throws {
            let ended = try await Self.sim("soak", "--passes", "300", "--nodes", "100")
            #expect(ended.status == 0, "\(ended.all)")
            print(ended.out)
        }

        @Test func theSameSeedsTakeTheSameWay() async throws {
            let (first, second) = (try await Self.sim("fuzz", "--seeds", "1..300"), try await Self.sim("fuzz", "--seeds", "1..300"))
            func trace(_ ended: ChildProcess.Ended) -> Substring? {
                ended.out.components(separatedBy: "trace ").last?.split(separator: ",").first
            }
            #expect(first.status == 0 && trace(first) != nil && trace(first) == trace(second), "\(first.all)\n\(second.all)")
        }
    }
}
