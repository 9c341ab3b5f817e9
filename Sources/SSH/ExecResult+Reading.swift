extension ExecResult {
    mutating func keep(_ bytes: ArraySlice<UInt8>, isError: Bool, limit: Int) {
        let room = max(0, limit - stdout.count - stderr.count)
        if bytes.count > room { truncated = true }
        if isError { stderr += bytes.prefix(room) } else { stdout += bytes.prefix(room) }
        // Of what is cut short the end is kept, to know it by.
        if !isError { lastWords = Array((bytes.count < 64 ? lastWords + bytes : Array(bytes)).suffix(64)) }
    }

    /// Whether a command that is said to have ended well said so itself; takes the mark away.
    mutating func hasProvenEnd(_ mark: [UInt8], limit: Int) -> Bool {
        guard exitStatus == 0 else { return true }
        guard lastWords.suffix(mark.count).elementsEqual(mark) else { return false }
        stdout.removeLast(truncated ? min(stdout.count, max(0, stdout.count + stderr.count - limit)) : mark.count)
        return true
    }
}
