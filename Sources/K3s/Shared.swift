/// A large value that is copied often and changed rarely: a copy is one reference, a change makes a new one of its own.
///
/// Facts about nodes go from hand to hand at every decision; copied field by field, each copy would count half a dozen references.
/// Public, for only what is public and inlinable is specialized in other modules: for each field a key path would be walked.
@dynamicMemberLookup @frozen
public struct Shared<Value: Sendable & Hashable>: Sendable, Hashable {
    @usableFromInline final class Storage: Sendable {
        @usableFromInline let value: Value

        @inlinable init(_ value: Value) { self.value = value }
    }

    @usableFromInline var storage: Storage

    /// A value of its own.
    @inlinable public init(_ value: Value) { storage = Storage(value) }

    /// The whole of it.
    @inlinable public var value: Value { storage.value }

    /// A field of the value.
    @inlinable public subscript<Field>(dynamicMember field: WritableKeyPath<Value, Field>) -> Field {
        get { storage.value[keyPath: field] }
        set {
            var changed = storage.value
            changed[keyPath: field] = newValue
            storage = Storage(changed)
        }
    }

    /// What follows from the value.
    @inlinable public subscript<Field>(dynamicMember field: KeyPath<Value, Field>) -> Field { storage.value[keyPath: field] }

    /// Equal when the values are, which of one and the same needs no read.
    @inlinable public static func == (one: Shared, other: Shared) -> Bool {
        one.storage === other.storage || one.storage.value == other.storage.value
    }

    /// That of the value.
    @inlinable public func hash(into hasher: inout Hasher) { hasher.combine(storage.value) }
}

extension Shared: CustomStringConvertible {
    /// That of the value.
    public var description: String { "\(value)" }
}

extension Shared: Codable where Value: Codable {
    /// As the value stands in a file.
    public init(from decoder: any Decoder) throws { self.init(try Value(from: decoder)) }

    /// As the value stands in a file.
    public func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
}
