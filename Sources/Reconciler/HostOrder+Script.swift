import FleetCore
package import K3s
package import Shell

extension SecretName {
    /// The first server's token; a cluster's admin.
    package static let serverToken = SecretName(rawValue: "server-token")
    /// What agents join with.
    package static let agentToken = SecretName(rawValue: "agent-token")
    package static let tailscaleAuthKey = SecretName(rawValue: "tailscale-auth-key")
}

extension HostOrder {
    /// Exactly what `apply` sends and what `plan --scripts` shows. `time` (seconds since 1970) is compared with the host's clock.
    package func script(releases: ReleaseSource, time: Double) -> Script {
        switch self {
        case .prepare(let node, let role, let order):
            HostScript.prepare(
                PrepareInput(
                    overlayHostname: node, version: order.version, releases: releases, expectedSHA256: order.expectedSHA256,
                    authKey: .tailscaleAuthKey, clusterCIDR: order.clusterCIDR, serviceCIDR: order.serviceCIDR, clusterID: order.clusterID,
                    role: role, controllerTime: Int(time)))
        case .install(let setup):
            HostScript.install(setup, serverToken: setup.role == .server ? .serverToken : nil, agentToken: .agentToken)
        case .forget(let node, let address): HostScript.forget(node: node, sparing: address)
        case .shape(let node, let shape):
            HostScript.shapeNode(
                name: node, labels: shape.labels, taints: shape.taints.map { ($0.from, $0.to) }, annotations: shape.annotations)
        case .restart(_, let role): HostScript.restartK3s(role)
        case .drain(let node, let isSilent):
            HostScript.cordon(name: node, mark: NodeShape.removing) + HostScript.drain(name: node, timeoutSeconds: 300, isSilent: isSilent)
        case .uncordon(let node): HostScript.uncordon(name: node, mark: NodeShape.removing)
        case .stop(_, let role): HostScript.stopK3s(role)
        case .deleteNode(let node, let ifSilent): HostScript.deleteNode(name: node, ifSilent: ifSilent)
        }
    }

    /// It goes on for minutes on the server while the cluster is to be read and its Lease to be renewed there.
    package var isSlow: Bool {
        switch self {
        case .drain, .deleteNode: true
        default: false
        }
    }

    /// Seconds that the step may take.
    package var deadline: Double {
        switch self {
        case .prepare: 600
        case .drain: 330
        case .install, .stop, .deleteNode: 180
        case .restart: 90
        case .forget, .shape, .uncordon: 60
        }
    }
}
