import Foundation
import K3s
import Testing

/// The command that a login's shell is given, under each shell that is here, with a `sudo` and an `id` of the test's own.
@Suite struct LoginTests {
    static let shells = ["/bin/sh", "/bin/dash", "/bin/bash", "/usr/bin/fish", "/usr/bin/tcsh", "/usr/bin/zsh"].filter {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// How a host lets a login become root.
    enum Sudo: String, Sendable, CaseIterable {
        /// `secure_path` is all that a child gets.
        case free = "shift\nPATH=/usr/bin:/bin exec \"$@\""
        case password = "echo 'sudo: a password is required' >&2\nexit 1"
        case terminal = "echo 'sudo: sorry, you must have a tty to run sudo' >&2\nexit 1"
        case missing = ""
    }

    private static func answer(_ shell: String, uid: Int, _ sudo: Sudo, hasGroups: Bool = false, _ script: String) throws -> (
        status: Int32, out: String, err: String
    ) {
        let folder = FileManager.default.temporaryDirectory.path + "/exedev-login-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder + "/bin", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, text) in ["id": "[ $1 = -un ] && echo me || echo \(uid)", "sudo": sudo.rawValue] where !text.isEmpty {
            try Data("#!/bin/sh\n\(text)\n".utf8).write(to: URL(filePath: "\(folder)/\(name)"))
            // By a child: Linux starts no program that another test's child may still have open for writing.
            try #require(try spawn(["/usr/bin/install", "-m", "755", "\(folder)/\(name)", "\(folder)/bin/\(name)"]) == 0)
        }
        for tool in hasGroups ? ["sh", "setsid"] : ["sh"] {
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/bin/\(tool)", withDestinationPath: "/usr/bin/\(tool)")
        }
        try Data(script.utf8).write(to: URL(filePath: folder + "/script"))
        let run = #"exec /usr/bin/env -i HOME="$1" PATH="$1/bin" "$2" -c "$3" <"$1/script" >"$1/out" 2>"$1/err""#
        let status = try spawn(["/bin/sh", "-c", run, "sh", folder, shell, HostScript.loginCommand])
        func text(_ name: String) throws -> String { try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) }
        return (status, try text("out"), try text("err"))
    }

    @Test(arguments: shells)
    func runsTheScriptAsRoot(shell: String) throws {
        for (uid, sudo) in [(0, Sudo.missing), (1000, .free)] {
            let answer = try Self.answer(shell, uid: uid, sudo, "echo \"it's $((1 + 1))\"\n")
            #expect(answer.status == 0 && answer.out == "it's 2\n", "\(answer)")
        }
    }

    /// Where the host can, the script leads a process group, which ends with its connection.
    @Test(arguments: shells, [false, true])
    func hasAGroupOfItsOwn(shell: String, hasGroups: Bool) throws {
        let script = "read -r stat </proc/$$/stat; set -- ${stat##*) }; [ $3 = $$ ] && echo leads || echo shares; exit 7\n"
        for (uid, sudo) in [(0, Sudo.missing), (1000, .free)] {
            let answer = try Self.answer(shell, uid: uid, sudo, hasGroups: hasGroups, script)
            #expect(answer.status == 7 && (answer.out == "leads\n") == hasGroups, "\(answer)")
        }
    }

    /// A script's own failure stays what it is, also when it is that of a sudo that refuses.
    @Test(arguments: shells, [Int32(1), 65, 80])
    func saysHowTheScriptEnded(shell: String, status: Int32) throws {
        for (uid, sudo) in [(0, Sudo.missing), (1000, .free)] {
            #expect(try Self.answer(shell, uid: uid, sudo, "exit \(status)\n").status == status)
        }
    }

    @Test(arguments: shells, [Sudo.password, .terminal, .missing])
    func blocksWhereNobodyIsRoot(shell: String, sudo: Sudo) throws {
        let answer = try Self.answer(shell, uid: 1000, sudo, "echo done\n")
        #expect(answer.status == 83 && answer.out == "", "\(answer)")
        #expect(HostFailure.advice(exitStatus: answer.status)?.contains("NOPASSWD") == true)
        let cause = HostFailure.cause(stderr: answer.err)
        #expect(cause.contains(sudo == .missing ? "the login is me and the host has no sudo" : "sudo: "), "\(cause)")
    }

    /// What every shell reads alike, those too that are not here: words, and one pair of single quotes.
    @Test func speaksNoShellsLanguage() {
        let command = HostScript.loginCommand
        #expect(command.hasPrefix("sh -c '") && command.hasSuffix("'") && command.count { $0 == "'" } == 2)
        #expect(!command.contains { $0 == "\\" || $0 == "!" || $0.isNewline })
    }
}
