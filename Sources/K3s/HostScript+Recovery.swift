package import Shell

/// What a server keeps of what the lost state directory held. It has secrets: it goes into files of mode 0600 and nowhere else.
package struct ServerRecord: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package var serverToken: String
    package var agentToken: String
    package var clusterCIDR: String
    package var serviceCIDR: String
    /// What k3s was configured with that is fixed since the cluster was founded.
    package var founding: [String: ConfigValue]

    package init(
        serverToken: String, agentToken: String, clusterCIDR: String, serviceCIDR: String, founding: [String: ConfigValue] = [:]
    ) {
        (self.serverToken, self.agentToken) = (serverToken, agentToken)
        (self.clusterCIDR, self.serviceCIDR, self.founding) = (clusterCIDR, serviceCIDR, founding)
    }

    package var debugDescription: String { description }
    package var description: String { "pods \(clusterCIDR), services \(serviceCIDR)" }

    /// Throws when anything is missing; the error repeats nothing of the answer.
    package static func parse(_ output: String) throws(ReadingError) -> ServerRecord {
        var values: [String: String] = [:]
        guard let fields = try? Sections.fields(of: output, named: "server record") else {
            throw ReadingError("the server's answer is cut short or not understood")
        }
        for (key, value) in fields { values[key] = value }
        func value(_ key: String) throws(ReadingError) -> String {
            guard let value = values[key], !value.isEmpty else { throw ReadingError("the server does not have its \(key) any more") }
            return value
        }
        let founding = values.filter { foundingKeys.contains($0.key) }.mapValues(Self.setting)
        return ServerRecord(
            serverToken: try value("server-token"), agentToken: try value("agent-token"), clusterCIDR: try value("cluster-cidr"),
            serviceCIDR: try value("service-cidr"), founding: founding)
    }

    private static let foundingKeys: Set<String> = [
        "cluster-dns", "cluster-domain", "flannel-backend", "secrets-encryption", "service-node-port-range",
    ]

    /// A scalar as `NodeSetup` writes it.
    private static func setting(_ text: String) -> ConfigValue {
        switch text {
        case "true": .boolean(true)
        case "false": .boolean(false)
        default: .string(text.hasPrefix("\"") && text.hasSuffix("\"") ? String(text.dropFirst().dropLast()) : text)
        }
    }
}

extension HostScript {
    /// Reads a `ServerRecord`. Changes nothing.
    package static func serverRecord() -> Script {
        Script(
            raw: """
                set +e
                LC_ALL=C; export LC_ALL
                echo '\(Sections.begin("server record"))'
                [ -s \(HostPath.token) ] && printf 'server-token=%s\\n' "$(cat \(HostPath.token))"
                [ -s \(HostPath.agentToken) ] && printf 'agent-token=%s\\n' "$(cat \(HostPath.agentToken))"
                sed -n 's/^\\(cluster-cidr\\|service-cidr\\): "\\(.*\\)"$/\\1=\\2/p' \(HostPath.config) 2>/dev/null
                sed -n 's/^\\(cluster-dns\\|cluster-domain\\|flannel-backend\\|secrets-encryption\\|service-node-port-range\\): /\\1=/p' \
                    \(HostPath.config) 2>/dev/null
                echo '\(Sections.end("server record"))'
                exit 0
                """)
    }
}
