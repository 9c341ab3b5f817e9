import FoundationEssentials
import Glibc
import Shell
import Synchronization

/// The only code that prints: data to standard output, messages to standard error.
struct Terminal: Sendable {
    let outIsTerminal = isatty(STDOUT_FILENO) == 1
    let inIsTerminal = isatty(STDIN_FILENO) == 1
    let errorIsTerminal = isatty(STDERR_FILENO) == 1
    let patience = Patience()
    /// The prefix of messages.
    private var subject = ""

    /// The same terminal with a prefix, for one of several fleets.
    func prefixed(by subject: String) -> Terminal {
        var copy = self
        copy.subject = subject + ": "
        return copy
    }

    /// The error (errno) of the first write to standard output that failed; 0 while none did.
    static let outputError = Atomic<Int32>(0)

    /// No write has failed.
    static var hasWritten: Bool { outputError.load(ordering: .relaxed) == 0 }

    func out(_ text: String) {
        patience.spoke()
        // A program gets the data as they are; what moves a cursor or hides a word reaches no person.
        let error = Self.write((outIsTerminal ? OutsideText.lines(text) : text) + "\n", to: STDOUT_FILENO)
        if error != 0 { _ = Self.outputError.compareExchange(expected: 0, desired: error, ordering: .relaxed) }
    }

    /// The status of a program that did what it should and could not say so.
    static func ended(_ status: ExitStatus, as program: String) -> ExitStatus {
        let error = outputError.load(ordering: .relaxed)
        guard error != 0 else { return status }
        _ = write("\(program): standard output cannot be written: \(String(cString: strerror(error)))\n", to: STDERR_FILENO)
        return status == .done || status == .changes ? .failed : status
    }

    func say(_ text: String) {
        patience.spoke()
        _ = Self.write(OutsideText.lines(subject + text) + "\n", to: STDERR_FILENO)
    }
    func error(_ text: String) { say("exedev-k8s: \(text)") }

    /// Asks on a terminal; anything but `yes` is no.
    func confirms(_ question: String, answer: String) -> Bool {
        _ = Self.write(OutsideText.lines(question) + " ", to: STDERR_FILENO)
        return readLine(strippingNewline: true) == answer
    }

    /// A remote program's output, as it is.
    @Sendable static func passOn(_ bytes: ArraySlice<UInt8>, isError: Bool) { passOn(bytes, isError: isError, out: STDOUT_FILENO) }

    /// The same with another place for what is no error.
    static func passOn(_ bytes: ArraySlice<UInt8>, isError: Bool, out: Int32) {
        let error = write(bytes, to: isError ? STDERR_FILENO : out)
        if error != 0 { _ = outputError.compareExchange(expected: 0, desired: error, ordering: .relaxed) }
    }

    /// All of standard input; nil when there is more than `most` bytes.
    static func input(upTo most: Int) -> [UInt8]? {
        var (bytes, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 65536))
        while bytes.count <= most {
            let count = read(STDIN_FILENO, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return bytes }
            bytes += chunk[..<count]
        }
        return nil
    }

    /// Returns the error (errno), or 0.
    private static func write(_ text: String, to descriptor: Int32) -> Int32 { write(Array(text.utf8)[...], to: descriptor) }

    private static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Int32 {
        var bytes = bytes
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress!, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return count < 0 ? errno : EIO }
            bytes = bytes.dropFirst(count)
        }
        return 0
    }
}

/// Exit statuses, the same for every verb; README lists them.
package enum ExitStatus: Int32, Sendable {
    case done = 0
    case failed = 1
    /// `plan`: there is something to do. `apply`: it waits for the maintenance window.
    case changes = 2
    /// `apply`: timed out while waiting.
    case stillWaiting = 3
    case usage = 64
    /// `daemon`: the fleet file, a key or a token is unusable; systemd does not restart the unit.
    case configuration = 78
}
