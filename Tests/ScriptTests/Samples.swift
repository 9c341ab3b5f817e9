import FleetCore
import Glibc
import K3s
import Shell
import Testing

@testable import Reconciler

/// Values that a shell would split or expand without quotes.
let hostile = #"it's "q" $HOME \n `id` * ;& ünï"#

/// Secrets with special characters; `fragments` must appear nowhere.
enum Secrets {
    static let values: [SecretName: String] = [
        .serverToken: #"aaSERVERaa '"$PATH \n\\ `id`%s"#, .agentToken: #"bbAGENTbb '"$PATH \n\\ `id`%d"#,
        .tailscaleAuthKey: #"ccAUTHKEYcc '"$PATH \t\\ `id`%%"#,
    ]
    static let fragments = ["aaSERVERaa", "bbAGENTbb", "ccAUTHKEYcc"]
}

enum Sample {
    /// The time of the fake host's clock.
    static var now: Double { Double(time(nil)) }

    static func script(_ order: HostOrder, time: Double = now) -> Script { order.script(releases: .upstream, time: time) }

    static func prepare(_ role: Role = .server, expected: String? = nil, node: String = "demo-n1") -> HostOrder {
        .prepare(
            node: node, role: role,
            .init(
                version: version, expectedSHA256: expected, clusterID: "c1", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16"))
    }

    static var version: K3sVersion { K3sVersion("v1.34.9+k3s1")! }

    static func setup(_ role: Role = .server) -> NodeSetup {
        NodeSetup(
            name: "demo-n1", role: role, version: version, clusterName: hostile, clusterID: "c1", overlayInterface: "tailscale0",
            overlayAddress: "100.64.0.2", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16",
            disable: role == .server ? ["traefik"] : [], extra: ["kubelet-arg": .list(["max-pods=50", hostile])],
            serverAddress: role == .agent ? "100.64.0.1" : nil, caHash: role == .agent ? "abc123" : nil,
            taints: [Taint(key: "k", value: hostile, effect: .noSchedule)])
    }

    static let shape = NodeShape(
        labels: ["team": hostile, "gone": nil],
        taints: TaintChange(
            from: [Taint(key: "theirs", value: "", effect: .noSchedule), Taint(key: "a'", value: "1", effect: .noExecute)],
            to: [Taint(key: "k'", value: hostile, effect: .noExecute)]),
        annotations: ["note\\": hostile], summary: "")

    /// Every kind of order, with names that need quoting.
    static let orders: [HostOrder] = [
        prepare(.server), prepare(.agent, expected: "00ff", node: hostile), .install(setup(.server)), .install(setup(.agent)),
        .forget(node: hostile), .forget(node: hostile, sparing: hostile), .shape(node: hostile, shape),
        .drain(node: hostile, isSilent: false), .uncordon(node: hostile),
        .stop(node: hostile, .server),
        .stop(node: hostile, .agent), .deleteNode(hostile, ifSilent: false), .deleteNode(hostile, ifSilent: true),
        .restart(node: hostile, .agent),
    ]
}

extension HostOrder: CustomTestStringConvertible {
    /// The kind of order, since a whole one would fill the screen.
    public var testDescription: String {
        switch self {
        case .prepare(_, let role, _): "prepare \(role)"
        case .install(let setup): "install \(setup.role)"
        case .forget: "forget"
        case .shape: "shape"
        case .uncordon: "uncordon"
        case .drain: "drain"
        case .stop(_, let role): "stop \(role)"
        case .deleteNode(_, let ifSilent): ifSilent ? "deleteNode of the silent" : "deleteNode"
        case .restart: "restart"
        }
    }
}

/// A suite that needs root and mount namespaces, which a container may withhold.
let needsHost = Comment("needs root and mount namespaces")
