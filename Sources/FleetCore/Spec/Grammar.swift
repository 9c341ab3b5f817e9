/// How exe.dev and Kubernetes spell things. All of it is ASCII.
enum Grammar {
    private static func isLower(_ byte: UInt8) -> Bool { (97...122).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    private static func isEdge(_ byte: UInt8) -> Bool { isDigit(byte) || isLower(byte) || (65...90).contains(byte) }

    /// A tag of exe.dev: `[a-z][a-z0-9_-]*` (facts/exedev.md §4).
    static func tag(_ text: String) -> Bool {
        guard let first = text.utf8.first, isLower(first) else { return false }
        return text.utf8.allSatisfy { isLower($0) || isDigit($0) || $0 == 45 || $0 == 95 }
    }

    /// `[a-z][a-z0-9]*(-[a-z0-9]+)*`: what VM names are made of (facts/exedev.md §4), so also the names of fleets and pools.
    static func name(_ text: String, upTo limit: Int) -> Bool {
        let groups = text.utf8.split(separator: 45, omittingEmptySubsequences: false)
        guard text.utf8.count <= limit, let first = text.utf8.first, isLower(first) else { return false }
        return groups.allSatisfy { !$0.isEmpty && $0.allSatisfy { isLower($0) || isDigit($0) } }
    }

    /// A size with its unit, `4GB`, `8G` or `512MB`, in MB. exe.dev reads `4` as 4 GB; a file that says 4096 would ask for
    /// 4 TB, so the unit is required.
    static func megabytes(_ text: String) -> Int? {
        let digits = text.utf8.prefix(while: isDigit)
        guard (1...6).contains(digits.count), digits.first != 48, let number = Int(Substring(digits)) else { return nil }
        switch text.dropFirst(digits.count) {
        case "G", "GB": return number * 1024
        case "M", "MB": return number
        default: return nil
        }
    }

    /// The rule for a label's value, for people.
    static let labelHint = "must be at most 63 letters, digits, \"-\", \"_\", \".\", with a letter or digit at both ends"

    /// What `4gb`, `4 GiB`, `4` or `4096` was meant to be.
    static func meantSize(_ text: String) -> String? {
        let plain = text.uppercased().filter { $0 != " " && $0 != "I" }
        guard let number = Int(plain) else { return megabytes(plain) == nil ? nil : plain }
        return number > 0 ? "\(number)\(number < 256 ? "GB" : "MB")" : nil
    }

    /// The name part of a label's key; or a label's value, which may be empty.
    static func labelName(_ text: some StringProtocol, mayBeEmpty: Bool) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last else { return mayBeEmpty }
        return bytes.count <= 63 && isEdge(first) && isEdge(last) && bytes.allSatisfy { isEdge($0) || "-_.".utf8.contains($0) }
    }

    /// A DNS name in lower case, as in the prefix of a label's key.
    static func domain(_ text: some StringProtocol) -> Bool {
        let words = Array(text.utf8).split(separator: 46, omittingEmptySubsequences: false)
        return text.utf8.count <= 253
            && words.allSatisfy { word in
                guard let first = word.first, let last = word.last, first != 45, last != 45 else { return false }
                return word.allSatisfy { isLower($0) || isDigit($0) || $0 == 45 }
            }
    }

    /// Why a key of a label or taint is none, or nil.
    static func keyProblem(_ key: String) -> String? {
        let halves = key.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count <= 2, labelName(halves[halves.count - 1], mayBeEmpty: false) else {
            return "is no Kubernetes key such as \"tier\" or \"example.com/tier\", its name at most 63 characters"
        }
        return halves.count == 1 || domain(halves[0]) ? nil : "has a prefix that is no domain name in lower case"
    }

    /// The domain of `reserved` that the key's prefix is or lies in.
    static func reservation(_ key: String, _ reserved: [String]) -> String? {
        guard let slash = key.firstIndex(of: "/") else { return nil }
        return reserved.first { key[..<slash] == $0 || key[..<slash].hasSuffix(".\($0)") }
    }

    /// Good enough to catch a slip: exe.dev decides whether the address exists.
    static func email(_ text: String) -> Bool {
        let halves = text.split(separator: "@", omittingEmptySubsequences: false)
        guard halves.count == 2, text.utf8.count <= 254, halves[1].contains("."), domain(halves[1].lowercased()) else { return false }
        return !halves[0].isEmpty && halves[0].utf8.allSatisfy { isEdge($0) || "!#$%&'*+-/=?^_`{|}~.".utf8.contains($0) }
            && halves[0].first != "-"
    }

    /// `[A-Za-z_][A-Za-z0-9_]*`.
    static func variable(_ text: String) -> Bool {
        guard let first = text.utf8.first, !isDigit(first) else { return false }
        return text.utf8.allSatisfy { isEdge($0) || $0 == 95 }
    }

    /// `tag:`, a letter, then letters, digits and dashes.
    static func tailnetTag(_ text: String) -> Bool {
        guard text.hasPrefix("tag:"), let first = text.utf8.dropFirst(4).first, isEdge(first), !isDigit(first) else { return false }
        return text.utf8.count <= 64 && text.utf8.dropFirst(4).allSatisfy { isEdge($0) || $0 == 45 }
    }

    /// A host with or without a port, `registry.example:5000`.
    static func registryHost(_ text: String) -> Bool { !text.contains("/") && serverURL("https://" + text) }

    /// `https://` or `http://`, a host, maybe a port and a path; no login and no question.
    static func serverURL(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: text.hasPrefix) else { return false }
        let rest = text.utf8.dropFirst(scheme.utf8.count)
        let host = rest.prefix { $0 != 47 }
        let parts = host.split(separator: 58, omittingEmptySubsequences: false)
        guard let name = parts.first, !name.isEmpty, name.allSatisfy({ isEdge($0) || $0 == 45 || $0 == 46 }), text.utf8.count <= 254 else {
            return false
        }
        let hasPort = parts.count == 2 && (1...5).contains(parts[1].count) && parts[1].allSatisfy(isDigit)
        return (parts.count == 1 || hasPort) && rest.dropFirst(host.count).allSatisfy { isEdge($0) || "/-._~".utf8.contains($0) }
    }

    /// A login name of Linux.
    static func user(_ text: String) -> Bool {
        guard let first = text.utf8.first, isLower(first) || first == 95, text.utf8.count <= 32 else { return false }
        return text.utf8.allSatisfy { isLower($0) || isDigit($0) || $0 == 45 || $0 == 95 }
    }

    /// `SHA256:` and 43 characters of base64 without padding, as `ssh-keygen -l` prints it.
    static func keyHash(_ text: String) -> Bool {
        text.hasPrefix("SHA256:") && text.utf8.count == 50 && text.utf8.dropFirst(7).allSatisfy { isEdge($0) || $0 == 43 || $0 == 47 }
    }

    /// An image's name as a shell word: no flag, no blanks.
    static func image(_ text: String) -> Bool {
        !text.isEmpty && !text.hasPrefix("-") && text.utf8.allSatisfy { (33...126).contains($0) }
    }
}
