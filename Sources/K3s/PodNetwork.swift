import Shell

/// What a host found that could reach none of its peers over the pod network: nodes may be Ready all the same (facts/k3s.md §8.4).
package struct PodNetworkFailure: Sendable, Hashable {
    /// Flannel's.
    package var interface: String
    package var mtu: Int?
    package var peers: [Peer] = []

    /// Another node, as flannel knows it.
    package struct Peer: Sendable, Hashable {
        /// Of its pods' network.
        package var podAddress: String
        /// In the overlay; nil where flannel does not say.
        package var overlayAddress: String?

        package init(podAddress: String, overlayAddress: String?) {
            (self.podAddress, self.overlayAddress) = (podAddress, overlayAddress)
        }
    }

    package init(interface: String, mtu: Int?, peers: [Peer] = []) { (self.interface, self.mtu, self.peers) = (interface, mtu, peers) }

    /// The interface and its MTU.
    init(_ text: String) {
        let words = text.split(separator: " ")
        self.init(interface: words.first.map(String.init) ?? "", mtu: words.dropFirst().first.flatMap { Int($0) })
    }
}

extension PodNetworkFailure.Peer {
    init(_ text: String) {
        let words = text.split(separator: " ").map(String.init)
        self.init(podAddress: words.first ?? "", overlayAddress: words.dropFirst().first)
    }
}

extension HostScript {
    /// Part of the probe: three of the peers to which flannel has a route are called, until one answers. Its kubelet does, on every address, and a
    /// TLS handshake fills packets up to the MTU, which a ping does not.
    static let podNetwork = """
        if systemctl is-active --quiet k3s || systemctl is-active --quiet k3s-agent; then
            routes=$(ip -4 route show | awk '$2 == "via" && $4 == "dev" && $5 ~ /^flannel/ { print $5, $3 }' | shuf -n 3)
            works=
            called=
            while [ -n "$routes" ] && read -r link peer; do
                if curl -ks -o /dev/null --connect-timeout 2 --max-time 4 "https://$peer:10250/healthz" </dev/null; then works=yes; break; fi
                mac=$(ip -4 neigh show dev "$link" </dev/null | awk -v peer="$peer" '$1 == peer && $2 == "lladdr" { print $3 }' | head -n 1)
                node=$(bridge fdb show dev "$link" 2>/dev/null </dev/null | awk -v mac="${mac:-none}" '$1 == mac && $2 == "dst" { print $3 }' | head -n 1)
                called="$called$link $peer $node
        "
            done <<END
        $routes
        END
            if [ -z "$works" ] && [ -n "$called" ]; then
                printf '%s' "$called" | while read -r link peer node; do
                    echo "pods=$link $(cat "/sys/class/net/$link/mtu" 2>/dev/null)"
                    echo "pods-peer=$peer $node"
                done
            fi
        fi
        """

    /// Part of the probe: what the tailnet says of a host that is in it.
    static let tailnet = """
        case $(timeout --foreground 5 tailscale lock status 2>/dev/null) in
        *'LOCKED OUT'*|*'locked out'*) echo 'overlay-lock=out' ;;
        esac
        echo "overlay-device=$(timeout --foreground 5 tailscale status --json --peers=false 2>/dev/null \\
            | sed -n 's/^ *"DNSName": *"\\([^."]*\\)[."].*/\\1/p' | head -n 1)"
        """
}
