/// An exact k3s release tag such as `v1.34.9+k3s1`. Channels and ranges are refused on purpose: a cluster's
/// version must not depend on the day a node joins.
package struct K3sVersion: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    package let major: Int
    package let minor: Int
    package let patch: Int
    /// The number after `k3s`, the packaging of the same Kubernetes release.
    package let build: Int

    /// Nil when `tag` is not `vX.Y.Z+k3sN`.
    package init?(_ tag: String) {
        guard tag.hasPrefix("v"), let plus = tag.firstIndex(of: "+") else { return nil }
        let numbers = tag[tag.index(after: tag.startIndex)..<plus].split(separator: ".", omittingEmptySubsequences: false).map(Self.number)
        let suffix = tag[tag.index(after: plus)...]
        guard numbers.count == 3, suffix.hasPrefix("k3s"), let major = numbers[0], let minor = numbers[1], let patch = numbers[2],
            let build = Self.number(suffix.dropFirst(3))
        else { return nil }
        (self.major, self.minor, self.patch, self.build) = (major, minor, patch, build)
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.count <= 6, text.utf8.allSatisfy({ (48...57).contains($0) }), text == "0" || text.first != "0" else {
            return nil
        }
        return Int(text)
    }

    package var description: String { "v\(major).\(minor).\(patch)+k3s\(build)" }

    package static func < (left: K3sVersion, right: K3sVersion) -> Bool {
        (left.major, left.minor, left.patch, left.build) < (right.major, right.minor, right.patch, right.build)
    }

    package init(from decoder: any Decoder) throws {
        let tag = try decoder.singleValueContainer().decode(String.self)
        guard let version = K3sVersion(tag) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "\(tag) is no k3s release tag"))
        }
        self = version
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
