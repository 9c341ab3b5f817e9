package import Shell

extension HostScript {
    /// The probe, and whether the API of the servers at these overlay addresses answers from here. Changes nothing; one round trip.
    package static func examine(servers addresses: [String]) -> Script {
        let calls = (["127.0.0.1"] + addresses).map { address -> Script in
            """
            echo "api=\(address) $(curl -ks -o /dev/null -w '%{num_connects}' --connect-timeout 4 --max-time 6 https://\(address):6443/ping </dev/null)"
            """
        }
        return Script(
            lines: [Script(raw: "echo '\(Sections.begin("api"))'")] + calls + [Script(raw: "echo '\(Sections.end("api"))'"), probe()])
    }
}

/// What `HostScript.examine` tells.
package struct HostExamination: Sendable, Hashable {
    package var probe: HostProbe
    /// Whether TCP reaches port 6443 there, by address.
    package var api: [String: Bool]

    package static func parse(_ output: String) throws(ReadingError) -> HostExamination {
        let calls = try Sections.fields(of: output, named: "api").map { $0.value.split(separator: " ") }
        let api = Dictionary(
            calls.compactMap { words in words.count == 2 ? (String(words[0]), words[1] == "1") : nil },
            uniquingKeysWith: { _, last in last })
        return HostExamination(probe: try HostProbe.parse(output), api: api)
    }
}
