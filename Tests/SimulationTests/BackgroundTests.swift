import Foundation
import Spawn
import Testing

/// How `up` starts `serve`.
@Suite struct BackgroundTests {
    private static let log = NSTemporaryDirectory() + "background-\(UUID().uuidString)"

    @Test func saysHowAProgramEndedThatDiesAtOnce() throws {
        defer { try? FileManager.default.removeItem(atPath: Self.log) }
        let program = try Background("sh", ["-c", "echo no port is free; exit 3"], log: Self.log)
        var status: Int32?
        while status == nil { status = program.ended() }
        #expect(status == 3)
        #expect(try String(contentsOfFile: Self.log, encoding: .utf8) == "no port is free\n")
        let again = try Background("sh", ["-c", "echo $(($(ps -o sid= -p $$) == $$)); kill -9 $$"], log: Self.log)
        status = nil
        while status == nil { status = again.ended() }
        #expect(status == 137)
        #expect(try String(contentsOfFile: Self.log, encoding: .utf8) == "no port is free\n1\n", "a session of its own, an appended log")
    }

    @Test func aProgramThatIsNotThereIsSaidAtOnce() {
        #expect(throws: Subprocess.Failure.self) { _ = try Background("/nowhere/program", [], log: "/dev/null") }
    }
}
