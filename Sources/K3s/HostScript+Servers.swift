package import Shell

/// What only servers need that are several, or are to be.
extension HostScript {
    /// Above the limit of the fleet file.
    static let slowRoundTrip: Int32 = 87

    /// Before a server joins another one: whether they are near enough. Before sqlite is brought to etcd: k3s does that when it starts.
    static func joinable(_ setup: NodeSetup) -> Script {
        guard setup.role == .server else { return ":" }
        if setup.initializesEtcd {
            return """
                db=/var/lib/rancher/k3s/server/db
                if [ -d "$db" ] && [ ! -d "$db/etcd" ]; then : > "$restart"; fi
                """
        }
        return setup.serverAddress.map { roundTrip(to: $0, limit: setup.roundTripLimit) } ?? ":"
    }

    /// Of five connects the middle one, in milliseconds; a connect takes one round trip. Not by https, for curl counts the handshake to a connect that
    /// fails in it; a server of TLS answers 400 to this.
    private static func roundTrip(to address: String, limit: Int) -> Script {
        """
        peer=\(address)
        if [ ! -d /var/lib/rancher/k3s/server/db ]; then
            seconds=$(for try in 1 2 3 4 5; do
                curl -s -o /dev/null --max-time 5 -w '%{time_connect}\\n' "http://$peer:6443/ping" || :
            done | sort -n | sed -n 3p)
            case ${seconds:-0} in
            *[1-9]*) ;;
            *) echo "the server at $peer does not answer" >&2; exit 1 ;;
            esac
            took=$(awk -v s="$seconds" 'BEGIN { printf "%d", s * 1000 + 0.999 }')
            [ "$took" -le \(limit) ] \\
                || refuse \(Int(slowRoundTrip)) "the round trip to the server at $peer takes $took ms, and limits.etcdRoundTripMilliseconds is \(limit)"
        fi
        """
    }

    /// Deletes the Node of a server: k3s takes its member out of etcd before the Node goes, which may take a minute (facts/k3s.md §5.3).
    package static func deleteServer(name: String, ifSilent: Bool) -> Script {
        deleteNode(name: name, ifSilent: ifSilent, seconds: 90)
    }
}
