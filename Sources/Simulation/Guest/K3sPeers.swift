import Foundation

/// What servers of one cluster tell each other. The copy with the higher version is the newer one.
enum K3sPeers {
    struct Copy: Codable, Sendable {
        var version: Int
        var cluster: ClusterModel
    }

    /// Asks the server that the configuration names to be let in, for ever, as k3s does (facts/k3s.md §5.2).
    static func join(_ server: String, _ token: String, _ node: K3sNode) async throws -> Copy {
        guard server.hasPrefix("https://") else { throw GuestFailure("level=fatal msg=\"--server must be https\"") }
        let url = "http://" + server.dropFirst("https://".count)
        let (expectedCA, _, password) = try K3sAgent.parse(token)
        let body = String(decoding: try JSONEncoder().encode(node.registration), as: UTF8.self)
        while true {
            do {
                let certificate = try GuestHost.http(url + "/cacerts").body
                if let expectedCA, try GuestHost.sha256(certificate) != expectedCA {
                    throw GuestFailure("token CA hash does not match the Cluster CA certificate hash")
                }
                let reply = try GuestHost.http(url + "/v1-k3s/join", user: "server:" + password, body: body)
                guard reply.status == 200 else { throw GuestFailure(reply.body) }
                return try JSONDecoder().decode(Copy.self, from: Data(reply.body.utf8))
            } catch {
                GuestProgram.complain("level=error msg=\"\(error)\"")
                try await Task.sleep(for: .seconds(2))
            }
        }
    }

    /// Ends k3s where its member was taken out.
    static func checked(_ copy: Copy, _ name: String) throws -> Copy {
        guard let etcd = copy.cluster.etcd, etcd.members[name] == nil else { return copy }
        throw GuestFailure("level=fatal msg=\"this server is a not a member of the etcd cluster. Found \(etcd.members.keys.sorted())\"")
    }

    private static func addresses(_ cluster: ClusterModel, but name: String) -> [(name: String, address: String)] {
        let members = (cluster.etcd?.members.keys).map(Set.init) ?? []
        return members.subtracting([name]).sorted().compactMap { member in
            cluster.nodes[member].map { (member, $0.registration.address) }
        }
    }

    static func answering(_ cluster: ClusterModel, but name: String) async -> Set<String> {
        var names: Set<String> = []
        for (name, address) in addresses(cluster, but: name) where await ask(address, "/ping", user: nil, body: nil)?.status == 200 {
            names.insert(name)
        }
        return names
    }

    /// Also of those that have taken this one out.
    static func newest(_ copy: Copy, but name: String) async -> Copy {
        var newest = copy
        for (_, address) in addresses(copy.cluster, but: name) {
            let reply = await ask(address, "/v1-k3s/copy", user: "server:" + copy.cluster.serverPassword, body: nil)
            guard let reply, reply.status == 200, let other = try? JSONDecoder().decode(Copy.self, from: Data(reply.body.utf8)),
                other.version > newest.version
            else { continue }
            newest = other
        }
        return newest
    }

    static func push(_ copy: Copy, but name: String) async {
        guard let body = try? JSONEncoder().encode(copy) else { return }
        for (_, address) in addresses(copy.cluster, but: name) {
            _ = await ask(address, "/v1-k3s/copy", user: "server:" + copy.cluster.serverPassword, body: body)
        }
    }

    /// On a thread of its own, for curl is waited for; nil without an answer.
    static func ask(_ address: String, _ path: String, user: String?, body: Data?) async -> (status: Int, body: String)? {
        let text = body.map { String(decoding: $0, as: UTF8.self) }
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    returning: try? GuestHost.http(
                        "http://\(address):6443" + path, user: user, body: text, seconds: path == "/ping" ? 1 : 5))
            }
        }
    }
}
