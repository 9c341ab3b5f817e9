import FoundationEssentials

/// A path as an operator writes it, in a fleet file, an option or a variable.
package enum OperatorPath {
    /// `~` and `~/…` are in the home directory, whatever stood before them on a command line: a shell leaves `--out=~/x` as it is.
    package static func expanded(_ path: String, home: String?) -> String {
        guard path == "~" || path.hasPrefix("~/"), let home, !home.isEmpty else { return path }
        return home + path.dropFirst()
    }

    /// An absolute path; what is relative is seen from `folder`.
    package static func absolute(_ path: String, in folder: String, home: String?) -> String {
        let path = expanded(path, home: home)
        if path.hasPrefix("/") { return path }
        return path == "." ? folder : folder + "/" + (path.hasPrefix("./") ? String(path.dropFirst(2)) : path)
    }

    /// The variables of the program's environment with their paths expanded.
    package static func expanded(in environment: [String: String]) -> [String: String] {
        var out = environment
        for name in ["EXE_DEV_API_KEY_FILE", "EXE_DEV_SSH_KEY", "EXE_DEV_KNOWN_HOSTS", "SSH_AUTH_SOCK", "XDG_STATE_HOME"] {
            out[name] = out[name].map { expanded($0, home: environment["HOME"]) }
        }
        return out
    }
}
