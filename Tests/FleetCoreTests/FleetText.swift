import FleetCore
import Testing

/// A good fleet file, a section a line, into which a test writes its own words.
struct FleetText: CustomStringConvertible {
    /// 2
    var head = "apiVersion: 'exedev-k8s/v1',"
    /// 3
    var cluster = "name: 'demo', k3s: 'v1.34.9+k3s1',"
    /// 4, after `cluster`
    var more = ""
    /// 6
    var defaults = ""
    /// 7
    var web = "nodes: 2,"
    /// 8, after `web`
    var pools = ""
    /// 10
    var limits = ""
    /// 11
    var rest = ""

    var description: String {
        """
        {
        \(head)
        cluster: {\(cluster)
        \(more)
        },
        defaults: {\(defaults)},
        pools: {web: {\(web)},
        \(pools)
        },
        limits: {\(limits)},
        \(rest)
        }
        """
    }
}

/// What is said of a file: `line path: message`.
func told(_ text: some CustomStringConvertible) -> [String] {
    FleetFile.parse("\(text)", file: "f").diagnostics.map { problem in
        let hint = problem.suggestion.map { " -> \($0)" } ?? ""
        let path = problem.path.isEmpty ? "" : " \(problem.path)"
        return "\(problem.line)\(path):\(problem.severity == .warning ? " warning:" : "") \(problem.message)\(hint)"
    }
}

/// A file and the words that it must call forth, in their order.
struct SpecRow: CustomTestStringConvertible {
    var name: String
    var text: String
    var want: [String]

    init(_ name: String, _ text: FleetText, _ want: String...) { (self.name, self.text, self.want) = (name, "\(text)", want) }
    init(_ name: String, raw: String, _ want: String...) { (self.name, self.text, self.want) = (name, raw, want) }

    var testDescription: String { name }
}
