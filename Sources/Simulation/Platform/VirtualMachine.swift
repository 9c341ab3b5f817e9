package import K3s

/// A VM as exe.dev knows it. Addresses follow from `index`, which is never reused.
package struct VirtualMachine: Codable, Sendable, Hashable {
    package enum Status: String, Sendable { case starting, running, paused, stopped }

    /// What it is made of; its size changes by `resize`.
    package struct Make: Codable, Sendable, Hashable {
        package var image = "exeuntu"
        package var cpu = "2"
        package var memory = "4GB"
        package var disk = "20GB"
        package var egress = "all"

        package init() {}
    }

    package internal(set) var name: String
    /// What its machine was called from the start, where that is not its name.
    private var machineName: String?
    package var index: Int
    package var createdAt: String
    /// Where it was made; nil is where accounts begin.
    package internal(set) var region: String?
    package var make: Shared<Make>
    /// With the cpu and memory that it has from its next restart on.
    package var next: Shared<Make>?
    /// Nil: as they are now.
    package var listedSizes: ListedSizes?
    package var tags: [String] = []
    package var comment = ""
    package var port = 8000
    package var isPublic = false
    /// Nil is an ``Access`` that gives nothing.
    private var given: Shared<Access>?
    package var joinedTailnet = false
    package internal(set) var isStopped = false
    /// Since when its memory is kept and nothing of it runs.
    var pausedAt: Double?
    /// From when it is said to run; nil while nobody knows.
    var runningAt: Double?
    /// Until when lists call it stopped although it was started.
    var listedStoppedUntil: Double?

    package init(name: String, index: Int, createdAt: String, make: Make = Make()) {
        (self.name, self.index, self.createdAt, self.make) = (name, index, createdAt, Shared(make))
    }

    /// Of its folder, its network and its cgroups, for good.
    package var machine: String { machineName ?? name }

    /// Who and what reaches it beside its owner.
    package var access: Access {
        get { given?.value ?? Access() }
        set { given = newValue == Access() ? nil : Shared(newValue) }
    }

    /// The addresses of those whom it is shared with.
    package var sharedWith: [String] { access.users.map(\.email) }

    /// `machine`: when another one is called like it.
    mutating func rename(_ name: String, machine: String? = nil) {
        machineName = machine ?? self.machine
        self.name = name
    }

    package var isPaused: Bool { pausedAt != nil }

    package func status(at now: Double) -> Status {
        if isStopped || now < listedStoppedUntil ?? -.infinity { return .stopped }
        if isPaused { return .paused }
        return now < runningAt ?? .infinity ? .starting : .running
    }

    private var suffix: String { "\(index / 250 + 1).\(index % 250 + 2)" }
    /// In the guest's own network.
    package var address: String { "10.42.\(suffix)" }
    /// Where a client of exe.dev dials its SSH.
    package var sshAddress: String { "127.42.\(suffix)" }
    package var tailnetAddress: String { "100.64.\(suffix)" }

    /// 5 to 52 characters, as exe.dev's own message has it (observed through ExeDesktop, 2026): words of lowercase letters and digits with single
    /// hyphens between them, the first of which begins with a letter.
    package static func isName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (5...52).contains(bytes.count), isLetter(bytes[0]), bytes.last != hyphen else { return false }
        return bytes.indices.allSatisfy { place in
            bytes[place] == hyphen ? bytes[place - 1] != hyphen : isLetter(bytes[place]) || isDigit(bytes[place])
        }
    }

    /// The smallest that were observed to be accepted; 512 MB and 5 GB were not (cert, Aug 2026).
    static let leastMemory = "2GB"
    static let leastDisk = "10GB"

    package static func isTag(_ text: String) -> Bool {
        guard let first = text.utf8.first, isLetter(first) else { return false }
        return text.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == hyphen || $0 == UInt8(ascii: "_") }
    }

    private static let hyphen = UInt8(ascii: "-")
    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
