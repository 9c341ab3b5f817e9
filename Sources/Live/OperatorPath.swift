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
        return path.hasPrefix("/") ? path : folder + "/" + path
    }
}
