/// An exact k3s release tag such as `v1.34.9+k3s1`. Channels and ranges are refused on purpose: a cluster's
/// version must not depend on the day a node joins.
package struct K3sVersion: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    package let major: Int
    package let minor: Int
    package let patch: Int
    /// The number after `k3s`, the packaging of the same Kubernetes release.
    package let build: Int
    /// The tag: asked for more often than the numbers.
    package let description: String

    /// Nil when `tag` is not `vX.Y.Z+k3sN`.
    package init?(_ tag: String) {
        var rest = Substring(tag).utf8
        guard Self.skip("v", &rest), let major = Self.number(&rest), Self.skip(".", &rest), let minor = Self.number(&rest),
            Self.skip(".", &rest), let patch = Self.number(&rest), Self.skip("+k3s", &rest), let build = Self.number(&rest), rest.isEmpty
        else { return nil }
        (self.major, self.minor, self.patch, self.build, description) = (major, minor, patch, build, tag)
    }

    private static func skip(_ word: StaticString, _ rest: inout Substring.UTF8View) -> Bool {
        let bytes = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard rest.starts(with: bytes) else { return false }
        rest = rest.dropFirst(bytes.count)
        return true
    }

    /// Up to six digits without a leading zero.
    private static func number(_ rest: inout Substring.UTF8View) -> Int? {
        let digits = rest.prefix { (48...57).contains($0) }
        guard (1...6).contains(digits.count), digits.count == 1 || digits.first != 48 else { return nil }
        rest = rest[digits.endIndex...]
        return digits.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

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
