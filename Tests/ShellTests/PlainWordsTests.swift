import Foundation
import Shell
import Testing

/// What people read of a text that is not what it should be.
@Suite struct PlainWordsTests {
    private struct Row: Decodable {
        var name: String
        var port: Int?
        var tags: [String]?
        var isUp: Bool?
        var more: [String: Int]?
    }

    @Test(arguments: [
        (#"[{"name":"a"},{"port":1}]"#, "[1].name is missing"), (#"[{"name":7}]"#, "[0].name is not a text"),
        (#"[{"name":null}]"#, "[0].name is null"), (#"[{"name":"a","port":"x"}]"#, "[0].port is not a number"),
        (#"[{"name":"a","tags":"x"}]"#, "[0].tags is not a list"), (#"[{"name":"a","isUp":"x"}]"#, "[0].isUp is not true or false"),
        (#"[{"name":"a","more":"x"}]"#, "[0].more is not an object"), ("{}", "it is not a list"), ("[", "it is not valid JSON"),
    ])
    func saysWhatIsWrongAndWhere(text: String, words: String) {
        let error = #expect(throws: (any Error).self) { try JSONDecoder().decode([Row].self, from: Data(text.utf8)) }
        #expect(error.map(plainWords(of:)) == words)
    }
}
