import ExeDev
import FoundationEssentials
import Glibc
import Live
import Reconciler
import SSH
import Shell
import Spawn
import Synchronization

/// One end of a copy: a path here, or on a VM.
struct CopyPlace: Hashable, Sendable {
    let vm: String?
    /// The login name on it, where it was typed.
    let login: String?
    let path: String

    /// `[user@]VM:path`; a path here that has a colon begins with `./` or `/`.
    init(_ text: String) throws(UsageError) {
        let colon = text.firstIndex(of: ":")
        guard let colon, !text[..<colon].contains("/") else {
            (vm, login, path) = (nil, nil, text)
            return
        }
        let (name, user) = ControlCommand.login(String(text[..<colon]))
        guard name.wholeMatch(of: /[a-z0-9][a-z0-9-]*/) != nil, user != "" else {
            throw UsageError("\(text) does not begin with the name of a VM")
        }
        let rest = String(text[text.index(after: colon)...])
        // The home folder is what a relative path begins at there.
        let path = rest == "~" ? "" : rest.hasPrefix("~/") ? String(rest.dropFirst(2)) : rest
        if path == rest, rest.hasPrefix("~") {
            throw UsageError("\(text): another user's home folder is written as its path; a file of that name is ./\(rest)")
        }
        (vm, login, self.path) = (name, user, path.isEmpty ? "." : path)
    }

    var name: String { path.split(separator: "/").last.map(String.init) ?? "" }

    /// As messages name it.
    var shown: String { (vm.map { $0 + ":" } ?? "") + path }

    /// What no program takes for an option, and the shell's `cd` not for another folder.
    var unambiguous: String { path.hasPrefix("/") || path.isEmpty ? path : "./" + path }
}

extension ControlCommand {
    static let scp = ControlCommand(
        path: "scp", operands: ["<source>", "<destination>"],
        summary: "copies a file, or with -r a folder, to or from a VM ([user@]VM:path); into a folder that is there, else to that name",
        options: .shell + [.flag("r", "a folder with all that is in it")],
        examples: ["scp notes.txt web-one:", "scp -r site web-one:/srv/", "scp web-one:/var/log/syslog ."]
    ) { arguments, session in
        let copy = try Copy(arguments.operands, isFolder: arguments.has("r"))
        let place = copy.source.vm == nil ? copy.target : copy.source
        guard let vm = place.vm else { return .done }
        try await session.withVM(vm, login: place.login, arguments) {
            try await copy.run($0, $1) { session.terminal.say($0) }
        }
        return .done
    }
}

/// Files go as they are, folders as tar; behind them goes a proof that this is all (`CopyProof`).
struct Copy {
    let source: CopyPlace
    let target: CopyPlace
    let isFolder: Bool

    init(_ operands: [String], isFolder: Bool) throws(UsageError) {
        guard operands.count >= 2 else { throw UsageError("\(operands.isEmpty ? "<source>" : "<destination>") is missing") }
        guard operands.count == 2 else { throw UsageError("one source at a time, or a folder with -r") }
        (source, target, self.isFolder) = (try CopyPlace(operands[0]), try CopyPlace(operands[1]), isFolder)
        guard (source.vm == nil) != (target.vm == nil) else {
            throw UsageError("exactly one of the two must be VM:path; between two VMs copy twice")
        }
        guard !isFolder || !["", ".", ".."].contains(source.name) else {
            throw UsageError("\(source.shown) does not say what the copy is called: name the folder itself")
        }
    }

    func run(_ vm: VM, _ access: ShellAccess, _ say: @escaping @Sendable (String) -> Void) async throws {
        let end = RemoteEnd(vm: vm, access: access, say: say)
        if source.vm == nil { try await send(to: end) } else { try await fetch(from: end) }
    }

