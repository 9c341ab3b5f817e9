import FleetCore

/// Reads the secrets that a fleet file refers to.
struct SecretSource: Sendable {
    /// That of the fleet file.
    let folder: String
    let environment: [String: String]

    /// The whole text; never empty. `meaning`: the advice for a secret that is missing.
    func text(_ reference: SecretReference, meaning: String) throws(StateError) -> String {
        switch reference {
        case .environment(let variable):
            guard let value = environment[variable], !value.isEmpty else {
                throw StateError("the environment variable \(variable) is not set", advice: meaning)
            }
            return value
        case .file(let file):
            let path = OperatorPath.absolute(file, in: folder, home: environment["HOME"])
            guard let bytes = try StateDirectory.read(path) else { throw StateError("there is no file \(path)", advice: meaning) }
            guard bytes.contains(where: { $0 != 10 && $0 != 13 }) else { throw StateError("the file \(path) is empty", advice: meaning) }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// Its first line.
    func line(_ reference: SecretReference, meaning: String) throws(StateError) -> String {
        let lines = try text(reference, meaning: meaning).split(whereSeparator: \.isNewline)
        return lines.first.map(String.init) ?? ""
    }
}
