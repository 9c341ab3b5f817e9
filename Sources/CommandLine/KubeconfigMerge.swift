/// Merges one cluster's entries into a kubeconfig. Works on text, so that all other entries keep their bytes; refuses anything but the
/// block style that kubectl writes.
enum KubeconfigMerge {
    private static let sections = ["clusters", "contexts", "users"]

    /// `existing`, with the cluster's own entries replaced by those of `added`; their `namespace` stays. Keeps its current context. Throws if
    /// an entry of that name is of another cluster: one cluster has one certificate authority.
    static func merge(_ added: String, into existing: String, file: String) throws(Failure) -> String {
        let new = try Document(added, file: "the server's kubeconfig")
        guard existing.contains(where: { !$0.isWhitespace }) else { return new.text }
        var document = try Document(existing, file: file)
        for cluster in new.items(of: "clusters") { try document.checkIsOurs(cluster, new) }
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
            var item = item
            for old in items where Self.name(of: old) == name {
                guard Self.isOurs(old) else { throw foreign(name, section) }
                item = Self.keepingNamespace(of: old, in: item)
            }
            items.removeAll { Self.name(of: $0) == name }
            items.append(item.map { indent + $0 })
            blocks[index].lines = [section + ":"] + items.flatMap { $0 }
        }

        /// Entries of the name of `cluster` must be of this very cluster: they would be replaced.
        func checkIsOurs(_ cluster: [String], _ new: Document) throws(Failure) {
            guard let name = Self.name(of: cluster) else { return }
            let authority = Self.value("certificate-authority-data", in: cluster)
            let old = items(of: "clusters").filter { Self.name(of: $0) == name }
            if authority != nil, !old.isEmpty, old.allSatisfy({ Self.value("certificate-authority-data", in: $0) == authority }) { return }
            for section in sections where items(of: section).contains(where: { Self.name(of: $0) == name }) {
                throw foreign(name, section)
            }
        }

        private func foreign(_ name: String, _ section: String) -> Failure {
            Failure(
                "\(file) has an entry \(name) under \(section) that is of another cluster or was changed",
                advice: "pass --context with another name, or another --out; or, if the entry is of no use any more, first "
                    + "`kubectl config delete-context \(name)`, delete-cluster and delete-user")
        }

        private static func value(_ key: String, in item: [String]) -> String? {
            for line in item {
                let body = line.drop { $0 == " " || $0 == "-" }
                if body.hasPrefix(key + ": ") { return String(body.dropFirst(key.count + 2)) }
            }
            return nil
        }

        /// The user chose the namespace of his context.
        private static func keepingNamespace(of old: [String], in item: [String]) -> [String] {
            guard let namespace = value("namespace", in: old), let index = item.firstIndex(where: { $0.hasPrefix("    cluster: ") }) else {
                return item
            }
            return item[...index] + ["    namespace: " + namespace] + item[(index + 1)...]
        }

        /// Whether it holds only what k3s writes.
        private static func isOurs(_ item: [String]) -> Bool {
            let known: Set<String> = [
                "name", "cluster", "context", "user", "namespace", "server", "certificate-authority-data", "client-certificate-data",
                "client-key-data",
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
