/// One POSIX shell word that stands for exactly `text`.
///
/// Same rule as Python's `shlex.quote`, which exe.dev's own SDK relies on for `POST /exec`
/// (PyPI `exedev` 0.4.0, `_wire.py`): safe words stay bare, everything else goes in single quotes
/// with an embedded `'` written as `'"'"'`.
///
/// Quotes are looked for among the bytes, as a shell does: to Swift a `'` with a combining accent behind it is another character.
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
