/// Lines and columns of a text. Each answer costs the same, wherever it is asked for: a file may have a problem at every byte.
struct Places {
    private static let stride = 256

    private let bytes: [UInt8]
    /// Offset of the first byte of each line.
    private var lines = [0]
    /// How many scalars begin before byte 0, 256, 512, …
    private var scalars: [Int] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var count = 0
        for (offset, byte) in bytes.enumerated() {
            if offset % Self.stride == 0 { scalars.append(count) }
            if byte == 10 { lines.append(offset + 1) }
            if byte & 0xC0 != 0x80 { count += 1 }
        }
        scalars.append(count)
    }

    /// Line and column, both from 1, of a byte.
    func of(_ offset: Int) -> (line: Int, column: Int) {
        var (low, high) = (0, lines.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if lines[middle] <= offset { low = middle } else { high = middle }
        }
        return (low + 1, scalars(before: offset) - scalars(before: lines[low]) + 1)
    }

    private func scalars(before offset: Int) -> Int {
        let mark = offset / Self.stride
        return scalars[mark] + bytes[(mark * Self.stride)..<offset].count { $0 & 0xC0 != 0x80 }
    }
}
