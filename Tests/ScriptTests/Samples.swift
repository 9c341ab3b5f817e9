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

    static func script(_ action: Action, time: Double = now) -> Script {
        action.step.script(ScriptContext(releases: .upstream, now: time)) ?? "exit 99"
    }

    static func prepare(_ role: Role = .server, expected: String? = nil, node: String = "demo-n1") -> Action {
        .prepare(
            Prepare(
                HostPreparation(
                    node: node, role: role, version: version, expectedSHA256: expected, clusterID: "c1", clusterCIDR: "10.244.0.0/16",
                    serviceCIDR: "10.245.0.0/16")))
    }

    static func stage(expected: String? = nil) -> Action { .stageK3s(StageK3s(node: "demo-n1", version: newer, digest: expected)) }

    static func evacuate(drains: Bool) -> Action { .evacuate(Evacuate(node: hostile, drains: drains, policy: DrainPolicy())) }

    static func upgrade(_ role: Role, digest: String = "00ff") -> Action {
        .upgradeK3s(UpgradeK3s(node: "demo-n1", role: role, from: version, to: newer, digest: digest))
    }

    static var newer: K3sVersion { K3sVersion("v1.34.10+k3s1")! }
    static var version: K3sVersion { K3sVersion("v1.34.9+k3s1")! }

    static func setup(_ role: Role = .server) -> NodeSetup {
        NodeSetup(
            name: "demo-n1", role: role, clusterName: hostile, clusterID: "c1", overlayInterface: "tailscale0",
            overlayAddress: "100.64.0.2", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16",
            disable: role == .server ? ["traefik"] : [], extra: ["kubelet-arg": .list(["max-pods=50", hostile])],
            serverAddress: role == .agent ? "100.64.0.1" : nil, caHash: role == .agent ? "abc123" : nil,
            taints: [Taint(key: "k", value: hostile, effect: .noSchedule)])
    }

    /// A server that joins another one.
    static var joiner: NodeSetup {
        var setup = setup(.server)
        (setup.serverAddress, setup.caHash) = ("100.64.0.1", "abc123")
        return setup
    }

    static let shape = NodePatch(
        labels: ["team": hostile, "gone": nil],
        taints: TaintChange(
            from: [Taint(key: "theirs", value: "", effect: .noSchedule), Taint(key: "a'", value: "1", effect: .noExecute)],
            to: [Taint(key: "k'", value: hostile, effect: .noExecute)]),
        annotations: ["note\\": hostile], summary: "")

    /// Every action on a host, with names that need quoting.
    static let orders: [Action] = [
        prepare(.server), prepare(.agent, expected: "00ff", node: hostile),
        .install(Install(setup(.server), digest: "d", version: Sample.version)),
        .install(Install(setup(.agent), digest: "d", version: Sample.version)),
        .install(Install(joiner, digest: "d", version: Sample.version)),
        .deleteNode(DeleteNode(node: hostile, ifSilent: false, role: .server)),
        .purgeIdentity(PurgeIdentity(node: hostile)), .purgeIdentity(PurgeIdentity(node: hostile, sparing: hostile)),
        .patchNode(PatchNode(node: hostile, shape)),
        .cordon(Cordon(node: hostile)), .drain(Drain(node: hostile, isSilent: false)), .uncordon(Uncordon(node: hostile)),
        .stop(Stop(node: hostile, role: .server)),
        .stop(Stop(node: hostile, role: .agent)), .deleteNode(DeleteNode(node: hostile, ifSilent: false)),
        .deleteNode(DeleteNode(node: hostile, ifSilent: true)),
        .restart(Restart(node: hostile, role: .agent)),
        stage(), .takeSnapshot(TakeSnapshot(node: hostile, version: Sample.version, goal: newer)), evacuate(drains: true),
        evacuate(drains: false), .uncordon(Uncordon(node: hostile, after: .maintenance)),
        .uncordon(Uncordon(node: hostile, after: .maintenance, isServer: true)), upgrade(.server), upgrade(.agent),
        .revertK3s(RevertK3s(node: hostile, from: newer, to: Sample.version, journal: hostile)),
        .flushDisk(FlushDisk(node: hostile, role: .server)), .flushDisk(FlushDisk(node: hostile, role: .agent)),
    ]
}

extension Action: CustomTestStringConvertible {
    /// The kind of action, since a whole one would fill the screen.
    public var testDescription: String {
        switch self {
        case .prepare(let step): "prepare \(step.host.role)"
        case .install(let step): "install \(step.setup.role)"
        case .stop(let step): "stop \(step.role)"
        case .deleteNode(let step): step.ifSilent ? "deleteNode of the silent" : "deleteNode"
        default: kind.rawValue
        }
    }
}

/// A suite that needs root and mount namespaces, which a container may withhold.
let needsHost = Comment("needs root and mount namespaces")
