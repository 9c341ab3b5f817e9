import Foundation
import TestSupport
import Testing

extension WireTests {
    /// `exedev-ctl scp` between here and a VM: a copy comes whole, or what was there stays.
    @Suite struct CopyTests {
        /// Who ends a copy in its middle.
        enum Cut: CaseIterable { case kill, terminate, connection }

        /// Ends `program` once `hasBegun`.
        private static func end(_ program: ChildProcess, by cut: Cut, _ wire: Wire, _ number: Int, hasBegun: Bool) async throws {
            #expect(hasBegun, "\(program.saidSoFar)")
            switch cut {
            case .kill: program.signal(SIGKILL)
            case .terminate: program.signal(SIGTERM)
            case .connection: try wire.set(faults: #"{"ssh": {"cut": \#(number)}}"#)
            }
            let ended = await program.ended()
            #expect(ended.status != 0 && (cut != .connection || ended.err.contains("exedev-ctl: ")), "\(cut): \(ended.all)")
        }

        /// A file of 8 GB is on its way long enough; it needs no room here.
        @Test func aCopyThatIsCutReplacesNothing() async throws {
            try await Wire.run { wire in
                let made = try await wire.exec("exedev-ctl", ["new", "--name=web-one", "--no-email", "--wait"])
                #expect(made.status == 0, "\(made.all)")
                try FileManager.default.createDirectory(atPath: wire.folder + "/tree", withIntermediateDirectories: true)
                for big in [wire.folder + "/big", wire.folder + "/tree/f"] {
                    #expect(FileManager.default.createFile(atPath: big, contents: nil) && truncate(big, 8 << 30) == 0)
                }
                let set = try await wire.inside(
                    "web-one", "mkdir -p /srv/in/tree; cd /srv/in; echo old > x; echo old > tree/f; chmod -R 777 .; truncate -s 8G ../big")
                #expect(set.status == 0, "\(set.all)")
                let back = wire.folder + "/back"
                var number = 6
                for cut in Cut.allCases {
                    number += 1
                    let file = try wire.start("exedev-ctl", ["scp", wire.folder + "/big", "web-one:/srv/in/x"])
                    let part = try await wire.inside("web-one", "timeout 60 sh -c 'until [ -s /srv/in/x.part-* ]; do sleep 0.05; done'")
                    try await Self.end(file, by: cut, wire, number, hasBegun: part.status == 0)
                    number += 1
                    let folder = try wire.start("exedev-ctl", ["scp", "-r", wire.folder + "/tree", "web-one:/srv/in"])
                    let new = try await wire.inside(
                        "web-one", "timeout 60 sh -c 'until [ -s /srv/in/tree/.part-*/new/f ]; do sleep 0.05; done'")
                    try await Self.end(folder, by: cut, wire, number, hasBegun: new.status == 0)
                    let gone = try await wire.inside(
                        "web-one",
                        "cd /srv/in; timeout 60 sh -c 'while find . | grep part; do sleep 0.1; done' > /dev/null; find . -type f | xargs grep ."
                    )
                    #expect(
                        gone.status == 0 && gone.out.split(separator: "\n").sorted() == ["./tree/f:old", "./x:old"], "\(cut): \(gone.all)")

                    number += 1
                    try "old".write(toFile: back, atomically: false, encoding: .utf8)
                    let fetch = try wire.start("exedev-ctl", ["scp", "web-one:/srv/big", back])
                    func parts() throws -> [String] {
                        try FileManager.default.contentsOfDirectory(atPath: wire.folder).filter { $0.hasPrefix("back.part-") }
                    }
                    let hasBegun = try await eventually { try !parts().isEmpty }
                    try await Self.end(fetch, by: cut, wire, number, hasBegun: hasBegun)
                    #expect(try await eventually { try parts().isEmpty }, "\(cut)")
                    #expect(try String(contentsOfFile: back, encoding: .utf8) == "old")
                }
            }
        }

