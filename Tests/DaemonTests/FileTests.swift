import ExeDev
import FleetCore
import Foundation
import SSH
import Testing

@testable import Live

/// Files that others put where this program reads.
@Suite struct FileTests {
    /// A named pipe without a writer, a folder and a socket, none of which ends as a file does.
    private static func irregular(in folder: String) throws -> [String] {
        try #require(mkfifo(folder + "/pipe", 0o600) == 0)
        try FileManager.default.createDirectory(atPath: folder + "/folder", withIntermediateDirectories: true)
        return [folder + "/pipe", folder + "/folder", "/dev/zero"]
    }

    @Test(.timeLimit(.minutes(1))) func whatIsNoRegularFileIsRefusedAtOnce() throws {
        let scratch = try Scratch()
        for path in try Self.irregular(in: scratch.path) {
            let words = "\(path) is no regular file"
            #expect(throws: StateError.self) { try StateDirectory.read(path) }
            #expect((#expect(throws: StateError.self) { try StateDirectory.read(path) })?.message == words)
            let token = #expect(throws: TokenError.self) { try ExeDevToken.load(environment: [:], file: path, credentialsDirectory: nil) }
            #expect(token?.description.hasSuffix(words) == true)
            let key = #expect(throws: KeyError.self) { try UserKey.file(path) }
            #expect(key?.description.hasSuffix(words) == true)
        }
    }

    @Test(.timeLimit(.minutes(1))) func norIsALedgerOrALogRead() throws {
        let scratch = try Scratch()
        let state = try scratch.state()
        for name in ["ledger.json", "audit.jsonl"] { try #require(mkfifo(state.path + "/" + name, 0o600) == 0) }
        #expect(throws: StateError.self) { try state.loadLedger { _ in } }
        #expect(throws: StateError.self) { try AuditHistory(in: state) }
    }

    /// `UserKnownHostsFile /dev/null` is usual, and a shell's `<(…)` is a pipe that ends.
    @Test func whatEndsIsRead() throws {
        #expect(try StateDirectory.read("/dev/null") == [] && StateDirectory.read("/nowhere/at/all") == nil)
        let pipe = Pipe()
        pipe.fileHandleForWriting.write(Data("exe1.token".utf8))
        try pipe.fileHandleForWriting.close()
        #expect(try StateDirectory.read("/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)") == Array("exe1.token".utf8))
    }

    /// Only who writes makes the state directory: `plan`, `status` and `history` do not.
    @Test func aReaderMakesNoStateDirectory() throws {
        let scratch = try Scratch()
        let state = try StateDirectory(base: scratch.path + "/deep/er", cluster: "demo")
        #expect(try state.loadLedger { _ in } == nil && AuditHistory(in: state).effects.isEmpty && state.lacksLedger())
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
        _ = try FleetLock(in: state, verb: "apply")
        #expect(FileManager.default.fileExists(atPath: state.path))
    }
}
