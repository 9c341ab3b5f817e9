import FleetCore
import Foundation
import K3s
import Testing

@testable import Simulation

/// The log of a roll-out, wave by wave, for pools of several sizes, limits, and nodes that fail at random places: `Rollouts.txt` has it as recorded.
@Suite struct RolloutTests {
    private struct Case {
        var nodes: Int
        var limit: String
        var failing: [Int] = []
        var down: [Int] = []

        var name: String {
            "\(nodes) nodes, maxUnavailable \(limit)" + (failing.isEmpty ? "" : ", on \(failing) the new k3s fails")
                + (down.isEmpty ? "" : ", \(down) down before")
        }
    }

    private static let cases: [Case] = {
        var random = Randomness(seed: 4)
        let whole = [(1, "1"), (3, "1"), (4, "2"), (5, "2"), (7, "3"), (10, "25%")].map { Case(nodes: $0.0, limit: $0.1) }
        let failures = (0..<3).map { _ in Case(nodes: 6, limit: "2", failing: [1 + random.below(6)]) }
        return whole + failures + [
            Case(nodes: 6, limit: "3", down: [1 + random.below(6)]), Case(nodes: 4, limit: "2", failing: [2], down: [3]),
        ]
    }()

    @Test func theLogIsAsRecorded() throws {
        let seen = try Self.cases.map(Self.log).joined(separator: "\n")
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Rollouts.txt")
        let recorded = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        #expect(seen == recorded, "what is seen now:\n\(seen)")
    }

    private static func log(_ item: Case) throws -> String {
        let (old, new) = ("v1.34.9+k3s1", "v1.34.10+k3s1")
        var sketch = FleetSketch(web: item.nodes, version: old)
        sketch.maxUnavailable = item.limit.hasSuffix("%") ? "\"\(item.limit)\"" : item.limit
        let fleet = sketch.fleet()
        var world = try WorldState.standing(fleet)
        for number in item.failing { world.breakRelease(new, on: "demo-web-n\(number)") }
        for number in item.down { world.kill("demo-web-n\(number)") }
        sketch.version = new
        let run = try Rehearsal(sketch.fleet(), in: world, seconds: 3600)
        let (waves, limit) = (Waves(of: run, pool: "demo-web-"), fleet.limits.maxUnavailable.count(of: item.nodes))
        #expect(waves.mostAtOnce + item.down.count <= limit, "\(item.name)")
        if item.failing.isEmpty, item.down.isEmpty { #expect(waves.list.count == (item.nodes + limit - 1) / limit, "\(item.name)") }
        let blocked = run.plan?.items.filter(\.decision.isBlocked).map { "\($0.node): \($0.decision.reason!.code.rawValue)\n" } ?? []
        return "# \(item.name)\n" + waves.text + blocked.sorted().joined()
    }
}

/// Which nodes of a pool were out of service at the same time.
private struct Waves {
    /// A node belongs to the wave after the last one that was over when it began.
    private(set) var list: [[String]] = []
    private(set) var mostAtOnce = 0

    init(of run: Rehearsal, pool: String) {
        var (waves, over, out): ([String: Int], Int, Set<String>) = ([:], 0, [])
        for (_, event) in run.told {
            guard let node = event.node, node.hasPrefix(pool) else { continue }
            switch event {
            case .actionStarted(let action, _) where action.kind == .evacuate && waves[node] == nil:
                waves[node] = over + 1
                out.insert(node)
                mostAtOnce = max(mostAtOnce, out.count)
            case .actionFinished(let action, _) where action.kind == .uncordon:
                out.remove(node)
                over = max(over, waves[node] ?? 0)
            default: break
            }
        }
        let count = waves.values.max() ?? 0
        list = (0..<count).map { wave in waves.filter { $0.value == wave + 1 }.map(\.key).sorted() }
    }

    var text: String { list.enumerated().map { "wave \($0.offset + 1): \($0.element.joined(separator: " "))\n" }.joined() }
}
