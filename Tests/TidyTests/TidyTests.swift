import Foundation
import Testing

/// The rules of the house that a compiler does not know.
@Suite struct TidyTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Who may import what. The package's dependencies cannot be narrower than this without the build failing, nor this wider unseen.
    static let allowed: [String: Set<String>] = [
        "Shell": [], "K3s": ["FoundationEssentials", "Shell"], "FleetCore": ["FoundationEssentials", "K3s", "Shell"],
        "Reconciler": ["Digest", "FleetCore", "K3s", "Shell", "Synchronization"],
        "ExeDev": ["CLibcurl", "Dispatch", "Files", "FoundationEssentials", "Glibc", "Shell", "Synchronization", "Tokens"],
        "Tokens": ["FoundationEssentials"],
        "Digest": ["CLibcrypto"], "Files": ["Glibc"],
        "HTTPServer": ["CMicrohttpd", "FoundationEssentials", "Glibc", "Synchronization"],
        "SSH": ["CLibcrypto", "CLibssh2", "Digest", "Dispatch", "Files", "FoundationEssentials", "Glibc", "Synchronization"],
        "Live": [
            "Digest", "ExeDev", "Files", "FleetCore", "FoundationEssentials", "Glibc", "K3s", "Reconciler", "SSH", "Shell", "Spawn",
            "Synchronization", "Tokens",
        ],
        "Daemon": [
            "Dispatch", "FleetCore", "FoundationEssentials", "Glibc", "HTTPServer", "K3s", "Live", "Reconciler", "Shell",
            "Synchronization",
        ],
        "Spawn": ["CSpawn", "Dispatch", "FoundationEssentials", "Glibc", "Synchronization"],
        // exe.dev on one machine, in memory and over real wires; never the live hands.
        "Simulation": [
            "Digest", "Dispatch", "Foundation", "FleetCore", "Glibc", "HTTPServer", "K3s", "Reconciler", "Shell", "Spawn",
            "Synchronization", "Tokens",
        ],
    ]

    static func files(of target: String) throws -> [URL] {
        let folder = root.appending(path: "Sources/\(target)")
        let names = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        return names.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
    }

    @Test(arguments: allowed.keys.sorted())
    func importsOnlyWhatItMay(target: String) throws {
        for file in try Self.files(of: target) {
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ")
                guard let at = words.firstIndex(of: "import"), at <= 1, words.count > at + 1 else { continue }
                #expect(Self.allowed[target]!.contains(String(words[at + 1])), "\(file.lastPathComponent): \(line)")
            }
        }
    }

    /// A C library is seen by its owners only, also of targets that have no list above.
    @Test(arguments: [
        ("CLibcurl", ["ExeDev"]), ("CLibssh2", ["SSH"]), ("CLibcrypto", ["SSH", "Digest"]), ("CMicrohttpd", ["HTTPServer"]),
        ("CSpawn", ["Spawn"]),
    ])
    func librariesHaveOwners(library: String, owners: [String]) throws {
        let others = try FileManager.default.contentsOfDirectory(atPath: Self.root.appending(path: "Sources").path).filter {
            !owners.contains($0)
        }
        for target in others where !target.contains(".") {
            for file in try Self.files(of: target) {
                #expect(try !String(contentsOf: file, encoding: .utf8).contains("import \(library)"), "\(target)/\(file.lastPathComponent)")
            }
        }
    }

    @Test(arguments: ["Shell", "K3s", "FleetCore", "Tokens"])
    func pureLayersStayPure(target: String) throws {
        for file in try Self.files(of: target) {
            let text = try String(contentsOf: file, encoding: .utf8)
            for word in [" async ", "Date()", ".random(", "print("] {
                #expect(!text.contains(word), "\(file.lastPathComponent) says \(word)")
            }
        }
    }

    @Test(arguments: allowed.keys.sorted().filter { $0 != "Simulation" })
    func nobodyElsePrints(target: String) throws {
        for file in try Self.files(of: target) {
            #expect(try !String(contentsOf: file, encoding: .utf8).contains(" print("), "\(file.lastPathComponent)")
        }
    }
}
