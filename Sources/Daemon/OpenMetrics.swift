/// A page in the text format of OpenMetrics 1.0, which Prometheus reads; families in the order in which they are added.
struct OpenMetrics {
    static let contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    /// Names and values of labels, in their order.
    typealias Labels = KeyValuePairs<String, String>

    private var lines: [String] = []

    /// The whole page.
    var text: String { (lines + ["# EOF", ""]).joined(separator: "\n") }

    /// `name` without `_total`, which the sample carries.
    mutating func counter(_ name: String, _ help: String, _ samples: [(Labels, Int)]) {
        head(name, "counter", help)
        for (labels, value) in samples { sample(name + "_total", labels, Double(value)) }
    }

    /// A counter of seconds.
    mutating func countedSeconds(_ name: String, _ help: String, _ seconds: Double) {
        head(name, "counter", help)
        sample(name + "_total", [:], seconds)
    }

    mutating func gauge(_ name: String, _ help: String, _ samples: [(Labels, Double)]) {
        head(name, "gauge", help)
        for (labels, value) in samples { sample(name, labels, value) }
    }

    mutating func info(_ name: String, _ help: String, _ labels: Labels) {
        head(name, "info", help)
        sample(name + "_info", labels, 1)
    }

    mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        head(name, "histogram", help)
        for (bound, count) in histogram.cumulated { sample(name + "_bucket", ["le": bound], Double(count)) }
        sample(name + "_count", [:], Double(histogram.count))
        sample(name + "_sum", [:], histogram.sum)
    }

    private mutating func head(_ name: String, _ type: String, _ help: String) {
        lines.append("# TYPE \(name) \(type)")
        if name.hasSuffix("_seconds") { lines.append("# UNIT \(name) seconds") }
        lines.append("# HELP \(name) \(Self.escaped(help))")
    }

    private mutating func sample(_ name: String, _ labels: Labels, _ value: Double) {
        let pairs = labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        lines.append("\(name)\(pairs.isEmpty ? "" : "{\(pairs)}") \(Self.number(value))")
    }

    private static func escaped(_ text: String) -> String {
        text.map { character in
            switch character {
            case "\\": "\\\\"
            case "\"": "\\\""
            case "\n": "\\n"
            default: String(character)
            }
        }.joined()
    }

    /// Whole numbers without a point.
    private static func number(_ value: Double) -> String {
        Int(exactly: value).map { "\($0)" } ?? "\(value)"
    }
}

/// How long passes and steps took: controller-runtime's buckets, and three more for the passes that build a fleet.
struct Histogram: Sendable {
    private static let bounds: [Double] = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5,
        4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60, 120, 300, 600,
    ]

    /// Values by bucket, not cumulated; the last bucket has no bound.
    private var buckets = [Int](repeating: 0, count: bounds.count + 1)
    private(set) var sum = 0.0
    var count: Int { buckets.reduce(0, +) }

    mutating func observe(_ value: Double) {
        buckets[Self.bounds.firstIndex { value <= $0 } ?? Self.bounds.count] += 1
        sum += value
    }

    /// Bounds as OpenMetrics writes them, each with how many values it holds.
    var cumulated: [(bound: String, count: Int)] {
        var total = 0
        return zip(Self.bounds.map { "\($0)" } + ["+Inf"], buckets).map { bound, count in
            total += count
            return (bound, total)
        }
    }
}
