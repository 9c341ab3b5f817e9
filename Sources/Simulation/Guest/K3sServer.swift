import Foundation
import Glibc
import HTTPServer

/// `k3s server` with its own datastore: founds the cluster when the datastore is empty, serves it at port 6443.
actor K3sServer {
    static let data = "/var/lib/rancher/k3s/server"
    static let database = data + "/db/state.json"
    static let certificate = data + "/tls/server-ca.crt"
    static let adminKey = data + "/cred/admin.key"

    private let config: K3sConfig
    private let node: K3sNode
    private var cluster: ClusterModel
    private let admin: String

    init(_ config: K3sConfig) throws {
        guard config["server"] == nil else {
            throw GuestFailure("level=fatal msg=\"this stand-in has one server: it cannot join \(config["server"]!)\"")
        }
        self.config = config
        node = try K3sNode(config)
        cluster = try K3sServer.load(config)
        admin = try GuestHost.keep(K3sServer.adminKey) { GuestHost.random() }
    }

    private static func load(_ config: K3sConfig) throws -> ClusterModel {
        let token = try config.secret("token")
        if let text = GuestHost.read(database) {
            let known = try JSONDecoder().decode(ClusterModel.self, from: Data(text.utf8))
            guard token == nil || token == known.serverPassword else {
                throw GuestFailure("level=fatal msg=\"bootstrap data already found and encrypted with different token\"")
            }
            return known
        }
        guard token?.hasPrefix("K10") != true else { throw GuestFailure("level=fatal msg=\"failed to normalize server token\"") }
        let range = (config["cluster-cidr"] ?? "10.42.0.0/16").split(separator: ".").prefix(2).joined(separator: ".")
        let certificate = "-----BEGIN CERTIFICATE-----\n\(GuestHost.random())\n-----END CERTIFICATE-----\n"
        let server = token ?? GuestHost.random()
        return ClusterModel(
            certificate: certificate, serverPassword: server, agentPassword: try config.secret("agent-token") ?? server, podNetwork: range)
    }

    func run() async throws -> Never {
        GuestProgram.say("level=info msg=\"Starting k3s \(GuestProgram.version)\"")
        try publish()
        let listener = try Sockets.listen(address: "0.0.0.0", port: 6443)
        _ = try HTTPServer(listeningOn: listener, bodyLimit: 1 << 20) { await self.answer($0) }
        let password = try node.password()
        try change { try $0.register(node.registration, password: password, now: GuestHost.now) }
        try node.startNetwork(gateway: cluster.gateway(of: node.name)!)
        _ = cluster.beat(node.name, isReady: true, now: GuestHost.now)
        GuestHost.notify("READY=1")
        GuestProgram.say("level=info msg=\"k3s is up and running\"")
        while true {
            try await Task.sleep(for: K3sNode.heartbeat)
            _ = cluster.beat(node.name, isReady: true, now: GuestHost.now)
        }
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
        try GuestHost.write(String(decoding: JSONEncoder().encode(cluster), as: UTF8.self), to: K3sServer.database)
    }

    private func change<Value>(_ body: (inout ClusterModel) throws -> Value) throws -> Value {
        let value = try body(&cluster)
        try store()
        return value
    }

    // MARK: what it answers

    private func answer(_ request: HTTPRequest) -> HTTPResponse {
        switch (request.method, request.path) {
        case ("GET", "/cacerts"): return text(200, cluster.certificate)
        case ("GET", "/ping"): return text(200, "pong")
        case ("POST", "/v1-k3s/register"): return register(request)
        case ("POST", "/v1-k3s/heartbeat"): return heartbeat(request)
        case ("POST", "/kubectl"): return kubectl(request)
        default: return text(401, "Unauthorized")
        }
    }

    private func register(_ request: HTTPRequest) -> HTTPResponse {
        guard let (user, password) = Self.credentials(request), cluster.admits(user: user, password: password) else {
            return text(401, "not authorized")
        }
        guard let joining = try? JSONDecoder().decode(K3sAgent.Joining.self, from: request.body) else { return text(400, "bad request") }
        do {
            try change { try $0.register(joining.registration, password: joining.nodePassword, now: GuestHost.now) }
            return text(200, cluster.gateway(of: joining.registration.name)!)
        } catch {
            return text(403, "\(error)")
        }
    }

    private func heartbeat(_ request: HTTPRequest) -> HTTPResponse {
        guard let (name, password) = Self.credentials(request), cluster.passwords[name] == nil || cluster.passwords[name] == password else {
            return text(401, "not authorized")
        }
        return cluster.beat(name, isReady: true, now: GuestHost.now) ? text(200, "ok") : text(404, "node not found")
    }

    private func kubectl(_ request: HTTPRequest) -> HTTPResponse {
        guard let (user, key) = Self.credentials(request), user == "admin", key == admin else { return text(401, "Unauthorized") }
        guard let call = try? JSONDecoder().decode(KubectlClient.Call.self, from: request.body) else { return text(400, "bad request") }
        do {
            let answer = try change { Kubectl(call.arguments, input: call.input, isRetry: call.isRetry).run(on: &$0, now: GuestHost.now) }
            return HTTPResponse(status: 200, body: try JSONEncoder().encode(answer))
        } catch {
            return text(500, "\(error)")
        }
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

/// The admin's way in. The key stands where the real file has the client's private key.
enum Kubeconfig {
    static let file = "/etc/rancher/k3s/k3s.yaml"

    static func text(certificate: String, key: String) -> String {
        func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
        return """
            apiVersion: v1
            clusters:
            - cluster:
                certificate-authority-data: \(base64(certificate))
                server: https://127.0.0.1:6443
              name: default
            contexts:
            - context:
                cluster: default
                user: default
              name: default
            current-context: default
            kind: Config
            preferences: {}
            users:
            - name: default
              user:
                client-certificate-data: \(base64("admin"))
                client-key-data: \(base64(key))

            """
    }

    /// Nil when it cannot be read.
    static func key() -> String? {
        for line in (GuestHost.read(file) ?? "").split(whereSeparator: \.isNewline) {
            let pair = line.trimmingCharacters(in: .whitespaces).split(separator: " ").map(String.init)
            if pair.first == "client-key-data:", pair.count == 2 {
                return Data(base64Encoded: pair[1]).map { String(decoding: $0, as: UTF8.self) }
            }
        }
        return nil
    }
}

/// `kubectl`: asks the server on this very machine.
enum KubectlClient {
    struct Call: Codable {
        var arguments: [String]
        var input: String
        var isRetry = false
    }

    static func run(_ arguments: [String]) throws -> Int32 {
        guard let key = Kubeconfig.key() else {
            throw GuestFailure(
                "error: error loading config file \"\(Kubeconfig.file)\": open \(Kubeconfig.file): no such file or directory")
        }
        let began = GuestHost.now
        let readsInput = arguments.contains("-f") && arguments.contains("-")
        let input = readsInput ? String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self) : ""
        var call = Call(arguments: arguments, input: input)
        while true {
            let answer = try ask(call, key)
            call.isRetry = true
            if let patience = answer.isEvicting, patience == 0 || GuestHost.now - began < patience {
                usleep(500_000)
                continue
            }
            FileHandle.standardOutput.write(Data(answer.output.utf8))
            FileHandle.standardError.write(Data(answer.error.utf8))
            return answer.status
        }
    }

    private static func ask(_ call: Call, _ key: String) throws -> Kubectl.Answer {
        let body = String(decoding: try JSONEncoder().encode(call), as: UTF8.self)
        guard let reply = try? GuestHost.http("http://127.0.0.1:6443/kubectl", user: "admin:" + key, body: body, seconds: 30) else {
            throw GuestFailure("The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?")
        }
        guard reply.status == 200 else { throw GuestFailure("error: You must be logged in to the server (\(reply.body))") }
        return try JSONDecoder().decode(Kubectl.Answer.self, from: Data(reply.body.utf8))
    }
}
