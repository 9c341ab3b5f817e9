/// A VM as the platform remembers it. Addresses follow from `index`, which is never reused.
package struct VirtualMachine: Codable, Sendable, Equatable {
    package var name: String
    package var index: Int
    package var isStarted = false
    package var tags: [String] = []
    package var comment = ""
    package var createdAt: String
    package var image = "exeuntu"
    package var cpu = "2"
    package var memory = "4GB"
    package var disk = "20GB"
    package var egress = "all"
    package var port = 8000
    package var isPublic = false
    package var sharedWith: [String] = []
    package var joinedTailnet = false

    private var suffix: String { "\(index / 250 + 1).\(index % 250 + 2)" }
    /// In the guest's own network.
    package var address: String { "10.42.\(suffix)" }
    /// Where a client of exe.dev dials its SSH.
    package var sshAddress: String { "127.42.\(suffix)" }
    package var tailnetAddress: String { "100.64.\(suffix)" }

    /// 5 to 52 characters, as exe.dev's own message has it (seen through ExeDesktop, 2026).
    package static func isName(_ text: String) -> Bool {
        (5...52).contains(text.utf8.count) && text.wholeMatch(of: /[a-z][a-z0-9]*(-[a-z0-9]+)*/) != nil
    }

    package static func isTag(_ text: String) -> Bool {
        text.wholeMatch(of: /[a-z][a-z0-9_-]*/) != nil
    }
}
