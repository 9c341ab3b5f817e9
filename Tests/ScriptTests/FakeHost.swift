import Digest
import FleetCore
import Foundation
import K3s
import Shell
import Simulation
import Testing

/// A fake host in a directory: scripts run under the real `/bin/sh` as root, in a chroot and a mount namespace of their own, with
/// `/usr/bin` and `/usr/lib` bound read-only. The mounts end with the last process in the namespace.
struct FakeHost {
    let folder: String
    var root: String { folder + "/root" }

    /// Whether this machine lets us make a mount namespace.
    static let works = getuid() == 0 && (try? spawn(["/usr/bin/unshare", "--mount", "/bin/true"])) == 0

    static func with(_ hostname: String = "demo-n1", _ body: (FakeHost) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/exedev-script-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let host = FakeHost(folder: folder)
        try host.furnish(hostname)
        try body(host)
    }

    private func furnish(_ hostname: String) throws {
        let folders =
            "usr/bin usr/lib usr/lib64 usr/local/bin dev proc tmp fake log state mirror run/systemd/system etc/systemd/system var/lib"
        for name in folders.split(separator: " ") {
            try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
        }
        for name in ["bin", "lib", "lib64"] {
            try FileManager.default.createSymbolicLink(atPath: "\(root)/\(name)", withDestinationPath: "usr/\(name)")
        }
        try write("/fake/.log", FakePrograms.log)
        var programs = FakePrograms.all.mapValues(FakePrograms.program)
        for name in FakePrograms.tools {
            // Not through the link: /etc/alternatives is not in here.
            programs[name] = FakePrograms.wrapper(of: URL(filePath: "/usr/bin/\(name)").resolvingSymlinksInPath().path)
        }
        try install(programs, in: "/fake")
        try publish(k3s: FakePrograms.k3s)
        try write("/etc/rancher/k3s/k3s.yaml", "kubeconfig\n")
        try write("/mirror/install.sh", K3sMirror.installScript)
        let state = [
            "hostname": hostname, "machine": "x86_64", "free": "9000000", "systemd": "running", "overlay-after-login": "100.64.0.2\n",
        ]
        for (name, text) in state { try write("/state/\(name)", text) }
    }

    /// Puts a binary and its checksum on the mirror.
    func publish(k3s: String, digest: String? = nil) throws {
        try write("/mirror/k3s", k3s)
        try write("/mirror/sha256sum-amd64.txt", "\(digest ?? sha256Hex(k3s))  k3s\n0123  k3s-airgap-images-amd64.tar\n")
    }

    // MARK: running

    struct Outcome {
        var status: Int32
        var stdout: String
        var stderr: String
    }

    /// As `Live` sends it.
    func run(_ script: Script, as hostname: String = "demo-n1", under token: FencingToken? = nil) throws -> Outcome {
        try feed(HostScript.addressed(script, to: hostname, under: token).bytes { Secrets.values[$0]! })
    }

    /// What becomes of standard input after the script.
    enum Input: String {
        /// It stays open, as the connection does.
        case open
        /// The connection ends with it.
        case ended
        /// The connection ends when something on the host has opened the FIFO `/state/cut`.
        case cut
    }

    /// These bytes on standard input of `sh -eu -s`.
    func feed(_ bytes: [UInt8], _ input: Input = .open) throws -> Outcome {
        try Data(bytes).write(to: URL(filePath: folder + "/script"))
        let status = try spawn(["/bin/sh", "-c", Self.launcher, "sh", folder, input.rawValue])
        func text(_ name: String) throws -> String {
            String(decoding: try Data(contentsOf: URL(filePath: "\(folder)/\(name)")), as: UTF8.self)
        }
        // As `Hosts` reads it; what is refused before the mark has no output.
        return Outcome(status: status, stdout: HostScript.output(in: try text("stdout")) ?? "", stderr: try text("stderr"))
    }

