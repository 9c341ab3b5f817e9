import Foundation
import Spawn

/// The root file system that all VMs share: made once a machine, kept in the cache.
struct RootImage {
    static let cache = "/var/cache/exedev-sim"

    let path: String

    init() {
        path = "\(RootImage.cache)/root-\(RootImage.fingerprint(of: RootImageRecipe.text))"
    }

    var exists: Bool { FileManager.default.fileExists(atPath: path) }

    /// Takes about 45 s when the cache is empty. Two builders at once are harmless: the last rename loses and is thrown away.
    func build() throws {
        guard !exists else { return }
        let files = FileManager.default
        try files.createDirectory(atPath: RootImage.cache, withIntermediateDirectories: true)
        let unfinished = "\(RootImage.cache)/unfinished-\(getpid())"
        let script = unfinished + ".sh"
        defer {
            try? files.removeItem(atPath: unfinished)
            try? files.removeItem(atPath: script)
        }
        try RootImageRecipe.text.write(toFile: script, atomically: false, encoding: .utf8)
        try Subprocess.check("sh", [script, unfinished])
        if !exists { try files.moveItem(atPath: unfinished, toPath: path) }
    }

    /// FNV-1a: names a cache entry, protects nothing.
    static func fingerprint(of text: String) -> String {
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
