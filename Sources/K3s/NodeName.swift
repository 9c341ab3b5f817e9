/// The name of a node, and of its VM, as a key.
///
/// A pass looks names up more often than it does anything else, and the standard library's hash of a string costs most of such a look. Names
/// come from the operator's own file and account, so no hash needs to withstand who chooses them to collide.
/// Public, for only what is public and inlinable is specialized in other modules.
@frozen
public struct NodeName: Sendable {
    /// As it is written.
    public let text: String

    /// Any text can be one: who reads it judges it.
    @inlinable public init(_ text: String) { self.text = text }

    /// Eight bytes at a time, the last eight once more where they do not come out even. Texts beyond ASCII can be equal without having the same
    /// bytes, so they are hashed by the standard library.
    @inlinable func digest(seed: Int) -> Int {
        var text = text
        return text.withUTF8 { bytes in
            let start = UnsafeRawPointer(bytes.baseAddress)
            var (sum, all) = (UInt64(truncatingIfNeeded: seed) &+ UInt64(truncatingIfNeeded: bytes.count), UInt64(0))
            if let start, bytes.count >= 8 {
                var place = 0
                while place < bytes.count {
                    let word = start.loadUnaligned(fromByteOffset: min(place, bytes.count &- 8), as: UInt64.self)
                    (sum, all) = (Self.mixed(sum, word), all | word)
                    place &+= 8
                }
            } else {
                var word: UInt64 = 0
                for byte in bytes { word = word << 8 | UInt64(byte) }
                (sum, all) = (Self.mixed(sum, word), word)
            }
            return all & 0x8080_8080_8080_8080 == 0 ? Int(truncatingIfNeeded: sum) : nil
        } ?? self.text.hashValue
    }

    @inlinable static func mixed(_ sum: UInt64, _ word: UInt64) -> UInt64 {
        // Both halves of the product: names differ in their last byte, which is the highest of a word.
        let product = (sum ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }
}

extension NodeName: Hashable {
    /// The same text in as many bytes, for some characters beyond ASCII are equal to one of it.
    @inlinable public static func == (one: NodeName, other: NodeName) -> Bool {
        one.text == other.text && one.text.utf8.count == other.text.utf8.count
    }

    /// As part of a larger key.
    @inlinable public func hash(into hasher: inout Hasher) { hasher.combine(digest(seed: 0)) }

    /// As a key by itself, as the standard library's own integers are hashed: without a `Hasher`.
    @inlinable public func _rawHashValue(seed: Int) -> Int { digest(seed: seed) }
}

extension NodeName: Comparable {
    /// In the order of their texts.
    @inlinable public static func < (one: NodeName, other: NodeName) -> Bool { one.text < other.text }
}

extension NodeName: ExpressibleByStringLiteral, CustomStringConvertible {
    /// The text.
    public init(stringLiteral text: String) { self.init(text) }

    /// The text.
    public var description: String { text }
}

extension NodeName: Codable, CodingKeyRepresentable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// In a file it is a string, also as a key.
    public var codingKey: any CodingKey { Key(stringValue: text) }

    /// That of a file.
    public init?<Written: CodingKey>(codingKey: Written) { self.init(codingKey.stringValue) }

    /// From a string.
    public init(from decoder: any Decoder) throws { self.init(try String(from: decoder)) }

    /// As a string.
    public func encode(to encoder: any Encoder) throws { try text.encode(to: encoder) }
}

extension Dictionary where Key == NodeName {
    /// What is kept under a name.
    @inlinable public subscript(name: String) -> Value? {
        get { self[NodeName(name)] }
        _modify { yield &self[NodeName(name)] }
    }

    /// The same, or `value` while nothing is.
    @inlinable public subscript(name: String, default value: @autoclosure () -> Value) -> Value {
        get { self[NodeName(name), default: value()] }
        _modify { yield &self[NodeName(name), default: value()] }
    }
}
