package enum Role: String, Sendable, Hashable, Codable, CaseIterable {
    /// Runs the control plane.
    case server
    case agent

    /// The systemd unit that the k3s installer writes for the role.
    package var unit: String { self == .server ? "k3s" : "k3s-agent" }
}

package struct Taint: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
    package enum Effect: String, Sendable, Hashable, Codable, CaseIterable {
        case noSchedule = "NoSchedule"
        case preferNoSchedule = "PreferNoSchedule"
        case noExecute = "NoExecute"
    }

    package var key: String
    /// Empty when the taint has no value.
    package var value: String
    package var effect: Effect

    package init(key: String, value: String, effect: Effect) {
        (self.key, self.value, self.effect) = (key, value, effect)
    }

    package var description: String { value.isEmpty ? "\(key):\(effect.rawValue)" : "\(key)=\(value):\(effect.rawValue)" }

    package static func < (left: Taint, right: Taint) -> Bool { left.description < right.description }
}

/// A value of `/etc/rancher/k3s/config.yaml`.
package enum ConfigValue: Sendable, Hashable {
    case string(String)
    case integer(Int)
    case boolean(Bool)
    case list([String])
}

/// In a file it is the plain JSON value.
extension ConfigValue: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            self = .boolean(flag)
        } else if let number = try? container.decode(Int.self) {
            self = .integer(number)
        } else if let text = try? container.decode(String.self) {
            self = .string(text)
        } else {
            self = .list(try container.decode([String].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .string(let text): try container.encode(text)
        case .integer(let number): try container.encode(number)
        case .boolean(let flag): try container.encode(flag)
        case .list(let items): try container.encode(items)
        }
    }
}

/// Where releases of k3s are fetched from, by the hosts themselves.
///
/// A release's files are `<binaries>/<tag>/k3s`, `<binaries>/<tag>/sha256sum-amd64.txt`; its installer is
/// `<installers>/<tag>/install.sh`; `+` in the tag is written `%2B`.
package struct ReleaseSource: Sendable, Hashable {
    package var binaries: String
    package var installers: String

    package init(binaries: String, installers: String) {
        (self.binaries, self.installers) = (binaries, installers)
    }

    /// k3s-io's own places (facts/k3s.md §1.1, Nov 2026). get.k3s.io is unpinned and therefore not used.
    package static let upstream = ReleaseSource(
        binaries: "https://github.com/k3s-io/k3s/releases/download", installers: "https://raw.githubusercontent.com/k3s-io/k3s")
}
