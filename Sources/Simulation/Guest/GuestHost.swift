import Foundation
import Glibc
import Spawn

/// What the guest's programs do to the machine they run on.
enum GuestHost {
    /// One HTTP exchange through the guest's curl. Everything goes by standard input, so that no secret is in an argument list.
    static func http(
        _ url: String, user: String? = nil, body: String? = nil, seconds: Int = 5
    ) throws -> (status: Int, body: String) {
        var config = "silent\nshow-error\nmax-time = \(seconds)\nurl = \(quoted(url))\nwrite-out = \"\\n%{http_code}\"\n"
        if let user { config += "user = \(quoted(user))\n" }
        if let body { config += "data-binary = \(quoted(body))\n" }
        let ended = try Subprocess.run("curl", ["-K", "-"], input: Data(config.utf8), quiet: true)
        let text = String(decoding: ended.output, as: UTF8.self)
        guard ended.status == 0, let cut = text.lastIndex(of: "\n"), let status = Int(text[text.index(after: cut)...]) else {
            throw GuestFailure("no answer from \(url): curl \(ended.status)")
        }
        return (status, String(text[..<cut]))
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\", "\"": out += "\\\(scalar)"
            case "\n": out += "\\n"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    /// The IPv4 addresses of an interface; empty when it is not there.
    static func addresses(of interface: String) -> [String] {
        guard let ended = try? Subprocess.run("ip", ["-4", "-o", "addr", "show", "dev", interface], quiet: true), ended.status == 0 else {
            return []
        }
        return String(decoding: ended.output, as: UTF8.self).split(whereSeparator: \.isNewline).compactMap { line in
            line.split(separator: " ").drop { $0 != "inet" }.dropFirst().first?.split(separator: "/").first.map(String.init)
        }
    }

    @discardableResult
    static func ip(_ arguments: String...) -> Bool {
        (try? Subprocess.run("ip", arguments, quiet: true))?.status == 0
    }

    static func read(_ file: String) -> String? {
        FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) }
    }

    /// In alphabetical order.
    static func files(in folder: String, ending suffixes: [String]) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { name in suffixes.contains { name.hasSuffix("." + $0) } }.sorted().map { folder + "/" + $0 }
    }

    /// By rename, with its mode from the first byte; folders are made on the way.
    static func write(_ text: String, to file: String, mode: mode_t = 0o600) throws {
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let unfinished = file + ".new"
        let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw GuestFailure("cannot write \(file)") }
        try FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).write(contentsOf: Data(text.utf8))
        guard rename(unfinished, file) == 0 else { throw GuestFailure("cannot write \(file)") }
    }

    /// What was stored there, or `make()` stored now.
    static func keep(_ file: String, _ make: () throws -> String) throws -> String {
        if let text = read(file) { return text }
        let text = try make()
        try write(text, to: file)
        return text
    }

    static func random() -> String { (0..<4).map { _ in String(UInt64.random(in: .min ... .max), radix: 16) }.joined() }

    static func sha256(_ text: String) throws -> String {
        let ended = try Subprocess.run("sha256sum", [], input: Data(text.utf8))
        return String(decoding: ended.output.prefix(64), as: UTF8.self)
    }

    /// Tells systemd, as `Type=notify` asks; nothing when it did not ask.
    static func notify(_ state: String) {
        guard let path = ProcessInfo.processInfo.environment["NOTIFY_SOCKET"] else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let length = min(path.utf8.count, MemoryLayout.size(ofValue: address.sun_path) - 1)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(length)) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + length)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = sendto(descriptor, state, state.utf8.count, 0, $0, size) }
        }
    }

    static var now: Double { Date().timeIntervalSince1970 }
}
