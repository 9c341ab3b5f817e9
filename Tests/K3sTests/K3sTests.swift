import Foundation
import K3s
import Shell
import Testing

@Suite struct K3sTests {
    @Test(arguments: ["v1.34", "stable", "1.34.9+k3s1", "v1.34.9", "v1.34.9+k3s", "v1.34.09+k3s1", "v1.34.9+rke2r1"])
    func refusesWhatIsNoExactTag(tag: String) { #expect(K3sVersion(tag) == nil) }

    @Test func ordersVersions() throws {
        let tags = ["v1.9.0+k3s1", "v1.34.8+k3s1", "v1.34.9+k3s1", "v1.34.9+k3s2", "v1.34.10+k3s1"]
        let versions = tags.compactMap(K3sVersion.init)
        #expect(versions.sorted() == versions && versions.count == tags.count)
        #expect(versions.map(\.description) == tags)
    }

    static func setup(_ role: Role) throws -> NodeSetup {
        NodeSetup(
            name: "demo-n1", role: role, clusterName: "demo", clusterID: "c1",
            overlayInterface: "tailscale0", overlayAddress: "100.64.0.2", clusterCIDR: "10.244.0.0/16", serviceCIDR: "10.245.0.0/16",
            disable: ["traefik"], extra: role == .server ? [:] : ["kubelet-arg": .list(["max-pods=50"])],
            serverAddress: role == .agent ? "100.64.0.1" : nil,
            caHash: role == .agent ? "abc" : nil, taints: [])
    }

    @Test func writesAServersFile() throws {
        #expect(
            try Self.setup(.server).configFile() == """
                # Written by exedev-k8s for the cluster demo; changes made here are undone.
                advertise-address: "100.64.0.2"
                agent-token-file: "/etc/rancher/exedev/agent-token"
                cluster-cidr: "10.244.0.0/16"
                disable:
                  - "traefik"
                flannel-iface: "tailscale0"
                node-ip: "100.64.0.2"
                node-name: "demo-n1"
                service-cidr: "10.245.0.0/16"
                tls-san:
                  - "100.64.0.2"
                token-file: "/etc/rancher/exedev/token"
                write-kubeconfig-mode: "0600"

                """)
    }

    @Test func writesOnlyWhatAgentsKnow() throws {
        #expect(
            try Self.setup(.agent).configFile() == """
                # Written by exedev-k8s for the cluster demo; changes made here are undone.
                flannel-iface: "tailscale0"
                kubelet-arg:
                  - "max-pods=50"
                node-ip: "100.64.0.2"
                node-name: "demo-n1"
                server: "https://100.64.0.1:6443"
                token-file: "/etc/rancher/exedev/agent-token"

                """)
    }

    @Test func readsAProbePastABanner() throws {
        let probe = try HostProbe.parse(
            """
            Welcome!
            === exedev-k8s probe begin
            hostname=demo-n1
            systemd=degraded
            overlay=100.64.0.2
            version=k3s version v1.34.9+k3s1 (deadbeef)
            installer=yes
            unit.k3s=LoadState=not-found ActiveState=inactive SubState=dead UnitFileState= NRestarts=0
            unit.k3s-agent=LoadState=loaded ActiveState=activating SubState=start UnitFileState=enabled NRestarts=3
            journal=Node password rejected
            === exedev-k8s probe end
            """)
        #expect(probe.isBooted && probe.hasInstaller && probe.server == nil)
        #expect(probe.overlay == .up(address: "100.64.0.2"))
        #expect(probe.binaryVersion == K3sVersion("v1.34.9+k3s1"))
        #expect(probe.agent?.restarts == 3 && probe.agent?.enabled == true)
        #expect(probe.journal == "Node password rejected")
    }

    @Test(arguments: ["", "motd only", "=== exedev-k8s probe begin\nhostname=x\n", "=== exedev-k8s probe begin\n=== exedev-k8s probe end"])
    func refusesACutAnswer(output: String) { #expect(throws: ReadingError.self) { try HostProbe.parse(output) } }

    /// A dual-stack node names either first (facts/kubernetes.md #12).
    @Test(arguments: [["fd7a::2", "100.64.0.2"], ["100.64.0.2", "fd7a::2"]]) func theOverlayIsIPv4(addresses: [String]) throws {
        let list = addresses.map { #"{"type":"InternalIP","address":"\#($0)"}"# }.joined(separator: ",")
        let json = #"{"items":[{"metadata":{"name":"a"},"spec":{},"status":{"addresses":[\#(list)]}}]}"#
        let reading = try ClusterReading.parse(
            "=== exedev-k8s cluster begin\nhostname=a\nca=ff\nnodes=\(json)\nready=yes\n=== exedev-k8s cluster end\n")
        #expect(reading.nodes[0].internalIP == "100.64.0.2")
    }

    @Test func readsWhyANodeIsNotReady() throws {
        let json =
            #"{"items":[{"metadata":{"name":"a"},"status":{"conditions":[{"type":"Ready","status":"False","reason":"KubeletNotReady","message":"cni plugin not initialized"}]}}]}"#
        let reading = try ClusterReading.parse(
            "=== exedev-k8s cluster begin\nhostname=a\nnodes=\(json)\nready=yes\n=== exedev-k8s cluster end\n")
        #expect(reading.nodes[0].ready == .notReady(reason: "KubeletNotReady: cni plugin not initialized"))
    }

    @Test func readsNodes() throws {
        let json =
            #"{"items":[{"metadata":{"name":"a","labels":{"node-role.kubernetes.io/control-plane":"true"}},"spec":{},"status":{"conditions":[{"type":"Ready","status":"True"}],"addresses":[{"type":"InternalIP","address":"100.64.0.1"}],"nodeInfo":{"kubeletVersion":"v1.34.9+k3s1"}}},{"metadata":{"name":"b","deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"taints":[{"key":"k","effect":"NoSchedule"}],"unschedulable":true}}]}"#
        let reading = try ClusterReading.parse(
            "=== exedev-k8s cluster begin\nhostname=a\nca=ff\nnodes=\(json)\nready=yes\n=== exedev-k8s cluster end\n")
        #expect(reading.apiReady && reading.caHash == "ff" && reading.nodes.count == 2)
        #expect(
            reading.nodes[0].ready == .ready && reading.nodes[0].isControlPlane && reading.nodes[0].internalIP == "100.64.0.1")
        #expect(reading.nodes[1].ready != .unknown, "without conditions it is new, not silent (facts/kubernetes.md #12)")
        #expect(reading.nodes[1].deleting && reading.nodes[1].unschedulable)
        #expect(throws: ReadingError.self) {
            try ClusterReading.parse("=== exedev-k8s cluster begin\nhostname=a\nnodes={\n=== exedev-k8s cluster end\n")
        }
    }
}
