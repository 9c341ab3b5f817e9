import Shell

/// The arguments of `new`. Always sent with `--no-email`: without it the owner is e-mailed for every VM (facts/exedev.md §1.2).
package struct NewVM: Sendable, Hashable {
    package var name: String
    package var image: String
    package var cpu: Int
    package var memory: String
    package var disk: String
    package var tags: [String]
    package var comment: String?

    package init(name: String, image: String, cpu: Int, memory: String, disk: String, tags: [String]) {
        (self.name, self.image, self.cpu, self.memory, self.disk, self.tags) = (name, image, cpu, memory, disk, tags)
    }
}

/// The arguments of `resize`. What is nil stays.
package struct NewSize: Sendable, Hashable {
    package var name: String
    package var cpu: Int?
    package var memory: String?
    package var disk: String?

    package init(name: String, cpu: Int? = nil, memory: String? = nil, disk: String? = nil) {
        (self.name, self.cpu, self.memory, self.disk) = (name, cpu, memory, disk)
    }
}

/// A command of exe.dev's lobby as a value; `line` is the exact body of `POST /exec`.
package enum ExeDevCommand: Sendable, Hashable {
    case ls(pattern: String?)
    case new(NewVM)
    case rm([String])
    case restart(String)
    case resize(NewSize)
    case tag(String, tags: [String], remove: Bool)
    /// An empty text clears it.
    case comment(String, text: String)
    case whoami
    case shareShow(String)
    case sharePort(String, Int)
    case shareSetPublic(String)
    case shareSetPrivate(String)
    case shareAdd(String, user: String)
    case shareRemove(String, user: String)
    case help
    /// A command line as typed.
    case raw(String)

    /// Bytes of a line that exe.dev takes (facts/exedev.md §2.1).
    package static let mostBytes = 65536

    /// `cmd --flag=value … positionals`, each value quoted: the order and the quoting of exe.dev's SDK 0.4.0 (`_wire.py`).
    package var line: String {
        switch self {
        // Sizes are told with -l alone by some servers (facts/exedev.md §1.2).
        case .ls(let pattern): words(["ls", "-l"] + (pattern.map { [$0] } ?? []))
        case .new(let vm): words(Self.creation(vm))
        case .rm(let names): words(["rm"] + names)
        case .restart(let name): words(["restart", name])
        case .resize(let size): words(["resize"] + Self.sizes(size) + [size.name])
        case .tag(let name, let tags, let remove): words(["tag"] + (remove ? ["-d"] : []) + [name] + tags)
        case .comment(let name, let text): words(["comment"] + (text.hasPrefix("-") ? ["--"] : []) + [name, text])
        case .whoami: "whoami"
        case .shareShow(let name): words(["share", "show", name])
        case .sharePort(let name, let port): words(["share", "port", name, String(port)])
        case .shareSetPublic(let name): words(["share", "set-public", name])
        case .shareSetPrivate(let name): words(["share", "set-private", name])
        case .shareAdd(let name, let user): words(["share", "add", name, user])
        case .shareRemove(let name, let user): words(["share", "remove", name, user])
        case .help: "help"
        case .raw(let line): line
        }
    }

    /// A command in words, which arrive at exe.dev as they are here.
    package static func typed(_ words: [String]) -> ExeDevCommand { .raw(words.map(quoted).joined(separator: " ")) }

    private func words(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }

    private static func creation(_ vm: NewVM) -> [String] {
        ["new", "--name=\(vm.name)", "--image=\(vm.image)", "--cpu=\(vm.cpu)", "--memory=\(vm.memory)", "--disk=\(vm.disk)"]
            + vm.tags.map { "--tag=\($0)" } + (vm.comment.map { ["--comment=\($0)"] } ?? []) + ["--no-email"]
    }

    private static func sizes(_ size: NewSize) -> [String] {
        [size.cpu.map { "--cpu=\($0)" }, size.memory.map { "--memory=\($0)" }, size.disk.map { "--disk=\($0)" }].compactMap(\.self)
    }

    /// As the lobby takes it apart.
    package var parsed: LobbyLine { LobbyLine(line) }

    /// The command without its arguments, for messages: arguments may be secret.
    package var verb: String { parsed.verb }

    /// Whether sending it twice may have two effects.
    package var isMutating: Bool {
        switch self {
        case .ls, .whoami, .shareShow, .help: false
        case .raw: !parsed.isRead
        case .new, .rm, .restart, .resize, .tag, .comment, .sharePort, .shareSetPublic, .shareSetPrivate, .shareAdd, .shareRemove: true
        }
    }

    /// exe.dev cuts a command at 30 s, `cp` at 5.5 minutes (facts/exedev.md §2.3); we wait a little longer than it does.
    package var deadline: Duration { .seconds(parsed.command?.deadline ?? 35) }
}
