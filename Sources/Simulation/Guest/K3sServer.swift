import Foundation
import Glibc
import HTTPServer

/// `k3s server`: founds a cluster when its datastore is empty, joins the one that `server` names, or goes on with what is on its disk, and serves
/// it at port 6443. Of several servers the first voter that answers leads: it changes the cluster, the others keep a copy and hand on what
/// they are asked.
actor K3sServer {
    static let data = "/var/lib/rancher/k3s/server"
    static let database = data + "/db/state.json"
    static let certificate = data + "/tls/server-ca.crt"
    static let adminKey = data + "/cred/admin.key"

    private let config: K3sConfig
    private let node: K3sNode
    private var copy: K3sPeers.Copy
    private let admin: String
    /// The other members that answered lately.
    private var alive: Set<String> = []

    private var cluster: ClusterModel {
        get { copy.cluster }
        set { copy.cluster = newValue }
    }

    init(_ config: K3sConfig) async throws {
        self.config = config
        node = try K3sNode(config)
        copy = try await K3sServer.load(config, node)
        admin = try GuestHost.keep(K3sServer.adminKey) { GuestHost.random() }
    }

    private static func load(_ config: K3sConfig, _ node: K3sNode) async throws -> K3sPeers.Copy {
        let token = try config.secret("token").map { try K3sAgent.parse($0).2 }
        if let text = GuestHost.read(database) {
            var known = try JSONDecoder().decode(K3sPeers.Copy.self, from: Data(text.utf8))
            guard token == nil || token == known.cluster.serverPassword else {
                throw GuestFailure("level=fatal msg=\"bootstrap data already found and encrypted with different token\"")
            }
            known = await K3sPeers.newest(known, but: node.name)
            if known.cluster.etcd == nil, config["cluster-init"] == "true" {
                GuestProgram.say("level=info msg=\"Migrating content from sqlite to etcd\"")
                known.cluster.etcd = Etcd(founder: node.name, now: GuestHost.now)
            }
            return try K3sPeers.checked(known, node.name)
        }
        if let server = config["server"] { return try await K3sPeers.join(server, try config.secret("token") ?? "", node) }
        let cluster = try found(config, node)
        return K3sPeers.Copy(version: 1, cluster: cluster)
    }

    private static func found(_ config: K3sConfig, _ node: K3sNode) throws -> ClusterModel {
        let token = try config.secret("token")
        guard token?.hasPrefix("K10") != true else { throw GuestFailure("level=fatal msg=\"failed to normalize server token\"") }
        let range = (config["cluster-cidr"] ?? "10.42.0.0/16").split(separator: ".").prefix(2).joined(separator: ".")
        let certificate = "-----BEGIN CERTIFICATE-----\n\(GuestHost.random())\n-----END CERTIFICATE-----\n"
        let server = token ?? GuestHost.random()
        var cluster = ClusterModel(
            certificate: certificate, serverPassword: server, agentPassword: try config.secret("agent-token") ?? server, podNetwork: range)
        if config["cluster-init"] == "true" { cluster.etcd = Etcd(founder: node.name, now: GuestHost.now) }
        return cluster
    }

    func run() async throws -> Never {
        GuestProgram.say("level=info msg=\"Starting k3s \(GuestProgram.version)\"")
        try publish()
        let listener = try Sockets.listen(address: "0.0.0.0", port: 6443)
        _ = try HTTPServer(listeningOn: listener, bodyLimit: 4 << 20) { await self.answer($0) }
        try node.startNetwork(gateway: try await registered())
        var isUp = false
        while true {
            _ = await heartbeat(own: try node.password())
            if !isUp, cluster.etcd?.isVoter(node.name) ?? true {
                isUp = true
                GuestHost.notify("READY=1")
                GuestProgram.say("level=info msg=\"k3s is up and running\"")
            }
            try await Task.sleep(for: K3sNode.heartbeat / 2)
            try await lookAround()
        }
    }

    /// The gateway of its pods, once it, or the one that leads, has taken its node in.
    private func registered() async throws -> String {
        let joining = K3sAgent.Joining(registration: node.registration, nodePassword: try node.password())
        let body = try JSONEncoder().encode(joining)
        while true {
            try await lookAround()
            let reply = await register(body, user: "server", password: cluster.serverPassword)
            if reply.status == 200 { return reply.body }
            GuestProgram.complain("level=error msg=\"\(reply.body)\"")
            try await Task.sleep(for: .seconds(1))
        }
    }

    // MARK: the other servers

    /// Who else answers; what a leader's controllers do; ends k3s where etcd has no such member any more.
    private func lookAround() async throws {
        guard cluster.etcd != nil else { return }
        alive = await K3sPeers.answering(cluster, but: node.name)
        // A learner that it promotes may lead from then on: the others hear of it from this one.
        let (before, leads) = (cluster, leader == node.name)
        if leads { cluster.settle(up: up, now: GuestHost.now) } else { copy = await K3sPeers.newest(copy, but: node.name) }
        if cluster != before { try await publishCopy(isNew: leads) }
        _ = try K3sPeers.checked(copy, node.name)
    }

    private var up: Set<String> { alive.union([node.name]) }
    /// Nil without a quorum.
    private var leader: String? {
        guard let etcd = cluster.etcd else { return node.name }
        return etcd.hasQuorum(up: up) ? etcd.voters.intersection(up).sorted().first : nil
    }

    private func publishCopy(isNew: Bool) async throws {
        if isNew { copy.version += 1 }
        try store()
        if isNew, cluster.etcd != nil { await K3sPeers.push(copy, but: node.name) }
    }

    /// Hands a request on to the one that leads; nil when that is this one.
    private func handedOn(_ path: String, _ user: String, _ body: Data) async -> (status: Int, body: String)? {
        guard let leader else { return (503, "etcdserver: request timed out") }
        guard leader != node.name else { return nil }
        // Two that each take the other for the leader would ask each other for ever.
        guard !Self.isHandedOn else { return (503, "etcdserver: leader changed") }
        guard let address = cluster.nodes[leader]?.registration.address else { return (503, "etcdserver: no leader") }
        return await K3sPeers.ask(address, path + "?" + Self.handedOn, user: user, body: body) ?? (503, "etcdserver: leader changed")
    }

    private func heartbeat(own password: String) async -> (status: Int, body: String) {
        if let reply = await handedOn("/v1-k3s/heartbeat", "\(node.name):\(password)", Data("{}".utf8)) { return reply }
        return cluster.beat(node.name, isReady: true, now: GuestHost.now) ? (200, "ok") : (404, "node not found")
    }

    /// The files that a server shows: its CA, full tokens and the admin's kubeconfig.
    private func publish() throws {
        try store()
        try GuestHost.write(cluster.certificate, to: K3sServer.certificate, mode: 0o644)
        let hash = try GuestHost.sha256(cluster.certificate)
        try GuestHost.write("K10\(hash)::server:\(cluster.serverPassword)\n", to: K3sServer.data + "/token")
        try GuestHost.write("K10\(hash)::node:\(cluster.agentPassword)\n", to: K3sServer.data + "/agent-token")
        try FileManager.default.createDirectory(atPath: "/var/lib/rancher/k3s/agent", withIntermediateDirectories: true)
        let mode = config["write-kubeconfig-mode"].flatMap { mode_t($0, radix: 8) } ?? 0o600
        try GuestHost.write(Kubeconfig.text(certificate: cluster.certificate, key: admin), to: Kubeconfig.file, mode: mode)
    }

    private func store() throws {
        try GuestHost.write(String(decoding: JSONEncoder().encode(copy), as: UTF8.self), to: K3sServer.database)
    }

    private func change<Value: Sendable>(_ body: (inout ClusterModel) throws -> Value) async throws -> Value {
        let value = try body(&cluster)
        if cluster.etcd != nil { cluster.settle(up: up, now: GuestHost.now) }
        try await publishCopy(isNew: true)
        return value
    }

    // MARK: what it answers

    private static let handedOn = "handed-on"
    @TaskLocal private static var isHandedOn = false

    private func answer(_ request: HTTPRequest) async -> HTTPResponse {
        await Self.$isHandedOn.withValue(request.query == Self.handedOn) { await respond(to: request) }
    }

    private func respond(to request: HTTPRequest) async -> HTTPResponse {
        switch (request.method, request.path) {
        case ("GET", "/cacerts"): return text(200, cluster.certificate)
        case ("GET", "/ping"): return text(200, "pong")
        case ("POST", "/v1-k3s/register"):
            guard let (user, password) = Self.credentials(request) else { return text(401, "not authorized") }
            let reply = await register(request.body, user: user, password: password)
            return text(reply.status, reply.body)
        case ("POST", "/v1-k3s/heartbeat"): return await heartbeat(request)
        case ("POST", "/kubectl"): return await kubectl(request)
        case ("POST", "/v1-k3s/join"), ("POST", "/v1-k3s/copy"), ("GET", "/v1-k3s/copy"): return await peer(request)
        default: return text(401, "Unauthorized")
        }
    }

    private func register(_ body: Data, user: String, password: String) async -> (status: Int, body: String) {
        guard cluster.admits(user: user, password: password) else { return (401, "not authorized") }
        if let reply = await handedOn("/v1-k3s/register", "\(user):\(password)", body) { return reply }
        guard let joining = try? JSONDecoder().decode(K3sAgent.Joining.self, from: body) else { return (400, "bad request") }
        do {
            try await change { try $0.register(joining.registration, password: joining.nodePassword, now: GuestHost.now) }
            return (200, cluster.gateway(of: joining.registration.name) ?? "")
        } catch {
            return (403, "\(error)")
        }
    }

    /// Its answer names all servers, which agents remember.
    private func heartbeat(_ request: HTTPRequest) async -> HTTPResponse {
        guard let (name, password) = Self.credentials(request), cluster.passwords[name] == nil || cluster.passwords[name] == password else {
            return text(401, "not authorized")
        }
        if let reply = await handedOn("/v1-k3s/heartbeat", "\(name):\(password)", request.body) { return text(reply.status, reply.body) }
        let servers = cluster.nodes.values.filter { $0.registration.isServer && !$0.isDeleting }.map(\.registration.address)
        let isKnown = cluster.beat(name, isReady: true, now: GuestHost.now)
        return isKnown ? text(200, servers.joined(separator: ",")) : text(404, "node not found")
    }

    /// As an administrator, or as another server that was asked by one.
    private func kubectl(_ request: HTTPRequest) async -> HTTPResponse {
        guard let (user, key) = Self.credentials(request),
            user == "admin" && key == admin || user == "server" && key == cluster.serverPassword
        else { return text(401, "Unauthorized") }
        if let reply = await handedOn("/kubectl", "server:" + cluster.serverPassword, request.body) {
            return text(reply.status, reply.body)
        }
        guard let call = try? JSONDecoder().decode(KubectlClient.Call.self, from: request.body) else { return text(400, "bad request") }
        do {
            let answer = try await change {
                Kubectl(call.arguments, input: call.input, isRetry: call.isRetry).run(on: &$0, now: GuestHost.now)
            }
            return HTTPResponse(status: 200, body: try JSONEncoder().encode(answer))
        } catch {
            return text(500, "\(error)")
        }
    }

    /// What servers ask each other for.
    private func peer(_ request: HTTPRequest) async -> HTTPResponse {
        guard let (user, password) = Self.credentials(request), user == "server", cluster.admits(user: user, password: password) else {
            return text(401, "not authorized")
        }
        do {
            switch (request.method, request.path) {
            case ("GET", _): break
            case (_, "/v1-k3s/join"): return try await join(request.body, password)
            default:
                let new = try JSONDecoder().decode(K3sPeers.Copy.self, from: request.body)
                if new.version > copy.version {
                    copy = new
                    try store()
                }
            }
            return HTTPResponse(status: 200, body: try JSONEncoder().encode(copy))
        } catch {
            return text(500, "\(error)")
        }
    }

    private func join(_ body: Data, _ password: String) async throws -> HTTPResponse {
        if let reply = await handedOn("/v1-k3s/join", "server:" + password, body) { return text(reply.status, reply.body) }
        let registration = try JSONDecoder().decode(ClusterModel.Registration.self, from: body)
        guard cluster.etcd != nil else { return text(403, "the datastore of this server is not etcd") }
        let up = up
        do {
            try await change { try $0.etcd!.join(registration.name, up: up, now: GuestHost.now) }
        } catch {
            return text(403, "\(error)")
        }
        return HTTPResponse(status: 200, body: try JSONEncoder().encode(copy))
    }

    private static func credentials(_ request: HTTPRequest) -> (user: String, password: String)? {
        guard let header = request.headers["authorization"], header.hasPrefix("Basic "),
            let bytes = Data(base64Encoded: String(header.dropFirst(6)))
        else { return nil }
        let halves = String(decoding: bytes, as: UTF8.self).split(separator: ":", maxSplits: 1).map(String.init)
        return halves.count == 2 ? (halves[0], halves[1]) : nil
    }

    private func text(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(status: status, headers: ["Content-Type": "text/plain"], body: Data(text.utf8))
    }
}
