/// Merges one cluster's entries into a kubeconfig. Works on text, so that all other entries keep their bytes; refuses anything but the
/// block style that kubectl writes.
enum KubeconfigMerge {
    private static let sections = ["clusters", "contexts", "users"]

    /// `existing`, with entries of the same names replaced by those of `added`. Keeps its current context.
    static func merge(_ added: String, into existing: String, file: String) throws(Failure) -> String {
        var document = try Document(existing, file: file)
        let new = try Document(added, file: "the server's kubeconfig")
        for section in sections {
            for item in new.items(of: section) { try document.put(item, in: section) }
        }
        return document.text
    }

    /// Top-level keys in order, each with the lines that belong to it.
    private struct Document {
        private var blocks: [(key: String, lines: [String])] = []
        private let file: String

        init(_ text: String, file: String) throws(Failure) {
            self.file = file
            var lines = text.utf8.split(separator: 10, omittingEmptySubsequences: false).map { String(Substring($0)) }
            while lines.last?.isEmpty == true { lines.removeLast() }
            for line in lines {
                guard !line.utf8.contains(9), !line.utf8.contains(13) else { throw unknownStyle }
                let isTop = line.first.map { !" -#".contains($0) } ?? false
                if isTop, let colon = line.firstIndex(of: ":") {
                    blocks.append((String(line[..<colon]), [line]))
                } else if isTop {
                    throw unknownStyle
                } else if blocks.isEmpty {
                    blocks.append(("", [line]))
                } else {
                    blocks[blocks.count - 1].lines.append(line)
                }
            }
            guard blocks.contains(where: { $0.lines[0] == "kind: Config" }) else { throw unknownStyle }
        }

        var text: String { blocks.flatMap(\.lines).joined(separator: "\n") + "\n" }

        private var unknownStyle: Failure {
            Failure(
                "\(file) is not a kubeconfig as kubectl writes it",
                advice: "choose another --out and merge: KUBECONFIG=old:new kubectl config view --flatten")
        }

        func items(of section: String) -> [[String]] {
            guard let block = blocks.first(where: { $0.key == section }) else { return [] }
            return Self.split(block.lines.dropFirst())
        }

        /// The items of a list, each starting with its dash. Lines before the first dash are ignored.
        private static func split(_ lines: some Sequence<String>) -> [[String]] {
            var items: [[String]] = []
            var indent: Int?
            for line in lines {
                let depth = line.prefix { $0 == " " }.count
                if line.dropFirst(depth).hasPrefix("- "), depth == indent ?? depth {
                    indent = depth
                    items.append([line])
                } else if !items.isEmpty {
                    items[items.count - 1].append(line)
                }
            }
            return items
        }

        mutating func put(_ item: [String], in section: String) throws(Failure) {
            guard let index = blocks.firstIndex(where: { $0.key == section }) else {
                blocks.append((section, [section + ":"] + item))
                return
            }
            let head = blocks[index].lines[0]
            guard [section + ":", section + ": []", section + ": null"].contains(head) else { throw unknownStyle }
            var items = items(of: section)
            let indent = String((items.first?.first ?? "").prefix { $0 == " " })
            guard let name = Self.name(of: item), items.allSatisfy({ Self.name(of: $0) != nil }) else { throw unknownStyle }
            for old in items where Self.name(of: old) == name && !Self.isOurs(old) {
                throw Failure(
                    "\(file) has an entry \(name) under \(section) that is not of this program",
                    advice: "rename it there, or choose another --out")
            }
            items.removeAll { Self.name(of: $0) == name }
            items.append(item.map { indent + $0 })
            blocks[index].lines = [section + ":"] + items.flatMap { $0 }
        }

        /// Whether it holds only what k3s writes.
        private static func isOurs(_ item: [String]) -> Bool {
            let known: Set<String> = [
                "name", "cluster", "context", "user", "server", "certificate-authority-data", "client-certificate-data", "client-key-data",
            ]
            return item.allSatisfy { line in
                let key = line.drop { $0 == " " || $0 == "-" }.prefix { $0 != ":" }
                return known.contains(String(key))
            }
        }

        /// The value of the item's own `name`, not of a nested one.
        private static func name(of item: [String]) -> String? {
            let depth = item[0].prefix { $0 == " " }.count + 2
            for (index, line) in item.enumerated() {
                let body = line.dropFirst(depth)
                guard index == 0 || line.prefix(depth).allSatisfy({ $0 == " " }), body.hasPrefix("name: ") else { continue }
                return body.dropFirst("name: ".count).filter { $0 != "\"" && $0 != "'" }
            }
            return nil
        }
    }
}
