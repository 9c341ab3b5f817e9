/// Why a verb cannot go on, and what the operator can do.
struct Failure: Error, CustomStringConvertible {
    var message: String
    var advice: String?

    init(_ message: String, advice: String? = nil) {
        (self.message, self.advice) = (message, advice)
    }

    var description: String { advice.map { "\(message)\n  \($0)" } ?? message }
}
