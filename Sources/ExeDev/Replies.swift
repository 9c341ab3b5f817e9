import FoundationEssentials

/// A VM as `ls` or `new` shows it. Only the name and a way to reach it are certain (facts/exedev.md §8.16).
package struct VM: Sendable, Hashable {
    package var name: String
    package var status: VMStatus
    package var tags: [String]
    package var sshHost: String
    package var sshUser: String?
    package var sshPort: Int?
    package var httpsURL: String?
    package var createdAt: String?
}

package enum VMStatus: Sendable, Hashable {
    case running, starting, stopped, paused
    case unknown(String)

    init(_ word: String) {
        switch word {
        case "running": self = .running
        case "starting", "creating": self = .starting
        case "stopped": self = .stopped
        case "paused": self = .paused
        default: self = .unknown(word)
        }
    }
}

package struct VMList: Sendable, Hashable {
    package var vms: [VM]
}

package struct CreatedVM: Sendable, Hashable {
    package var vm: VM
    /// The VM exists and a later step of its set-up failed.
    package var warning: String?
}

package struct Removal: Sendable, Hashable {
    package var deleted: [String]
    /// Reasons by name.
    package var failed: [String: String]
    package var notFound: [String]
}

package struct ShareState: Sendable, Hashable {
    package var isPublic: Bool
    package var port: Int?
    package var users: [String]
}

// MARK: wire shapes

/// Numbers come as integers, floats or strings (facts/exedev.md §8.14).
struct LooseInt: Decodable {
    var value: Int?

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) { value = Int(exactly: number.rounded()) } else { value = (try? container.decode(String.self)).flatMap { Int($0) } }
    }
}

struct VMRow: Decodable {
    var vm_name: String
    var status: String?
    var ssh_dest: String?
    var ssh_host: String?
    var ssh_user: String?
    var ssh_port: LooseInt?
    var https_url: String?
    var tags: [String]?
    var created_at: String?
    var error: String?

    /// `ssh_host` and `ssh_user`; without them `ssh_dest` split at its last `@` (doc:api).
    func vm() throws(RowError) -> VM {
        guard !vm_name.isEmpty else { throw RowError(description: "a VM without a name") }
        var host = ssh_host
        var user = ssh_user
        if host == nil, let dest = ssh_dest {
            let at = dest.lastIndex(of: "@")
            host = at.map { String(dest[dest.index(after: $0)...]) } ?? dest
            if let at { user = user ?? String(dest[..<at]) }
        }
        guard let host, !host.isEmpty else { throw RowError(description: "\(vm_name) has neither ssh_host nor ssh_dest") }
        return VM(
            name: vm_name, status: VMStatus(status ?? "starting"), tags: tags ?? [], sshHost: host, sshUser: user, sshPort: ssh_port?.value,
            httpsURL: https_url, createdAt: created_at)
    }
}

struct RowError: Error { var description: String }

struct ListReply: Decodable { var vms: [VMRow] }

struct RemovalReply: Decodable {
    var deleted: [String]?
    var failed: [String]?
    var not_found: [String]?
    var errors: [String: String]?
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

    /// The text of a document whose only key is `error` (facts/exedev.md §1.1).
    static func error(_ document: Data) -> String? {
        guard let keys = try? JSONDecoder().decode([String: Anything].self, from: document), keys.count == 1 else { return nil }
        return (try? JSONDecoder().decode(ErrorReply.self, from: document))?.error
    }

    private static func isJSON(_ data: Data) -> Bool { (try? JSONDecoder().decode(Anything.self, from: data)) != nil }

    /// Any JSON value, its content not looked at.
    private struct Anything: Decodable {
        init(from decoder: any Decoder) throws {}
    }
}
