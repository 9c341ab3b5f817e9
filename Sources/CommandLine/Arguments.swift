import FleetCore
import FoundationEssentials
import Live

/// A verb's arguments, split into options and operands.
struct Arguments {
    /// One option: `--name VALUE`, `--name=VALUE` or, without a value, `--name`.
    struct Option {
        var name: String
        var takesValue: Bool
        var isPath = false
        var meaning: String

        static func flag(_ name: String, _ meaning: String) -> Option { Option(name: name, takesValue: false, meaning: meaning) }
        static func value(_ name: String, _ meaning: String) -> Option { Option(name: name, takesValue: true, meaning: meaning) }
        /// The path of a file or a folder; `~/` is in the home directory. Repeatable like any other: all values, or the last one.
        static func path(_ name: String, _ meaning: String) -> Option {
            Option(name: name, takesValue: true, isPath: true, meaning: meaning)
        }
        /// A repeatable option. Of another option the last value counts.
        static func list(_ name: String, _ meaning: String) -> Option { Option(name: name, takesValue: true, meaning: meaning) }
    }

    private var values: [String: [String]] = [:]
    private var flags: Set<String> = []
    private(set) var operands: [String] = []
    private let home: String?

    /// `home`: of the operator.
    /// `verbatimAfter`: everything after so many operands is an operand. `passesOn`: an option that is not in `options` is an operand, as typed.
    init(
        _ words: [String], options: [Option], passesOn: Bool = false, verbatimAfter: Int = .max,
        home: String? = ProcessInfo.processInfo.environment["HOME"]
    ) throws(UsageError) {
        self.home = home
        let known = Dictionary(uniqueKeysWithValues: options.map { ($0.name, $0) })
        var rest = words[...]
        while let word = rest.popFirst() {
            if operands.count >= verbatimAfter {
                operands += [word] + rest
                return
            }
            if word == "--" {
                operands += (passesOn ? [word] : []) + rest
                return
            }
            guard word.hasPrefix("-"), word != "-" else {
                operands.append(word)
                continue
            }
            let name = word.split(separator: "=", maxSplits: 1)[0].drop { $0 == "-" }
            guard let option = known[String(name)] else {
                if passesOn {
                    operands.append(word)
                    continue
                }
                // One letter is as near to each other one.
                let near = name.count > 1 ? nearest(String(name), in: options.map(\.name)).flatMap { known[$0] } : nil
                let hint = near.map { "; did you mean \($0.flag)?" } ?? ""
                throw UsageError("unknown option \(word)\(hint)")
            }
            if !option.takesValue {
                try set(option, word)
            } else if let equals = word.firstIndex(of: "=") {
                add(String(word[word.index(after: equals)...]), to: option)
            } else if let value = rest.first, !value.hasPrefix("-") || value == "-" {
                add(value, to: option)
                rest.removeFirst()
            } else if let value = rest.first {
                // A forgotten value would swallow the next option: `--state --json`.
                throw UsageError("\(option.flag) needs a value, and \(value) looks like an option; write \(option.flag)=VALUE")
            } else {
                throw UsageError("\(option.flag) needs a value")
            }
        }
    }

    private mutating func add(_ value: String, to option: Option) {
        values[option.name, default: []].append(option.isPath ? OperatorPath.expanded(value, home: home) : value)
    }

    /// `--flag`, `--flag=true` or `--flag=false`; the last one counts.
    private mutating func set(_ option: Option, _ word: String) throws(UsageError) {
        switch word.firstIndex(of: "=").map({ word[word.index(after: $0)...] }) {
        case nil, "true": flags.insert(option.name)
        case "false": flags.remove(option.name)
        case let value?: throw UsageError("\(option.flag) is given or not; it does not take \(value)")
        }
    }

    func has(_ flag: String) -> Bool { flags.contains(flag) }
    /// The last value of an option.
    func value(_ name: String) -> String? { values[name]?.last }
    /// All values of a repeatable option.
    func values(_ name: String) -> [String] { values[name] ?? [] }

    /// The operands; throws when there are more than `count`.
    func operands(upTo count: Int) throws(UsageError) -> [String] {
        guard operands.count <= count else {
            let hint = operands[count].hasSuffix(".json") ? "; a fleet file is named by --file" : ""
            throw UsageError("did not expect \(operands[count])\(hint)")
        }
        return operands
    }

    /// The only operand, the path of a file, if there is one.
    func path() throws(UsageError) -> String? { try operands(upTo: 1).first.map { OperatorPath.expanded($0, home: home) } }
}

struct UsageError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
