import Foundation
import Synchronization
import TestSupport
import Testing

@testable import SSH

/// Standard input of a remote command.
@Suite struct InputTests {
    /// What cannot be read to its end is not taken for all.
    @Test func anInputThatFailsIsNoEnd() async throws {
        struct NotAll: Error, CustomStringConvertible { var description: String { "not all" } }
        let sshd = try RealSSHD()
        let client = try sshd.client()
        _ = try await client.sh(sshd.target, "true")
        let folder = open("/", O_RDONLY | O_DIRECTORY)
        defer { close(folder) }
        let torso = try #require(FileHandle(forReadingAtPath: "/etc/passwd"))
        await #expect(throws: SSHError.inputFailed(reason: "standard input cannot be read: Is a directory")) {
            try await client.stream(on: sshd.target, command: "cat", input: SSHInput(descriptor: folder)) { _, _ in }
        }
        let cut = SSHInput(descriptor: torso.fileDescriptor) { _ in throw NotAll() }
        await #expect(throws: SSHError.inputFailed(reason: "not all")) {
            try await client.stream(on: sshd.target, command: "cat", input: cut) { _, _ in }
        }
        #expect(cut.hasFailed)
        await client.closeAll()
    }

    @Test func whatIsSentBehindAll() async throws {
        let sshd = try RealSSHD()
        let client = try sshd.client()
        _ = try await client.sh(sshd.target, "true")
        let heard = Mutex<[UInt8]>([])
        var ends: [Int32] = [-1, -1]
        _ = pipe(&ends)
        _ = write(ends[1], "in", 2)
        close(ends[1])
        let input = SSHInput(descriptor: ends[0]) { Array("-\($0)".utf8) }
        let result = try await client.stream(on: sshd.target, command: "cat", input: input) { bytes, _ in heard.withLock { $0 += bytes } }
        #expect(result.exitStatus == 0 && heard.withLock { $0 } == Array("in-2".utf8))
        await client.closeAll()
    }
}