    private static let launcher = #"""
        rm -f "$1/in" "$1/root/state/cut"
        mkfifo "$1/in" "$1/root/state/cut"
        exec 8<>"$1/in"
        { cat "$1/script"; [ "$2" != cut ] || cat "$1/root/state/cut"; } >&8 8<&- &
        exec 7<"$1/in"
        [ "$2" = open ] || exec 8<&-
        timeout -k 5 60 unshare --mount setsid -w sh -eu -c '
            for folder in usr/bin usr/lib usr/lib64 dev proc; do mount --bind -o ro "/$folder" "$1/root/$folder"; done
            exec chroot "$1/root" /usr/bin/env -i PATH=/fake:/usr/local/bin /bin/sh -eu -s
        ' sh "$1" <&7 7<&- 8<&- >"$1/stdout" 2>"$1/stderr"
        """#

    // MARK: files

    /// Puts programs into a folder, by a child: what this process wrote itself may still stand open in another test's child, and Linux
    /// starts no program that is open for writing.
    func install(_ programs: [String: String], in place: String) throws {
        let texts = folder + "/programs"
        try FileManager.default.createDirectory(atPath: texts, withIntermediateDirectories: true)
        for (name, text) in programs { try Data(text.utf8).write(to: URL(filePath: "\(texts)/\(name)")) }
        try #require(try spawn(["/usr/bin/install", "-D", "-m", "755", "-t", root + place] + programs.keys.map { "\(texts)/\($0)" }) == 0)
    }

    func write(_ path: String, _ text: String, mode: Int = 0o644) throws {
        try FileManager.default.createDirectory(
            atPath: (root + path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: root + path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: root + path)
    }

    func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: root + path) }

    func read(_ path: String) -> String? {
        FileManager.default.contents(atPath: root + path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Distinguishes an untouched file from one that was written again with the same text.
    struct FileState: Hashable {
        var mode: UInt32
        var inode: UInt64
        var modified: [Int]
        var text: String?
    }

    func state(_ path: String) -> FileState? {
        var status = stat()
        guard lstat(root + path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { return nil }
        return FileState(
            mode: status.st_mode & 0o7777, inode: UInt64(status.st_ino), modified: [status.st_mtim.tv_sec, status.st_mtim.tv_nsec],
            text: read(path))
    }

    /// Every file that a script may have written.
    func files() -> [String: FileState] {
        var all: [String: FileState] = [:]
        for top in ["/etc", "/run", "/tmp", "/usr/local", "/var"] {
            for name in FileManager.default.enumerator(atPath: root + top)?.compactMap({ $0 as? String }) ?? [] {
                all["\(top)/\(name)"] = state("\(top)/\(name)")
            }
        }
        return all
    }

    /// Temporary files that a script left.
    var leftovers: [String] {
        files().keys.filter { $0.hasSuffix("new") || $0.contains("key") || $0.hasPrefix("/tmp") }.sorted()
    }

    // MARK: what was called

    /// Each call's program and arguments, in order.
    var calls: [[String]] {
        (read("/log/calls") ?? "").split(separator: "\u{1e}").map { call in
            let words = call.split(separator: "\u{1f}", omittingEmptySubsequences: false).map(String.init)
            // The interpreter stands first, and an end after the last word.
            return [(words[1] as NSString).lastPathComponent] + words.dropFirst(2).dropLast()
        }
    }

    func calls(of program: String, _ first: String? = nil) -> [[String]] {
        calls.filter { $0[0] == program && (first == nil || $0.dropFirst().first == first) }
    }

    func forgetCalls() throws { try remove("/log/calls") }
}

/// Starts a program and waits for its end; Foundation's `Process` needs a run loop that a test's thread does not have.
func spawn(_ words: [String]) throws -> Int32 {
    var pid: pid_t = 0
    var status: Int32 = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), nil]
    defer { for word in arguments + environment { free(word) } }
    try #require(posix_spawn(&pid, words[0], nil, nil, &arguments, &environment) == 0, "\(words[0]) cannot be started")
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
}