    /// With the mode that the file has here.
    private func send(to end: RemoteEnd) async throws {
        var status = stat()
        let mode = stat(source.path, &status) == 0 ? status.st_mode & 0o777 : 0o600
        let proof = CopyProof()
        let program = try PipedProgram(["sh", "-c", CopyScript.give(source, isFolder: isFolder)], .printsToUs)
        let input = SSHInput(descriptor: program.descriptor) { count in
            guard program.ended() == 0 else { throw Failure("\(source.shown) could not be read") }
            return proof.trailer(count)
        }
        let script = CopyScript.take(target, name: source.name, isFolder: isFolder, mode: String(mode, radix: 8), proof: proof)
        do {
            try check(try await end.run(script, input) { _ in }, target)
        } catch {
            if input.hasFailed { try check(program.ended(), source) }
            throw error
        }
    }

    private func fetch(from end: RemoteEnd) async throws {
        let proof = CopyProof()
        let script = CopyScript.take(target, name: source.name, isFolder: isFolder, mode: "600", proof: proof)
        let program = try PipedProgram(["sh", "-c", script], .readsFromUs)
        let sink = CopySink(descriptor: program.descriptor) { Task { await end.access.close() } }
        let nothing = SSHInput(descriptor: open("/dev/null", O_RDONLY | O_CLOEXEC))
        do {
            try check(try await end.run(CopyScript.give(source, isFolder: isFolder), nothing, sink.take), source)
            sink.take(proof.trailer(sink.count)[...])
        } catch {
            close(program.descriptor)
            let status = program.ended()
            if status != CopyScript.Status.cut.rawValue { try check(status, target) }
            throw error
        }
        close(program.descriptor)
        try check(program.ended(), target)
    }

    /// Throws unless an end did its part.
    private func check(_ status: Int32, _ place: CopyPlace) throws {
        switch CopyScript.Status(rawValue: status) {
        case .said: throw RemoteExit(status: ExitStatus.failed.rawValue)
        case .cut: throw Failure("not all of \(source.shown) came; \(target.shown) is as it was")
        case nil: guard status == 0 else { throw Failure("\(place.shown): sh ended with status \(status)") }
        }
    }
}

/// What a VM does for a copy.
private struct RemoteEnd: Sendable {
    let vm: VM
    let access: ShellAccess
    let say: @Sendable (String) -> Void

    /// Runs a script there; what it said is shown. Returns its exit status.
    func run(_ script: String, _ input: SSHInput, _ output: @escaping @Sendable (ArraySlice<UInt8>) -> Void) async throws -> Int32 {
        let words = CopyWords()
        defer {
            let text = words.text
            if !text.isEmpty { say(text) }
        }
        let result = try await access.stream(vm, command: "sh -c \(quoted(script))", terminal: nil, input: input) { bytes, isError in
            if isError { words.take(bytes) } else { output(bytes) }
        }
        return result.exitStatus ?? -1
    }
}

/// What the other end says on standard error, from its begin.
private final class CopyWords: Sendable {
    private static let most = 16 << 10
    private let bytes = Mutex<[UInt8]>([])

    func take(_ more: ArraySlice<UInt8>) { bytes.withLock { $0 += more.prefix(Self.most - $0.count) } }

    var text: String {
        let text = String(decoding: bytes.withLock { $0 }, as: UTF8.self)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}

/// Writes to a program here, and counts.
private final class CopySink: Sendable {
    private let descriptor: Int32
    private let state = Mutex((count: 0, isBroken: false))
    private let breaks: @Sendable () -> Void

    /// `breaks` is called once, when the program takes no more.
    init(descriptor: Int32, breaks: @escaping @Sendable () -> Void) { (self.descriptor, self.breaks) = (descriptor, breaks) }

    var count: Int { state.withLock { $0.count } }

    func take(_ bytes: ArraySlice<UInt8>) {
        let breaksNow = state.withLock { state in
            guard !state.isBroken else { return false }
            var rest = bytes
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress!, $0.count) }
                if count < 0 && errno == EINTR { continue }
                state.isBroken = count <= 0
                if state.isBroken { return true }
                rest = rest.dropFirst(count)
            }
            state.count += bytes.count
            return false
        }
        if breaksNow { breaks() }
    }
}
