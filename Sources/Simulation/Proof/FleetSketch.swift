import FleetCore

/// A fleet file of the scenarios, its variable parts as parameters.
struct FleetSketch: Sendable {
    var web = 2
    var pool = "web"
    var label = "front"
    var isTainted = false
    var port = 8080
    var guests: [String] = []
    var isShared = true
    var isPublic = true
    /// In the spelling of a fleet file.
    var probe: String?
    var tags: [String] = []
    var comment: String?
    var disable: [String] = []
    var version = "v1.34.9+k3s1"
    var upgradePath: [String] = []
    var maxUnavailable = "1"
    var maxVMs: Int?
    var deletionsPerPass = 1
    var kubelet = "110"
    var serverKubelet = "110"
    var drainTimeout = 300
    /// In the spelling of a fleet file.
    var window: String?
    var servers = 1
    var batch = 1
    var replace = "never"
    var image: String?
    var serverImage: String?

    func with(_ change: (inout FleetSketch) -> Void) -> DesiredFleet {
        var copy = self
        change(&copy)
        return copy.fleet()
    }

    private var share: String {
        let users = guests.map { "\"\($0)\"" }.joined(separator: ", ")
        let asked = probe.map { ", probe: \($0)" } ?? ""
        return isShared ? "share: {port: \(port), public: \(isPublic), users: [\(users)]\(asked)}" : ""
    }

    func fleet() -> DesiredFleet {
        let text = """
            {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "\(version)", servers: \(serverImage.map { "{nodes: \(servers), image: \"\($0)\"}" } ?? "\(servers)"),
              disable: [\(disable.map { "\"\($0)\"" }.joined(separator: ", "))],
              upgradePath: [\(upgradePath.map { "\"\($0)\"" }.joined(separator: ", "))],
              agentConfig: {"kubelet-arg": ["max-pods=\(kubelet)"]}, serverConfig: {"kubelet-arg": ["max-pods=\(serverKubelet)"]}},
             pools: {\(pool): {nodes: \(web), labels: {tier: "\(label)"}, isolated: \(isTainted)\(image.map { ", image: \"\($0)\"" } ?? ""), tags: [\(tags.map { "\"\($0)\"" }.joined(separator: ", "))], 
                \(comment.map { "comment: \"\($0)\"," } ?? "") \(share)},
                     batch: {nodes: \(batch), isolated: true}},
             limits: {maxVMs: \(maxVMs ?? max(25, web + 10)), maxUnavailable: \(maxUnavailable), deletionsPerPass: \(deletionsPerPass)}, policy: {prune: true, replace: "\(replace)", drain: {timeout: \(drainTimeout)}\(window.map { ", window: \($0)" } ?? "")}}
            """
        let outcome = FleetFile.parse(text, file: "fleet.json")
        guard let fleet = outcome.fleet else { preconditionFailure("the scenario's fleet file is wrong: \(outcome.diagnostics)") }
        return fleet
    }
}
