import ExeDev
import FoundationEssentials
import Glibc
import Live
import Reconciler
import SSH
import Shell
import Spawn

/// One end of a copy: a path here, or on a VM.
struct CopyPlace: Hashable {
    let vm: String?
    let path: String

    /// `VM:path`; a path here that has a colon begins with `./` or `/`.
    init(_ text: String) throws(UsageError) {
        let colon = text.firstIndex(of: ":")
        guard let colon, !text[..<colon].contains("/") else {
            (vm, path) = (nil, text)
            return
        }
        let name = String(text[..<colon])
        guard name.wholeMatch(of: /[a-z0-9][a-z0-9-]*/) != nil else { throw UsageError("\(text) does not begin with the name of a VM") }
        let rest = String(text[text.index(after: colon)...])
        // `~/` is what a relative path means there.
        (vm, path) = (name, rest.isEmpty ? "." : rest.hasPrefix("~/") ? String(rest.dropFirst(2)) : rest)
    }

    var name: String { path.split(separator: "/").last.map(String.init) ?? "" }
}

extension ControlCommand {
    static let scp = ControlCommand(
        path: "scp", operands: ["<source>", "<destination>"],
        summary: "copies a file, or with -r a folder, to or from a VM (VM:path); into a folder that is there, else to that name",
        options: .shell + [.flag("r", "a folder with all that is in it")],
        examples: ["scp notes.txt web-one:", "scp -r site web-one:/srv/", "scp web-one:/var/log/syslog ."]
    ) { arguments, session in
        let operands = try arguments.operands(upTo: 2)
        guard operands.count == 2 else { throw UsageError("\(operands.isEmpty ? "<source>" : "<destination>") is missing") }
        let (source, target) = (try CopyPlace(operands[0]), try CopyPlace(operands[1]))
        let copy = Copy(source: source, target: target, isFolder: arguments.has("r"))
        switch (source.vm, target.vm) {
        case (nil, let vm?): try await session.withVM(vm, arguments) { try await copy.send(to: $0, $1) }
        case (let vm?, nil): try await session.withVM(vm, arguments) { try await copy.fetch(from: $0, $1) }
        default: throw UsageError("one of the two is on a VM: write it VM:path")
        }
        return .done
    }
}

/// Files go as they are, folders as tar.
struct Copy {
    let source: CopyPlace
    let target: CopyPlace
    let isFolder: Bool

    /// Where it comes to lie: in the folder that is there, or under that name.
    private var place: String { "d=\(quoted(target.path)); [ ! -d \"$d\" ] || d=$d/\(quoted(source.name)); " }

    func send(to vm: VM, _ access: ShellAccess) async throws {
        var status = stat()
        guard stat(source.path, &status) == 0 else { throw Failure("\(source.path): \(String(cString: strerror(errno)))") }
        guard (status.st_mode & S_IFMT == S_IFDIR) == isFolder else {
            throw Failure(
                isFolder ? "\(source.path) is no folder" : "\(source.path) is a folder", advice: isFolder ? nil : "copy it with -r")
        }
        let mode = String(status.st_mode & 0o777, radix: 8)
        if isFolder {
            let program = try PipedProgram(["tar", "-C", source.path, "-cf", "-", "."], .printsToUs)
            try await run(
                "\(place)mkdir -p \"$d\" && tar -C \"$d\" -xf -", vm, access, SSHInput(descriptor: program.descriptor),
                write: Terminal.passOn)
            guard program.ended() == 0 else { throw Failure("tar could not read all of \(source.path)") }
        } else {
            let descriptor = open(source.path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Failure("\(source.path): \(String(cString: strerror(errno)))") }
            defer { close(descriptor) }
            // Beside it first: a copy that is cut leaves what was there.
            let script =
                "\(place)t=$d.part.$$; umask 077; cat > \"$t\" && chmod \(mode) \"$t\" && mv \"$t\" \"$d\" || { rm -f \"$t\"; exit 1; }"
            try await run(script, vm, access, SSHInput(descriptor: descriptor), write: Terminal.passOn)
        }
    }

    func fetch(from vm: VM, _ access: ShellAccess) async throws {
        var status = stat()
        let isThere = stat(target.path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        let place = isThere ? target.path + "/" + source.name : target.path
        let nothing = SSHInput(descriptor: open("/dev/null", O_RDONLY | O_CLOEXEC))
        if isFolder {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            let program = try PipedProgram(["tar", "-C", place, "--no-same-owner", "--no-same-permissions", "-xf", "-"], .readsFromUs)
            let descriptor = program.descriptor
            do {
                try await run("tar -C \(quoted(source.path)) -cf - .", vm, access, nothing) { Self.keep($0, $1, in: descriptor) }
            } catch {
                close(descriptor)
                _ = program.ended()
                throw error
            }
            close(descriptor)
            guard program.ended() == 0 else { throw Failure("tar could not write all of \(place)") }
        } else {
            let part = place + ".part-" + UUID().uuidString.prefix(8)
            let descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw Failure("\(part): \(String(cString: strerror(errno)))") }
            defer { close(descriptor) }
            do {
                try await run("cat -- \(quoted(source.path))", vm, access, nothing) { Self.keep($0, $1, in: descriptor) }
            } catch {
                unlink(part)
                throw error
            }
            guard fsync(descriptor) == 0, rename(part, place) == 0 else { throw Failure("\(place): \(String(cString: strerror(errno)))") }
        }
    }

    private static func keep(_ bytes: ArraySlice<UInt8>, _ isError: Bool, in descriptor: Int32) {
        Terminal.passOn(bytes, isError: isError, out: descriptor)
    }

    private func run(
        _ script: String, _ vm: VM, _ access: ShellAccess, _ input: SSHInput, write: @escaping @Sendable (ArraySlice<UInt8>, Bool) -> Void
    ) async throws {
        let result = try await access.stream(vm, command: "sh -c \(quoted(script))", terminal: nil, input: input, write: write)
        guard result.exitStatus == 0 else { throw Failure("\(vm.name) could not do its part (status \(result.exitStatus ?? -1))") }
        guard Terminal.hasWritten else { throw Failure("not all could be written here") }
    }
}
