import Foundation
import K3s
import Testing

@Suite("Names of nodes as keys")
struct NodeNameTests {
    @Test("equal texts have equal hashes, also where their bytes differ")
    func equalTextsAreOneKey() {
        // Two marks on one letter, in either order.
        let (one, other) = (NodeName("a\u{323}\u{307}-with-a-long-name"), NodeName("a\u{307}\u{323}-with-a-long-name"))
        #expect(one == other && Set([one, other]).count == 1)
        // The sign of the kelvin is the letter K to the standard library.
        #expect("\u{212a}" == "K" && NodeName("\u{212a}") != NodeName("K"))
        for text in ["", "n", "demo-n1", "demo-web-n1", "demo-web-n12345", "demo-web-with-a-name-of-many-words-n1"] {
            // As large as one that was put together piece by piece.
            var pieces = String(repeating: "x", count: 40)
            pieces.removeAll(keepingCapacity: true)
            for character in text { pieces.append(character) }
            #expect(Set([NodeName(text), NodeName(pieces)]).count == 1)
        }
    }

    @Test("names that differ in a digit, or in their length, fall into different places of a table")
    func namesAreSpread() {
        for prefix in ["n", "demo-n", "demo-web-n", "demo-web-with-a-name-of-many-words-n"] {
            let places = Set((0..<1024).map { NodeName("\(prefix)\($0)")._rawHashValue(seed: 1) & 4095 })
            // Chance fills 906 of 4096.
            #expect(places.count > 800, "\(prefix): \(places.count)")
        }
        #expect(Set((0..<64).map { NodeName(String(repeating: "a", count: $0))._rawHashValue(seed: 1) }).count == 64)
    }

    @Test("in a file they are strings, also as keys")
    func writtenAsStrings() throws {
        let map: [NodeName: Int] = ["demo-web-n1": 1]
        let text = String(decoding: try JSONEncoder().encode(map), as: UTF8.self)
        #expect(text == #"{"demo-web-n1":1}"#)
        #expect(try JSONDecoder().decode([NodeName: Int].self, from: Data(text.utf8)) == map)
        #expect(String(decoding: try JSONEncoder().encode([NodeName("a")]), as: UTF8.self) == #"["a"]"#)
    }
}
