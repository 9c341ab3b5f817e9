import FoundationEssentials
import Shell

/// What a program on a VM printed.
package struct RemoteOutput: Sendable, Hashable {
    package var bytes: [UInt8]
    package var isError: Bool
}

/// The answer of `ssh` through `/exec` as it comes, in either of its formats (facts/exedev.md §2.4, SDK 0.4.0): NDJSON frames of one key
/// each, or the output as it is with the exit status in a trailer.
struct StreamReading {
    /// Why the answer is no whole stream. What became of the command is then not known.
    struct Fault: Error, Hashable { var text: String }

    /// The SDK refuses longer ones.
    static let mostBytesOfAFrame = 1 << 20

    private enum Format { case frames, document, plain }

    private var format: Format?
    /// Of frames the unfinished line, of a document all of it.
    private var held: [UInt8] = []
    private(set) var exitCode: Int32?

    /// `headers`: those of the answer, names in lower case.
    mutating func take(_ bytes: [UInt8], headers: [String: String], write: (RemoteOutput) -> Void) throws(Fault) {
        let kind = headers["content-type"]?.prefix { $0 != ";" && $0 != " " }.lowercased()
        if format == nil { format = kind == "application/x-ndjson" ? .frames : kind == "application/json" ? .document : .plain }
        guard format != .plain else { return write(RemoteOutput(bytes: bytes, isError: false)) }
        held += bytes
        if format == .frames { return try frames(write) }
        guard held.count > Self.mostBytesOfAFrame else { return }
        write(RemoteOutput(bytes: held, isError: false))
        (format, held) = (.plain, [])
    }

    /// Once the answer has ended, whole.
    mutating func end(trailers: [String: String], write: (RemoteOutput) -> Void) throws(Fault) -> Int32 {
        if format == .frames {
            // The body is whole, so its last line is too, unless it is none.
            if !held.isEmpty, exitCode == nil, held.last == UInt8(ascii: "}"), let last = try frame(Data(held)) { write(last) }
            guard held.isEmpty || exitCode != nil else { throw Fault(text: "the answer is cut within a frame") }
            guard let exitCode else { throw Fault(text: "the answer ended without an exit code") }
            return exitCode
        }
        guard let trailer = trailers["x-exe-exit"] else {
            // An error that exe.dev sent with status 200 is JSON too, and has no exit status.
            throw Fault(text: Body.message(Data(held)) ?? "the answer ended without an exit status")
        }
        guard let status = Int32(trailer), 0...255 ~= status else { throw Fault(text: "the exit status is \(trailer)") }
        if !held.isEmpty { write(RemoteOutput(bytes: held, isError: false)) }
        return status
    }

    private mutating func frames(_ write: (RemoteOutput) -> Void) throws(Fault) {
        var rest = held[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            guard line.count <= Self.mostBytesOfAFrame else { throw Fault(text: "a frame has more than \(Self.mostBytesOfAFrame) bytes") }
            // A blank line is a heartbeat.
            if line.allSatisfy({ $0 == 13 || $0 == 32 }) { continue }
            guard exitCode == nil else { throw Fault(text: "something follows the exit code") }
            if let output = try frame(Data(line)) { write(output) }
        }
        guard rest.count <= Self.mostBytesOfAFrame else { throw Fault(text: "a frame has more than \(Self.mostBytesOfAFrame) bytes") }
        held = Array(rest)
    }

    private mutating func frame(_ line: Data) throws(Fault) -> RemoteOutput? {
        guard let frame = try? JSONDecoder().decode(Frame.self, from: line), frame.keyCount == 1 else {
            throw Fault(text: "a frame cannot be read: \(String(decoding: line.prefix(120), as: UTF8.self))")
        }
        if let error = frame.error { throw Fault(text: error) }
        if let code = frame.exitCode {
            guard 0...255 ~= code else { throw Fault(text: "the exit code is \(code)") }
            exitCode = Int32(code)
            return nil
        }
        guard let text = frame.stdout ?? frame.stderr, let bytes = Data(base64Encoded: text) else {
            throw Fault(text: "a frame cannot be read: \(String(decoding: line.prefix(120), as: UTF8.self))")
        }
        return RemoteOutput(bytes: [UInt8](bytes), isError: frame.stdout == nil)
    }

    private struct Frame: Decodable {
        var (stdout, stderr, error): (String?, String?, String?)
        var exitCode: Int?
        var keyCount: Int

        private struct Key: CodingKey {
            var stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        init(from decoder: any Decoder) throws {
            let keys = try decoder.container(keyedBy: Key.self)
            keyCount = keys.allKeys.count
            stdout = try keys.decodeIfPresent(String.self, forKey: Key(stringValue: "stdout"))
            stderr = try keys.decodeIfPresent(String.self, forKey: Key(stringValue: "stderr"))
            error = try keys.decodeIfPresent(String.self, forKey: Key(stringValue: "error"))
            exitCode = try keys.decodeIfPresent(Int.self, forKey: Key(stringValue: "exit_code"))
        }
    }
}
