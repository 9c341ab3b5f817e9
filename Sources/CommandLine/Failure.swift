import Reconciler

/// Why a verb cannot go on, and what the operator can do.
struct Failure: Error, CustomStringConvertible {
    var message: String
    var advice: String?

    init(_ message: String, advice: String? = nil) {
        (self.message, self.advice) = (message, advice)
    }

    /// An error of any verb, with what the operator can do.
    static func shown(_ error: any Error) -> any Error {
        guard let error = error as? EffectError else { return error }
        return Failure(error.message, advice: error.advice)
    }

    var description: String { advice.map { "\(message)\n  \($0)" } ?? message }
}
