extension Grammar {
    /// Of a VM: exe.dev takes 200 bytes (facts/exedev.md §1.2). Plain characters, so that it reads back as it was written.
    static func comment(_ text: String) -> Bool {
        (1...200).contains(text.utf8.count) && text.utf8.allSatisfy { (32...126).contains($0) } && text.first != " " && text.last != " "
    }

    static let commentHint = "is no comment: 1 to 200 printable ASCII characters, with no space at either end"
}
