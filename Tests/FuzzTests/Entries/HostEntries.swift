import Foundation
import Shell

@testable import K3s
@testable import Simulation

extension FuzzEntry {
    /// A word of ours is one word for a shell and the same bytes.
    static let quoting = FuzzEntry("quoting") { bytes in
        let words = fields(bytes).map { decoded($0) }
        let script: Script = "\(words: words)"
        guard case .text(let line) = script.pieces[1], let got = shellWords(line) else {
            throw Broken(description: "a shell would see more than words in \(script.shown)")
        }
        try expect(got == words.map { Array($0.utf8) }, "\(script.shown) is not what was quoted")
        let secret: Script = "\(secret: SecretName(rawValue: "s"))"
        try expect(shellWords(decoded(secret.bytes { _ in words[0] })) == [Array(words[0].utf8)], "a secret is not what was quoted")
    }

    /// The words of a line in which nothing may stand but blanks, plain bytes and quotes that expand nothing; nil for anything else.
    private static func shellWords(_ line: String) -> [[UInt8]]? {
        var words: [[UInt8]] = []
        var word: [UInt8]?
        var quote: UInt8?
        for byte in line.utf8 {
            if let open = quote {
                if byte == open {
                    quote = nil
                } else if open == UInt8(ascii: "\""), byte != UInt8(ascii: "'") {
                    return nil
                } else {
                    word?.append(byte)
                }
            } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
                (quote, word) = (byte, word ?? [])
            } else if byte == 32 {
                if let word { words.append(word) }
                word = nil
            } else if isPlain(byte) {
                word = (word ?? []) + [byte]
            } else {
                return nil
            }
        }
        return quote == nil ? words + (word.map { [$0] } ?? []) : nil
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || "@%+=:,./-_".utf8.contains(byte)
    }

    /// A host's answer as it came, and as the inside of one that is whole.
    static let probe = FuzzEntry("probe") { bytes in
        for text in answers(bytes, "probe", head: "") {
            guard let probe = try? HostProbe.parse(text) else { continue }
            try expect(!probe.hostname.isEmpty, "no hostname")
            _ = (probe.isBooted, probe.server?.words, probe.agent?.words)
        }
    }

    static let cluster = FuzzEntry("cluster") { bytes in
        for text in answers(bytes, "cluster", head: "") + answers(bytes, "cluster", head: "nodes=") {
            guard let reading = try? ClusterReading.parse(text) else { continue }
            try expect(!reading.hostname.isEmpty, "no hostname")
            for node in reading.nodes { _ = (node.isControlPlane, node.ready.words, node.taints.map(\.description)) }
        }
    }

    private static func answers(_ bytes: [UInt8], _ section: String, head: String) -> [String] {
        let text = decoded(bytes)
        return [text, "banner\n\(Sections.begin(section))\nhostname=h\n\(head)\(text)\n\(Sections.end(section))\n"]
    }

    /// What we write for k3s is YAML of one reading, whatever the values are.
    static let nodeConfig = FuzzEntry("node-config") { bytes in
        let values = fields(bytes).map { decoded($0) }
        let setup = NodeSetup(
            name: values[0], role: .server, clusterName: "demo", clusterID: "id",
            overlayInterface: "tailscale0", overlayAddress: values[values.count - 1], clusterCIDR: "10.244.0.0/16",
            serviceCIDR: "10.245.0.0/16", disable: [], extra: ["kubelet-arg": .list(values), "resolv-conf": .string(values[0])],
            serverAddress: nil, caHash: nil, taints: [])
        let text = setup.configFile()
        // What go-yaml's reader refuses, and what it takes for the end of a line.
        let isForbidden = { (value: UInt32) in
            value < 0x20 && value != 10 || (0x7f...0x9f).contains(value) || [0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff].contains(value)
        }
        try expect(!text.unicodeScalars.contains { isForbidden($0.value) }, "k3s could not read \(text)")
        let read = Dictionary(try K3sConfig.parse(text)) { $1 }
        try expect(same(read["kubelet-arg"] ?? [], values), "kubelet-arg is read as \(read["kubelet-arg"] ?? [])")
        try expect(same(read["resolv-conf"] ?? [], [values[0]]), "resolv-conf is read as \(read["resolv-conf"] ?? [])")
        try expect(same(read["node-name"] ?? [], [values[0]]), "node-name is read as \(read["node-name"] ?? [])")
        _ = try? K3sConfig.parse(FuzzEntry.decoded(bytes))
        _ = try? K3sConfig(.agent, arguments: values)
    }
}
