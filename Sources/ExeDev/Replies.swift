import FoundationEssentials
import Shell

/// A VM in the output of `ls` or `new`. Only the name and a way to reach it are certain (facts/exedev.md §8.16).
package struct VM: Sendable, Hashable {
    package var name: String
    package var status: VMStatus
    package var tags: [String]
    package var sshHost: String
    package var sshUser: String?
    package var sshPort: Int?
    package var httpsURL: String?
    package var createdAt: String?
    package var cpu: Int?
    package var memoryBytes: Int?
    package var diskBytes: Int?
    package var comment = ""
}

package enum VMStatus: Sendable, Hashable {
    case running, starting, stopped, paused
    /// The VM does not start by itself.
    case failed(String)
    case unknown(String)

    init(_ word: String) {
        switch word {
        case "running": self = .running
        case "starting", "creating": self = .starting
        case "stopped": self = .stopped
        case "paused": self = .paused
        case "error", "failed": self = .failed(word)
        default: self = .unknown(word)
        }
    }
}

package struct VMList: Sendable, Hashable {
    package var vms: [VM]
}

package struct CreatedVM: Sendable, Hashable {
    package var vm: VM
    /// Set when the VM exists but a later step of its creation failed.
    package var warning: String?
}

package struct Removal: Sendable, Hashable {
    package var deleted: [String]
    /// Reasons by name.
    package var failed: [String: String]
    package var notFound: [String]

    func mentions(_ name: String) -> Bool { deleted.contains(name) || failed[name] != nil || notFound.contains(name) }
}

package struct ShareState: Sendable, Hashable {
    package var isPublic: Bool
    package var port: Int?
    /// E-mail addresses in lower case, as the fleet file's are.
    package var users: [String]
}

// MARK: wire formats

/// Numbers come as integers, floats or strings (facts/exedev.md §8.14).
struct LooseInt: Decodable {
    var value: Int?

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) {
            value = Int(exactly: number.rounded())
        } else {
            value = (try? container.decode(String.self)).flatMap { Int($0) }
        }
    }
}

struct VMRow: Decodable {
    var vmName: String
    var status: String?
    var sshDest: String?
    var sshHost: String?
    var sshUser: String?
    var sshPort: LooseInt?
    var httpsURL: String?
    var tags: [String]?
    var createdAt: String?
    /// Some servers show sizes (facts/exedev.md §1.2).
    var cpu: LooseInt?
    var memoryBytes: LooseInt?
    var diskBytes: LooseInt?
    var comment: String?
    var error: String?

    enum CodingKeys: String, CodingKey {
        case vmName = "vm_name"
        case status
        case sshDest = "ssh_dest"
        case sshHost = "ssh_host"
        case sshUser = "ssh_user"
        case sshPort = "ssh_port"
        case httpsURL = "https_url"
        case tags
        case createdAt = "created_at"
        case cpu = "allocated_cpus"
        case memoryBytes = "memory_capacity_bytes"
        case diskBytes = "disk_capacity_bytes"
        case comment, error
    }

    /// `ssh_host` and `ssh_user`; without them `ssh_dest` split at its last `@`, and a name that routes (`vm+NAME`) is the login name (doc:api).
    /// `assumed`: the status of a row without one. The response of `new` has none; in a list it proves nothing.
    func vm(assumed: VMStatus) throws(RowError) -> VM {
        guard Self.isName(vmName) else { throw RowError(description: "a VM with the impossible name \"\(vmName)\"") }
        var host = sshHost
        var user = sshUser
        if host == nil, let dest = sshDest {
            let at = dest.lastIndex(of: "@")
            host = at.map { String(dest[dest.index(after: $0)...]) } ?? dest
            if let name = at.map({ String(dest[..<$0]) }), user == nil || name.contains("+") { user = name }
        }
        guard let host, Self.isWord(host) else { throw RowError(description: "\(vmName) has neither ssh_host nor ssh_dest") }
        guard user.map(Self.isWord) ?? true else { throw RowError(description: "\(vmName) has an impossible ssh_user") }
        if let sshPort {
            guard let port = sshPort.value, 1...65535 ~= port else { throw RowError(description: "\(vmName) has an impossible ssh_port") }
        }
        return VM(
            name: vmName, status: status.map { VMStatus(OutsideText.line($0)) } ?? assumed, tags: (tags ?? []).map { OutsideText.line($0) },
            sshHost: host, sshUser: user, sshPort: sshPort?.value, httpsURL: httpsURL.map { OutsideText.line($0) },
            createdAt: createdAt.map { OutsideText.line($0) }, cpu: cpu?.value, memoryBytes: memoryBytes?.value,
            diskBytes: diskBytes?.value, comment: comment.map { OutsideText.line($0) } ?? "")
    }

    /// exe.dev's own names are narrower; what is refused here can be no name of a host.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 253
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
                default: false
                }
            }
    }

    /// Printable, without a space.
    private static func isWord(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 512 && text.utf8.allSatisfy { (33...126).contains($0) }
    }
}

struct RowError: Error { var description: String }

struct ListReply: Decodable { var vms: [VMRow] }

struct RemovalReply: Decodable {
    var deleted: [String]?
    var failed: [String]?
    var notFound: [String]?
    var errors: [String: String]?

    enum CodingKeys: String, CodingKey {
        case deleted, failed, errors
        case notFound = "not_found"
    }
}

struct ShareReply: Decodable {
    var status: String?
    var port: LooseInt?
    var users: [User]?

    struct User: Decodable { var email: String }
}

struct ErrorReply: Decodable {
    var error: String
}

/// The documents of a body: one JSON value, or one on each line.
enum Body {
    static func documents(_ bytes: [UInt8]) -> [Data]? {
        let whole = Data(bytes)
        if isJSON(whole) { return [whole] }
        let lines = bytes.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }.map { Data($0) }
        return !lines.isEmpty && lines.allSatisfy(isJSON) ? lines : nil
    }

    /// The text of a document whose only key is `error` (facts/exedev.md §1.1), whatever JSON it holds.
    static func error(_ document: Data) -> String? {
        guard let keys = try? JSONDecoder().decode([String: Anything].self, from: document), keys.count == 1 else { return nil }
        return message(document)
    }

    /// The error of a document that may have other keys.
    static func message(_ document: Data) -> String? {
        guard let keys = try? JSONDecoder().decode([String: Anything].self, from: document), keys["error"] != nil else { return nil }
        return (try? JSONDecoder().decode(ErrorReply.self, from: document))?.error ?? String(decoding: document, as: UTF8.self)
    }

    /// No command answers a change with `null`, a list, a number or a text.
    static func isObject(_ document: Data) -> Bool { (try? JSONDecoder().decode([String: Anything].self, from: document)) != nil }

    private static func isJSON(_ data: Data) -> Bool { (try? JSONDecoder().decode(Anything.self, from: data)) != nil }

    /// Any JSON value; its content is ignored.
    private struct Anything: Decodable {
        init(from decoder: any Decoder) throws {}
    }
}
