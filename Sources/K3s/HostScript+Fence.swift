import Shell

/// Under what a change of a host was decided: the fencing number of the cluster's Lease at that time (`leaseTransitions`). It is raised whenever
/// another machine, or another run, takes the Lease, so that what the kernel of a dead one delivers later is known by it.
package struct FencingToken: Sendable, Hashable {
    /// Numbers of another cluster say nothing here.
    package var clusterID: String
    /// 0: there was no Lease to take yet.
    package var number: Int

    package init(clusterID: String, number: Int) { (self.clusterID, self.number) = (clusterID, number) }

    /// As a host keeps it; nil for what no host of ours has written.
    init?(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count == 2, words[1].utf8.count < 10, let number = Int(words[1]), number >= 0 else { return nil }
        self.init(clusterID: String(words[0]), number: number)
    }
}

/// The host's side: it keeps the highest number that it obeyed, and refuses a lower one.
extension HostScript {
    /// `obey`: what every script that changes something asks inside its lock. A host that bears the mark of another cluster and obeyed that one
    /// obeys nobody else.
    static func obedience(_ token: FencingToken?) -> Script {
        guard let token else { return "obey() { :; }" }
        return fenceFile + """

            obey() (
                fence_lock
                newest \(token.clusterID)
                if [ "$owner" != \(token.clusterID) ] && [ -n "$owner" ] && [ "$(cat \(raw: HostPath.cluster) 2>/dev/null)" = "$owner" ]; then
                    echo 'the host belongs to another cluster' >&2
                    exit 76
                fi
                if [ "$newest" -gt \(token.number) ]; then
                    echo "fence=$newest"
                    echo "this was decided under lease number \(token.number), and the host has obeyed number $newest" >&2
                    exit \(Int(HostFailure.fenced))
                fi
                [ "$owner" = \(token.clusterID) ] && [ "$newest" = \(token.number) ] || [ "${owner}\(token.number)" = 0 ] \\
                    || note \(token.clusterID) \(token.number)
            )
            """
    }

    /// `newest CLUSTER`: the highest number that was obeyed for that cluster, and who `owner` is. `note CLUSTER NUMBER` keeps one. A lock of its own,
    /// for scripts about several nodes run on a server at the same time.
    static let fenceFile: Script = """
        fence_lock() {
            umask 077
            if command -v flock >/dev/null; then
                exec 7>>\(raw: HostPath.fenceLock)
                flock -w 20 7 || { echo 'another script is at work on this host' >&2; exit 1; }
            fi
        }
        whole() { case $1 in ''|*[!0-9]*|??????????*) echo 0 ;; *) echo "$1" ;; esac; }
        newest() {
            owner='' newest=''
            [ ! -f \(raw: HostPath.fence) ] || read -r owner newest <\(raw: HostPath.fence) || :
            newest=$(whole "$newest")
            [ "$owner" = "$1" ] || newest=0
        }
        note() {
            mkdir -p "$(dirname \(raw: HostPath.fence))" && printf '%s %s\\n' "$1" "$2" >\(raw: HostPath.fence).new \\
                && mv -f \(raw: HostPath.fence).new \(raw: HostPath.fence) && { \(durable); }
        }
        """
}

extension HostFailure {
    /// The host has obeyed an order that was decided later.
    package static let fenced: Int32 = 90

    /// The number that a host has obeyed which refused a lower one; nil when it did not.
    package static func newest(exitStatus: Int32, stdout: String) -> Int? {
        guard exitStatus == fenced, let output = HostScript.output(in: stdout) else { return nil }
        let prefix = "fence="
        return output.split(whereSeparator: \.isNewline).first { $0.hasPrefix(prefix) }.flatMap { Int($0.dropFirst(prefix.count)) }
    }
}
