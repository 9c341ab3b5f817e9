import Foundation
import TestSupport
import Testing

@testable import CommandLine

/// `exedev-ctl scp`: what is typed, and what both ends run.
@Suite struct CopyTests {
    @Test(
        arguments: [
            (["a", "b"], false, "exactly one of the two"), (["one:a", "two:b"], false, "between two VMs copy twice"),
            (["a", "b", "one:"], false, "one source at a time"), (["a"], false, "<destination> is missing"), ([], false, "<source>"),
            (["one:dir/..", "here"], true, "name the folder itself"), (["one:.", "here"], true, "name the folder itself"),
            (["..", "one:"], true, "name the folder itself"), (["a/./", "one:"], true, "name the folder itself"),
            (["/", "one:"], true, "name the folder itself"), (["a", "@one:b"], false, "the name of a VM"),
            (["a", "one:~kim/b"], false, "a file of that name is ./~kim/b"),
        ] as [([String], Bool, String)])
    func whatIsNoCopyIsExplained(operands: [String], isFolder: Bool, because: String) {
        #expect {
            try Copy(operands, isFolder: isFolder)
        } throws: { "\($0)".contains(because) }
    }

    @Test(
        arguments: [
            ("kim@web-one:x", "web-one", "kim", "x"), ("a@b@web-one:~/x", "web-one", "a@b", "x"), ("web-one:", "web-one", nil, "."),
            ("./kim@web-one:x", nil, nil, "./kim@web-one:x"),
        ] as [(String, String?, String?, String)])
    func theLoginIsTaken(typed: String, vm: String?, login: String?, path: String) throws {
        let place = try CopyPlace(typed)
        #expect(place.vm == vm && place.login == login && place.path == path)
    }

    /// A script of an end, run in a new folder.
    private struct End {
        let folder = FileManager.default.temporaryDirectory.path() + "exedev-copy-" + UUID().uuidString

        init(_ setup: String) async throws {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let made = try await run("mkdir w && cd w && " + (setup.isEmpty ? ":" : setup))
            try #require(made.status == 0, "\(made)")
        }

        /// `cd w` goes to where it works; what is printed is kept beside.
        func run(_ script: String, input: String? = nil) async throws -> ChildProcess.Ended {
            try await ChildProcess(
                ["sh", "-c", "cd \(folder); " + script], environment: ["PATH": "/usr/bin:/bin"], folder: folder, input: input
            ).ended()
        }

        /// What lies there afterwards: names of files with their content.
        var content: String {
            get async throws {
                try await run(
                    "cd w && find . -mindepth 1 | sort | while read f; do [ -f \"$f\" ] && echo \"$f=$(cat \"$f\")\" || echo \"$f\"; done | tr '\\n' ' '"
                ).out
            }
        }

        func remove() { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// What lies there, where to, what is said, and what lies there then.
    static let taken: [(setup: String, to: String, says: String, after: String)] = [
        ("", "x", "", "./x=new "), ("echo old > x", "x", "", "./x=new "), ("mkdir d", "d", "", "./d ./d/src=new "),
        ("mkdir d", "d/", "", "./d ./d/src=new "), ("", "-dash", "", "./-dash=new "), ("", "a b'c", "", "./a b'c=new "),
        ("echo old > y; ln -s y x", "x", "", "./x=new ./y=new "), ("ln -s none x", "x", "x is a link, and to no regular file", "./x "),
        ("ln -s /dev/null x", "x", "x is a link, and to no regular file", "./x "),
        ("mkfifo x", "x", "x is there, and no regular file", "./x "), ("mkdir -p d/src", "d", "d/src is a folder", "./d ./d/src "),
        ("", "none/", "none/ is no folder that is there", ""), ("", "none/x", "none/x: Directory nonexistent", ""),
        ("echo old > f", "f/x", "f/x: ", "./f=old "), ("", "/dev/full", "/dev/full is there, and no regular file", ""),
    ]

    @Test(arguments: taken) func aFileIsTaken(setup: String, to: String, says: String, after: String) async throws {
        let end = try await End(setup)
        defer { end.remove() }
        let proof = CopyProof()
        let script = CopyScript.take(try CopyPlace(to), name: "src", isFolder: false, mode: "640", proof: proof)
        let ended = try await end.run("cd w; " + script, input: "new\n" + String(decoding: proof.trailer(4), as: UTF8.self))
        #expect(ended.status == (says.isEmpty ? 0 : CopyScript.Status.said.rawValue), "\(ended.all)")
        #expect(says.isEmpty ? ended.err.isEmpty : ended.err.hasPrefix("exedev-ctl: \(says)"), "\(ended.err)")
        #expect(!ended.err.contains(".part-"), "\(ended.err)")
        #expect(try await end.content == after)
    }

    /// Wherever it is cut, what was there stays, and nothing else lies there.
    @Test(arguments: [0, 1, 4, 10, 36, 37, 56]) func aTorsoReplacesNothing(bytes: Int) async throws {
        let end = try await End("echo old > x; mkdir d; echo old > d/f")
        defer { end.remove() }
        let proof = CopyProof(nonce: String(repeating: "ab", count: 16))
        let all = "new\n" + String(decoding: proof.trailer(4), as: UTF8.self)
        let take = CopyScript.take(try CopyPlace("x"), name: "src", isFolder: false, mode: "640", proof: proof)
        let file = try await end.run("cd w; " + take, input: String(all.prefix(bytes)))
        #expect(file.status == CopyScript.Status.cut.rawValue && file.err.isEmpty, "\(file.all)")
        let join = CopyScript.take(try CopyPlace("d"), name: ".", isFolder: true, mode: "640", proof: proof)
        let folder = try await end.run(
            "cd w; mkdir ../s; echo new > ../s/f; { tar -C ../s -cf - .; printf %s '\(all.dropFirst(4).prefix(min(bytes, 31)))'; } | { \(join); }"
        )
        #expect(folder.status == CopyScript.Status.cut.rawValue && folder.err.isEmpty, "\(folder.all)")
        #expect(try await end.content == "./d ./d/f=old ./x=old ")
    }

    /// A count that is another's than the bytes' is no proof either.
    @Test func aGapIsNoWhole() async throws {
        let end = try await End("echo old > x")
        defer { end.remove() }
        let proof = CopyProof()
        let take = CopyScript.take(try CopyPlace("x"), name: "src", isFolder: false, mode: "640", proof: proof)
        let ended = try await end.run("cd w; " + take, input: "new\n" + String(decoding: proof.trailer(5), as: UTF8.self))
        let after = try await end.content
        #expect(ended.status == CopyScript.Status.cut.rawValue && after == "./x=old ", "\(after)")
    }

    /// The folder `src` has a file `f`, a link `l` and a folder `g`.
    static let unpacked: [(setup: String, to: String, says: String, after: String)] = [
        ("", "x", "", "./x ./x/f=new ./x/g ./x/g/h=h ./x/l=new "), ("", "x/", "", "./x ./x/f=new ./x/g ./x/g/h=h ./x/l=new "),
        ("", "-x", "", "./-x ./-x/f=new ./-x/g ./-x/g/h=h ./-x/l=new "),
        ("mkdir d", "d", "", "./d ./d/src ./d/src/f=new ./d/src/g ./d/src/g/h=h ./d/src/l=new "),
        (
            "mkdir -p d/src; echo old > d/src/f; echo k > d/src/k; ln -s k d/src/l", "d", "",
            "./d ./d/src ./d/src/f=new ./d/src/g ./d/src/g/h=h ./d/src/k=k ./d/src/l=new "
        ),
        ("mkdir -p d/src; mkfifo d/src/f", "d", "d/src/f is there, and of another kind", "./d ./d/src ./d/src/f "),
        ("mkdir -p d/src; ln -s /dev/null d/src/f", "d", "d/src/f is there, and of another kind", "./d ./d/src ./d/src/f "),
        ("mkdir -p d/src; echo k > d/src/g", "d", "d/src/g is there, and of another kind", "./d ./d/src ./d/src/g=k "),
        ("echo k > x", "x", "x is there, and no folder", "./x=k "), ("mkfifo x", "x", "x is there, and no folder", "./x "),
        ("echo k > x", "x/y", "x/y: ", "./x=k "),
    ]

    @Test(arguments: unpacked) func aFolderIsTaken(setup: String, to: String, says: String, after: String) async throws {
        let end = try await End(setup)
        defer { end.remove() }
        let proof = CopyProof()
        let take = CopyScript.take(try CopyPlace(to), name: "src", isFolder: true, mode: "640", proof: proof)
        let give = "mkdir -p src/g; echo new > src/f; echo h > src/g/h; ln -s f src/l; tar -C src -cf - ."
        let ended = try await end.run(
            "{ \(give); printf %s '\(String(decoding: proof.trailer(7), as: UTF8.self))'; } | (cd w; \(take))")
        #expect(ended.status == (says.isEmpty ? 0 : CopyScript.Status.said.rawValue), "\(ended.all)")
        #expect(says.isEmpty ? ended.err.isEmpty : ended.err.hasPrefix("exedev-ctl: \(says)"), "\(ended.err)")
        #expect(!ended.err.contains(".part-"), "\(ended.err)")
        #expect(try await end.content == after)
    }

    @Test(
        arguments: [
            ("echo hi > x", "x", false, "", "hi\n"), ("echo hi > -x", "-x", false, "", "hi\n"),
            ("echo hi > y; ln -s y x", "x", false, "", "hi\n"), ("", "x", false, "x: No such file or directory", ""),
            ("mkdir x", "x", false, "x is a folder: copy it with -r", ""), ("mkfifo x", "x", false, "x is no regular file", ""),
            ("", "/dev/null", false, "/dev/null is no regular file", ""), ("echo hi > x", "x", true, "x is no folder", ""),
            ("", "/proc/self/mem", false, "/proc/self/mem: Input/output error", ""), ("", "", false, ": No such file or directory", ""),
        ] as [(String, String, Bool, String, String)])
    func aFileIsGiven(setup: String, from: String, isFolder: Bool, says: String, bytes: String) async throws {
        let end = try await End(setup)
        defer { end.remove() }
        let ended = try await end.run("cd w; " + CopyScript.give(try CopyPlace(from), isFolder: isFolder))
        #expect(ended.status == (says.isEmpty ? 0 : CopyScript.Status.said.rawValue) && ended.out == bytes, "\(ended.all)")
        #expect(says.isEmpty ? ended.err.isEmpty : ended.err.hasPrefix("exedev-ctl: \(says)"), "\(ended.err)")
    }

    /// A disk that is full is called that, with the path.
    @Test func aFullDiskIsNamed() async throws {
        let end = try await End("echo old > x")
        defer { end.remove() }
        let proof = CopyProof()
        let take = CopyScript.take(try CopyPlace("x"), name: "src", isFolder: false, mode: "640", proof: proof)
        // A limit of a file's size is a full disk without a mount.
        let ended = try await end.run("cd w; ulimit -f 1; trap '' XFSZ; head -c 100000 /dev/zero | { \(take); }")
        let after = try await end.content
        #expect(ended.status == CopyScript.Status.said.rawValue && ended.err == "exedev-ctl: x: File too large\n", "\(ended.all)")
        #expect(after == "./x=old ")
        let join = CopyScript.take(try CopyPlace("new"), name: "src", isFolder: true, mode: "640", proof: proof)
        let give = "mkdir src; head -c 100000 /dev/zero > src/f; tar -C src -cf - ."
        let folder = try await end.run(
            "{ \(give); printf %s '\(String(decoding: proof.trailer(7), as: UTF8.self))'; } | (cd w; ulimit -f 1; trap '' XFSZ; \(join))")
        let then = try await end.content
        #expect(
            folder.status == CopyScript.Status.said.rawValue && folder.err.hasSuffix("exedev-ctl: new: File too large\n"), "\(folder.all)")
        #expect(then == "./x=old ")
    }
}
