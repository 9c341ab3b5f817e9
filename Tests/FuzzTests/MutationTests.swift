import Foundation
import Shell
import TestSupport
import Testing

/// The corpus as it is, then mutated from a seed. `FUZZ_SEED=n` runs the same inputs again; `scripts/fuzz` drives the same entries with
/// libFuzzer.
@Suite struct MutationTests {
    /// Knuth's linear congruence: the same numbers on every machine.
    private struct Dice {
        var state: UInt64

        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(max(1, bound)))
        }
    }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")
    private static let splices: [[UInt8]] = [
        Array("\r\n".utf8), [0], [0xff, 0xfe], Array("\\ud83d".utf8), Array("1e999".utf8), Array("99999999999999999999".utf8),
        Array("'\u{301}".utf8), Array(String(repeating: "[", count: 5000).utf8), Array("null".utf8), Array("{\"a\":".utf8),
    ]

    private static func corpus(_ entry: FuzzEntry) throws -> [[UInt8]] {
        let place = folder.appending(path: entry.name)
        let files = try FileManager.default.contentsOfDirectory(at: place, includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map { Array(try Data(contentsOf: $0)) }
    }

    @Test(.timeLimit(.minutes(5)), arguments: FuzzEntry.all) func everyInputIsAnswered(entry: FuzzEntry) async throws {
        let seed = ProcessInfo.processInfo.environment["FUZZ_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64.max)
        // Before anything is tried: a trap tells nothing.
        print("\(entry.name): FUZZ_SEED=\(seed)")
        var dice = Dice(state: seed)
        let corpus = try Self.corpus(entry)
        try #require(!corpus.isEmpty)
        for input in corpus { try await entry.check(input) }
        for round in 0..<150 {
            let input = Self.mutated(corpus, &dice)
            do { try await entry.check(input) } catch {
                Issue.record("\(entry.name), FUZZ_SEED=\(seed), round \(round): \(error)")
                return
            }
        }
    }

    private static func mutated(_ corpus: [[UInt8]], _ dice: inout Dice) -> [UInt8] {
        var bytes = corpus[dice.below(corpus.count)]
        for _ in 0...dice.below(4) {
            let at = dice.below(bytes.count + 1)
            switch dice.below(5) {
            case 0: if at < bytes.count { bytes[at] = UInt8(dice.below(256)) }
            case 1: bytes.removeSubrange(at...)
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + dice.below(40)))
            case 3: bytes.insert(contentsOf: splices[dice.below(splices.count)], at: at)
            default:
                let other = corpus[dice.below(corpus.count)]
                bytes.insert(contentsOf: other.dropFirst(dice.below(other.count)).prefix(200), at: at)
            }
        }
        return Array(bytes.prefix(16384))
    }

    /// Thousands of hostile words through one real shell, and back byte for byte.
    @Test(arguments: ["/bin/sh", "/bin/bash"]) func aShellSeesTheWordsThatWereQuoted(shell: String) async throws {
        let seed = ProcessInfo.processInfo.environment["FUZZ_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64.max)
        var dice = Dice(state: seed)
        let alphabet: [Character] = [
            "'", "\"", "\\", "$", "`", "\n", " ", "*", "~", "!", "#", "é", "'\u{301}", "\u{301}", "a", ";", "&", "\r\n", "-", "=",
        ]
        let words = (0..<3000).map { _ in String((0..<dice.below(12)).map { _ in alphabet[dice.below(alphabet.count)] }) }
        let script: Script = "printf '%s\\0' \(words: words)"
        let text = String(decoding: script.bytes { _ in "" }, as: UTF8.self)
        let folder = NSTemporaryDirectory() + "fuzz-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ended = try await ChildProcess([shell, "-s"], environment: ["LC_ALL": "C.UTF-8"], folder: folder, input: text).ended()
        #expect(ended.status == 0, "FUZZ_SEED=\(seed): \(ended.err)")
        #expect(Array(ended.out.utf8) == words.flatMap { Array($0.utf8) + [0] }, "FUZZ_SEED=\(seed)")
    }
}
