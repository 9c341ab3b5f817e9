import Dispatch
import Glibc

/// Delivers signals to a handler, on a queue of its own. They have no default effect any more.
package final class Signals {
    private let sources: [any DispatchSourceSignal]

    package init(_ numbers: [Int32], handler: @escaping @Sendable (Int32) -> Void) {
        let queue = DispatchQueue(label: "signals")
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { handler(number) }
            source.resume()
            return source
        }
    }

    /// Ends the process as the signal does whose default effect is its end.
    package static func end(by number: Int32) {
        signal(number, SIG_DFL)
        raise(number)
    }

    deinit { for source in sources { source.cancel() } }
}
