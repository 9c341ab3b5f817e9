extension Grammar {
    /// The most bytes of a path in a URL.
    static let longestPath = 200

    /// A path of a URL with its query, as RFC 3986 spells it; everything else is written with `%`.
    static func urlPath(_ text: String) -> Bool {
        let marks = "-._~!$&'()*+,;=:@%/?".utf8
        return text.utf8.first == 47 && text.utf8.count <= longestPath
            && text.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || marks.contains($0) }
    }

    static let urlPathHint =
        "is no path of a URL: it begins with \"/\" and has at most \(longestPath) characters, with no blank and no \"#\""
}
