import Foundation

/// `k3s agent`: joins over TCP and says every few seconds that it lives. It tries for ever, as the real one does: only the journal
/// tells why it does not get on.
struct K3sAgent {
    /// What it sends to register.
    struct Joining: Codable {
        var registration: ClusterModel.Registration
        var nodePassword: String
    }

    private let node: K3sNode
    /// Those that it has heard of, the one that its configuration names first: it tries each (facts/k3s.md §5.6).
    private var servers: [String]
    private let user: String
    private let password: String
    /// The digest in front of a full token; nil for a short one, which proves nothing of the server.
    private let expectedCA: String?

    init(_ config: K3sConfig) throws {
        guard let url = config["server"], url.hasPrefix("https://") else { throw GuestFailure("level=fatal msg=\"--server is required\"") }
        guard let token = try config.secret("token"), !token.isEmpty else { throw GuestFailure("level=fatal msg=\"--token is required\"") }
        servers =
            ["http://" + url.dropFirst("https://".count)] + (GuestHost.read(K3sAgent.remembered) ?? "").split(separator: ",").map(Self.url)
        (expectedCA, user, password) = try K3sAgent.parse(token)
        node = try K3sNode(config)
    }

    static let remembered = "/var/lib/rancher/k3s/agent/etc/k3s-agent-load-balancer.json"

    private static func url(_ address: Substring) -> String { "http://\(address):6443" }

    static func parse(_ token: String) throws -> (String?, String, String) {
        guard token.hasPrefix("K10") else { return (nil, "node", token) }
        guard let match = token.wholeMatch(of: /K10([0-9a-f]{64})::(server|node):(.+)/) else {
            throw GuestFailure("level=fatal msg=\"invalid token format\"")
        }
        return (String(match.1), String(match.2), String(match.3))
    }

    mutating func run() async throws -> Never {
        GuestProgram.say("level=info msg=\"Starting k3s agent \(GuestProgram.version)\"")
        let gateway = try await joined()
        try node.startNetwork(gateway: gateway)
        let credentials = "\(node.name):\(try node.password())"
        var isReady = false
        while true {
            let reply = beat(credentials)
            if let reply, reply.status == 200, reply.body != GuestHost.read(K3sAgent.remembered) {
                try GuestHost.write(reply.body, to: K3sAgent.remembered)
                servers = servers.prefix(1) + reply.body.split(separator: ",").map(Self.url)
            }
            if reply?.status == 200, !isReady {
                isReady = true
                GuestHost.notify("READY=1")
                GuestProgram.say("level=info msg=\"k3s agent is up and running\"")
            }
            try await Task.sleep(for: K3sNode.heartbeat)
        }
    }

    /// To the first server that answers.
    private func beat(_ credentials: String) -> (status: Int, body: String)? {
        for server in servers {
            if let reply = try? GuestHost.http(server + "/v1-k3s/heartbeat", user: credentials, body: "{}"), reply.status < 500 {
                return reply
            }
        }
        return nil
    }

    /// The node's gateway for pods, once the server took it in.
    private func joined() async throws -> String {
        while true {
            for server in servers {
                do {
                    return try join(server)
                } catch {
                    GuestProgram.complain("level=error msg=\"\(error)\"")
                }
            }
            try await Task.sleep(for: .seconds(2))
        }
    }

    private func join(_ server: String) throws -> String {
        let certificate = try GuestHost.http(server + "/cacerts").body
        if let expectedCA, try GuestHost.sha256(certificate) != expectedCA {
            throw GuestFailure("token CA hash does not match the Cluster CA certificate hash")
        }
        let joining = Joining(registration: node.registration, nodePassword: try node.password())
        let body = String(decoding: try JSONEncoder().encode(joining), as: UTF8.self)
        let reply = try GuestHost.http(server + "/v1-k3s/register", user: "\(user):\(password)", body: body)
        guard reply.status == 200 else { throw GuestFailure(reply.body) }
        try GuestHost.write(certificate, to: "/var/lib/rancher/k3s/agent/server-ca.crt", mode: 0o644)
        return reply.body
    }
}
