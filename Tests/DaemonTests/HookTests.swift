import Foundation
import Glibc
import TestSupport
import Testing

@testable import Live

@Suite struct HookTests {
    /// Made by a child: what this process wrote itself may still stand open in another test's child, and Linux starts no program that is open
    /// for writing.
    private func hook(_ scratch: borrowing Scratch, _ script: String, seconds: Double = 30) async throws -> Hook {
        let (folder, file) = (scratch.path, scratch.path + "/hook")
        let made = try await ChildProcess(
            ["install", "-m", "700", "/dev/stdin", file], environment: ["PATH": "/usr/bin:/bin"], folder: folder,
            input: "#!/bin/sh\n" + script
        ).ended()
        try #require(made.status == 0, "\(made.all)")
        return Hook(program: file, path: "/usr/bin:/bin", seconds: seconds)
    }

    @Test func isGivenTheEventAndNothingElse() async throws {
        let scratch = try Scratch()
        setenv("EXEDEV_TEST_TOKEN", "exe1.secret", 1)
        let hook = try await hook(scratch, "cat; echo; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort; echo done >&2")
        let outcome = await hook.run(Array(#"{"kind":"settled"}"#.utf8), variables: ["CLUSTER": "demo", "KIND": "settled", "NODE": ""])
        #expect(
            outcome
                == Hook.Outcome(
                    failure: nil, output: #"{"kind":"settled"}"# + "\nCLUSTER=demo\nKIND=settled\nNODE=\nPATH=/usr/bin:/bin\ndone"))
    }

    /// Locks, connections, and signals that the daemon ignores.
    @Test func inheritsNothing() async throws {
        let scratch = try Scratch()
        let leaky = open(scratch.path + "/leaky", O_RDWR | O_CREAT, 0o600)
        defer { close(leaky) }
        signal(SIGHUP, SIG_IGN)
        defer { signal(SIGHUP, SIG_DFL) }
        let hook = try await hook(scratch, "readlink /proc/$$/fd/*; sed -n 's/^SigIgn:.//p' /proc/$$/status")
        let outcome = await hook.run([], variables: [:])
        #expect(!outcome.output.contains("leaky"), "\(outcome)")
        let ignored = try #require(outcome.output.split(separator: "\n").last.flatMap { UInt64($0, radix: 16) })
        #expect(ignored & 1 << UInt64(SIGHUP - 1) == 0, "\(outcome)")
    }

    @Test func saysHowItEnded() async throws {
        let scratch = try Scratch()
        #expect(
            try await hook(scratch, "echo bad; exit 3").run([], variables: [:]) == Hook.Outcome(failure: "it ended with 3", output: "bad"))
        #expect(try await hook(scratch, "kill -TERM $$").run([], variables: [:]).failure == "it ended with 143")
        #expect(await Hook(program: scratch.path + "/none", path: "").run([], variables: [:]).failure?.contains("cannot run") == true)
    }

    @Test func whatItPrintsIsBounded() async throws {
        let scratch = try Scratch()
        let outcome = try await hook(scratch, "head -c 1000000 /dev/zero | tr '\\0' x").run([], variables: [:])
        #expect(outcome.failure == nil && outcome.output.utf8.count == Hook.outputLimit)
    }

    /// With what it started, and although a child keeps its output open.
    @Test func isKilledInTime() async throws {
        let scratch = try Scratch()
        let outcome = try await hook(scratch, "trap '' TERM; sleep 1000 & echo $!; wait", seconds: 0.5).run([], variables: [:])
        #expect(outcome.failure?.contains("killed") == true)
        let child = try #require(pid_t(outcome.output))
        #expect(await eventually { kill(child, 0) != 0 || Self.isDead(child) })
    }

    /// It may not leave anybody behind either.
    @Test func takesItsChildrenAlong() async throws {
        let scratch = try Scratch()
        let outcome = try await hook(scratch, "sleep 1000 & echo $!").run([], variables: [:])
        #expect(outcome.failure == nil)
        let child = try #require(pid_t(outcome.output))
        #expect(await eventually { kill(child, 0) != 0 || Self.isDead(child) })
    }

    @Test func isKilledWhenNobodyWaits() async throws {
        let scratch = try Scratch()
        let hook = try await hook(scratch, "echo $$ > ${0}.pid; exec sleep 1000")
        let file = scratch.path + "/hook.pid"
        await withTaskGroup(of: Hook.Outcome.self) { group in
            group.addTask { await hook.run([], variables: [:]) }
            #expect(await eventually { FileManager.default.fileExists(atPath: file) })
            group.cancelAll()
            #expect(await group.next()?.failure?.contains("killed") == true)
        }
    }

    @Test func knowsAProgram() throws {
        let scratch = try Scratch()
        let file = scratch.path + "/plain"
        try "".write(toFile: file, atomically: false, encoding: .utf8)
        #expect(Hook.isProgram("/bin/sh") && !Hook.isProgram(file) && !Hook.isProgram("/bin") && !Hook.isProgram("/none"))
    }

    /// Killed, and perhaps still a zombie until the container's init reaps it.
    private static func isDead(_ process: pid_t) -> Bool {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return true }
        return text.split(separator: ")").last?.split(separator: " ").first == "Z"
    }
}
