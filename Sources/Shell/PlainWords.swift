/// An error in plain words. A decoder's own description is a dump of Swift values.
package func plainWords(of error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, let context): "\(place(context.codingPath + [key])) is missing"
    case DecodingError.valueNotFound(_, let context): "\(place(context.codingPath)) is null"
    case DecodingError.typeMismatch(let type, let context): "\(place(context.codingPath)) is not \(word(for: type))"
    case DecodingError.dataCorrupted(let context):
        context.codingPath.isEmpty ? "it is not valid JSON" : "\(place(context.codingPath)) has an impossible value"
    default: "\(error)"
    }
}

/// As in `vms[3].ssh_port`.
private func place(_ path: [any CodingKey]) -> String {
    var text = ""
    for key in path {
        if let index = key.intValue { text += "[\(index)]" } else { text += (text.isEmpty ? "" : ".") + key.stringValue }
    }
    return text.isEmpty ? "it" : text
}

private func word(for type: any Any.Type) -> String {
    switch "\(type)" {
    case "String": "a text"
    case "Bool": "true or false"
    case let name where name.hasPrefix("Array"): "a list"
    case let name where name.hasPrefix("Dictionary"): "an object"
    default: "a number"
    }
}