        /// What is typed, the status, and what is said.
        private static let rules: [(words: [String], says: String)] = [
            (["scp", "/proc/self/mem", "web-one:memcopy"], "/proc/self/mem: Input/output error"),
            (["scp", "fifo", "web-one:x"], "fifo is no regular file"),
            (["scp", "f", "web-one:fifo"], "web-one:fifo is there, and no regular file"),
            (["scp", "f", "web-one:/dev/null"], "web-one:/dev/null is there, and no regular file"),
            (["scp", "web-one:f", "fifo"], "fifo is there, and no regular file"),
            (["scp", "web-one:f", "/dev/null"], "/dev/null is there, and no regular file"),
            (["scp", "web-one:fifo", "x"], "web-one:fifo is no regular file"),
            (["scp", "web-one:d/", "."], "web-one:d/ is a folder: copy it with -r"),
            (["scp", "d", "web-one:"], "d is a folder: copy it with -r"),
            (["scp", "-r", "web-one:nosuch", "nn"], "web-one:nosuch: No such file or directory"),
            (["scp", "web-one:nosuch", "nn"], "web-one:nosuch: No such file or directory"),
            (["scp", "nosuch", "web-one:nn"], "nosuch: No such file or directory"),
            (["scp", "-r", "web-one:f", "nn"], "web-one:f is no folder"),
            (["scp", "f", "web-one:/root/f"], "web-one:/root/f: Permission denied"), (["scp", "f", "nobody@web-one:f"], "refused"),
        ]

        @Test func whatCannotBeCopiedIsSaid() async throws {
            try await Wire.run { wire in
                #expect(try await wire.exec("exedev-ctl", ["new", "--name=web-one", "--no-email", "--wait"]).status == 0)
                let setup = "mkfifo fifo; mkdir d; echo f > f; echo dash > ./-dash"
                #expect(try await wire.exec("exedev-ctl", ["ssh", "web-one", setup]).status == 0)
                func here(_ script: String) async throws -> ChildProcess.Ended {
                    try await ChildProcess(
                        ["sh", "-c", "mkdir -p \(wire.folder)/w; cd \(wire.folder)/w; " + script], environment: wire.environment,
                        folder: wire.folder
                    ).ended()
                }
                func ctl(_ words: [String]) async throws -> ChildProcess.Ended {
                    try await here("exec \(wire.programs)/exedev-ctl \(words.joined(separator: " "))")
                }
                #expect(try await here(setup).status == 0)
                for rule in Self.rules {
                    let ended = try await ctl(rule.words)
                    #expect(ended.status == 1 && ended.err.contains(rule.says), "\(rule.words): \(ended.all)")
                    #expect(!ended.err.contains(".part-"), "\(ended.err)")
                }
                for words in [
                    ["scp", "./-dash", "exedev@web-one:-dash2"], ["scp", "web-one:-dash2", "./-dash3"], ["scp", "-r", "d", "web-one:-dd"],
                    ["scp", "-r", "web-one:-dd", "./-de"],
                ] {
                    let ended = try await ctl(words)
                    #expect(ended.status == 0 && ended.all.isEmpty, "\(words): \(ended.all)")
                }
                let closed = try await here("exec \(wire.programs)/exedev-ctl ssh web-one cat <&-")
                #expect(closed.status == 0 && closed.all.isEmpty, "closed input is empty: \(closed.all)")
                let folder = try await here("exec \(wire.programs)/exedev-ctl ssh web-one cat < /")
                #expect(folder.status == 1 && folder.err.contains("standard input cannot be read: Is a directory"), "\(folder.all)")
                #expect(try await here("ls -A").out == "-dash\n-dash3\n-de\nd\nf\nfifo\n", "nothing else was made")
                let there = try await wire.exec("exedev-ctl", ["ssh", "web-one", "ls; ls -d .part-*; cat ./-dash2"])
                #expect(there.out == "-dash\n-dash2\n-dd\nd\nf\nfifo\ndash\n", "\(there.all)")
            }
        }
    }
}
