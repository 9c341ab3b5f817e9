import Foundation
import Shell
import Testing

@Suite struct QuotingTests {
    @Test(arguments: ["plain", "", "two words", "it's", "a'b'c", "$HOME", "`id`", "*", "~", "a\nb", "ü", "-x", "\\", "\"q\""])
    func roundTripsThroughARealShell(word: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "printf '%s' " + quoted(word)]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(String(decoding: output, as: UTF8.self) == word)
    }

    @Test func quotesAsTheSDKDoes() {
        #expect(quoted("web-1") == "web-1")
        #expect(quoted("-x it's") == #"'-x it'"'"'s'"#)
    }

    @Test func aSecretIsAHoleUntilItIsSent() {
        let script: Script = "printf '%s' \(secret: SecretName(rawValue: "key")) > \("a file")"
        #expect(script.shown == "printf '%s' '<secret key>' > 'a file'")
        #expect(script.holes.map(\.rawValue) == ["key"])
        #expect(String(decoding: script.bytes { _ in "s3'cret" }, as: UTF8.self) == #"printf '%s' 's3'"'"'cret' > 'a file'"#)
    }
}
