/// One POSIX shell word for exactly `text`, by the rule of Python's `shlex.quote`, which exe.dev's SDK uses (PyPI `exedev` 0.4.0).
/// Works on bytes, as a shell does: to Swift a `'` with a combining accent is another character.
package func quoted(_ text: String) -> String {
    let isBare = !text.isEmpty && text.utf8.allSatisfy(isBareByte)
    if isBare { return text }
    let parts = text.utf8.split(separator: UInt8(ascii: "'"), omittingEmptySubsequences: false).map { String(Substring($0)) }
    return "'" + parts.joined(separator: #"'"'"'"#) + "'"
}

private func isBareByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    case UInt8(ascii: "@"), UInt8(ascii: "%"), UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: ","),
        UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        true
    default:
        false
    }
}
