/// A line for sshd that lets the login user's shell run `command` as it is, and that ends with its status whatever `command` does: it may
/// `exec` or `exit`. Any login shell (fish and tcsh too) hands it on unharmed.
package func ofLoginShell(_ command: String) -> String {
    // sshd sets SHELL. Without SHLVL bash reads its .bashrc, as it does when sshd starts it.
    #"sh -c 'unset SHLVL; set -- "$(printf %b. "$1")"; exec "${SHELL:-sh}" -c "${1%.}"' sh '"# + escaped(command) + "'"
}

/// As `printf %b` reads it. What means something between single quotes of some shell, and what is not ASCII, is written in octal.
private func escaped(_ text: String) -> String {
    var escaped = ""
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\\"), UInt8(ascii: "!"), 0..<32, 127...:
            let digits = String(byte, radix: 8)
            escaped += "\\0" + String(repeating: "0", count: 3 - digits.count) + digits
        default: escaped.unicodeScalars.append(Unicode.Scalar(byte))
        }
    }
    return escaped
}
