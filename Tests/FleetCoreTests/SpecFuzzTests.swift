import Foundation
import K3s
import Testing

@testable import FleetCore

/// Files that nobody would write. `FUZZ_SEED=n` runs the same ones again.
@Suite struct SpecFuzzTests {
    /// Knuth's linear congruence: the same numbers on every machine.
    struct Dice: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            func half() -> UInt64 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return state >> 32
            }
            return half() << 32 | half()
        }
    }

    static let words = [
        "{", "}", "[", "]", ",", ":", "\"", "'", "\\", "\\ud83d", "//", "/*", "*/", "null", "true", "-", "-1", "0x7f", "1e400",
        "99999999999999999999",
        "9223372036854775807", "servers", "isolated: true,", "vmPrefix: \"a\",", "taints: [\"a=b:NoSchedule\"],", "labels: {}",
        "memory: 4,",
        "share: {users: []}", "\u{0}", "é", "👩‍👩‍👧", "\r\n", "nodes: 1000,", "limits: {maxVMs: 1000}", "clusterCIDR: \"10.0.0.0/9\",",
    ]

    @Test func parseAlwaysReturns() throws {
        let seed = ProcessInfo.processInfo.environment["FUZZ_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64.max)
        print("fuzzing fleet files with FUZZ_SEED=\(seed)")
        var dice = Dice(state: seed)
        let example = Array(try Data(contentsOf: SchemaTests.example))
        let schema = JSONSchema(try JSON(parsing: FleetSchema.json))
        let start = ContinuousClock.now
        for round in 0..<4000 where ContinuousClock.now - start < .seconds(1.5) {
            let text = Self.mutated(example, &dice)
            try check(text, schema, "FUZZ_SEED=\(seed), round \(round)")
        }
    }

    private func check(_ text: String, _ schema: JSONSchema, _ place: Comment) throws {
        let outcome = FleetFile.parse(text, file: "f")
        let lines = text.utf8.count { $0 == 10 } + 1
        #expect(outcome.diagnostics.allSatisfy { (1...lines).contains($0.line) && $0.column > 0 }, place)
        guard let fleet = outcome.fleet else {
            #expect(outcome.diagnostics.contains { $0.severity == .error }, place)
            return
        }
        #expect(schema.accepts(try JSON(parsing: text)), place)
        let names = fleet.nodes.map(\.name)
        #expect(Set(names).count == names.count && names.count <= fleet.limits.maxVMs, place)
        #expect(names.allSatisfy { Grammar.name($0, upTo: 52) && $0.utf8.count >= 5 }, place)
        #expect(!fleet.cluster.clusterCIDR.overlaps(fleet.cluster.serviceCIDR), place)
    }

    private static func mutated(_ example: [UInt8], _ dice: inout Dice) -> String {
        var bytes = example
        for _ in 0..<Int.random(in: 1...4, using: &dice) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &dice)
            let end = min(bytes.count, at + Int.random(in: 1...40, using: &dice))
            switch Int.random(in: 0..<6, using: &dice) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &dice)
            case 1: bytes[at] = UInt8.random(in: 32...126, using: &dice)
            case 2: bytes.removeSubrange(at..<end)
            case 3: bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &dice))
            case 4: bytes.insert(contentsOf: Array(words.randomElement(using: &dice)!.utf8), at: at)
            default: bytes.removeSubrange(end...)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
