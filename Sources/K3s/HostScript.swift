package import Shell

/// The scripts that run on a host. Each is read by root's `sh -eu -s` from standard input, may be run twice, and keeps secrets out of
/// every argument list: the shell's own `printf` writes them.
package enum HostScript {
    /// The script as it is sent. On exe.dev the address and the key decide whose VM answers, so nothing is done on a host of another
    /// name. The braces make the shell read all of it before it does any of it: a connection cut half-way then does nothing, and no child
    /// can eat the rest of the script from the standard input that it shares with the shell. kubectl speaks to the host's own cluster, whatever
    /// the login's environment or root's kubeconfig name. `token`: under what a change was decided; nil for what changes nothing on the host.
    package static func addressed(_ script: Script, to hostname: String, under token: FencingToken? = nil) -> Script {
        let proof: Script = """
            host=$(hostname)
            [ "${host%%.*}" = \(hostname) ] || { echo "this host is $host" >&2; exit \(Int(HostFailure.wrongHost)); }
            """
        return Script(
            lines: [
                "{", endsWithConnection, proof, Script(raw: "echo '\(ownOutput)'"), environment, obedience(token), script, "exit $?",
                "} 8<&0 </dev/null", "",
            ])
    }

    /// sshd ends nothing when its connection goes, but it closes standard input, which stays open until then: that ends the script and all that
    /// it has started. Only in a process group of its own (`loginCommand`), for nobody else's process may be in it.
    private static let endsWithConnection = Script(
        raw: """
            read -r group </proc/$$/stat; group=${group##*) }; group=${group#* * }
            { [ "${group%% *}" != $$ ] || (while read -r group; do :; done <&8; kill -s TERM 0); } >/dev/null 2>&1 &
            exec 8<&-
            """)

    /// What the login's shell, of whatever kind, is told: to run the script on standard input as root, in a process group of its own. Some images
    /// log in as root and lack sudo (facts/exedev.md §5); a sudo that fails before the script began is asked whether it would do anything at all.
    package static let loginCommand = "sh -c '" + asRoot.split(separator: "\n").joined(separator: " ") + "'"

    private static let asRoot = """
        group=; setsid -w sh -c : >/dev/null 2>&1 && group="setsid -w";
        if [ "$(id -u)" = 0 ]; then exec $group sh -eu -s; fi;
        command -v sudo >/dev/null 2>&1 || { echo "the login is $(id -un) and the host has no sudo" >&2; exit \(HostFailure.noRoot); };
        sudo -n $group sh -eu -s; status=$?;
        if [ $status = 1 ]; then sudo -n true </dev/null >/dev/null 2>&1 || exit \(HostFailure.noRoot); fi;
        exit $status
        """

    /// Whether a host that calls itself `said` is the VM of this name: a hostname may have its domain behind it.
    package static func names(_ said: String, _ vm: String) -> Bool { said == vm || said.hasPrefix(vm + ".") }

    /// sudo's `secure_path` may lack the directories of administrators, and may have another k3s than the staged one; kubectl 1.34 obeys root's
    /// kuberc, which can turn an order into a question (facts/kubernetes.md, 10).
    private static let environment: Script =
        "export PATH=\"$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin\" KUBECONFIG=\(raw: HostPath.kubeconfig) KUBERC=off; "
        + "k3s() { [ \"$1\" != kubectl ] || kubeconfig_is_there || return 1; \(raw: HostPath.binary) \"$@\"; }\n" + kubeconfigIsThere

    /// kubectl without it would say that a config file cannot be loaded, or ask localhost:8080 (facts/kubernetes.md, 9).
    private static let kubeconfigIsThere: Script = """
        kubeconfig_is_there() {
            [ -s \(raw: HostPath.kubeconfig) ] || {
                echo '\(raw: HostPath.kubeconfig) is not there: k3s on the server writes it when it starts; if it is up, restart it' >&2
                return 1
            }
        }
        """

    /// The line after which a script's own output begins: a login shell's profile may have printed before it.
    private static let ownOutput = "=== exedev-k8s output"

    /// What the script itself printed; nil when it never came so far.
    package static func output(in text: String) -> String? {
        let lines = text.utf8.split(separator: 10, omittingEmptySubsequences: false)
        guard let first = lines.first(where: { Substring($0) == ownOutput }) else { return nil }
        return first.endIndex == text.endIndex ? "" : String(text[text.utf8.index(after: first.endIndex)...])
    }

    /// The same of a command that prints bytes.
    static func output(in bytes: [UInt8]) -> ArraySlice<UInt8>? {
        let mark = Array((ownOutput + "\n").utf8)
        var start = bytes.startIndex
        while let line = bytes[start...].firstIndex(of: 10) {
            if bytes[start...line].elementsEqual(mark) { return bytes[(line + 1)...] }
            start = line + 1
        }
        return nil
    }

    /// How far the boot is, and what it waits for.
    private static let boot = """
        systemd=$(systemctl is-system-running 2>/dev/null)
        echo "systemd=$systemd"
        case $systemd in
        running|degraded) ;;
        *)
            up=$(cut -d . -f 1 /proc/uptime)
            began=$(sed 's/^.*) //' /proc/1/stat | cut -d ' ' -f 20)
            [ -n "$up" ] && [ -n "$began" ] && [ $((up - began / 100)) -ge \(HostProbe.bootDeadline) ] && echo 'late=yes'
            systemctl list-jobs --no-legend 2>/dev/null | awk '$4 == "running" { print "job=" $2 }' | head -n 3 ;;
        esac
        """

    /// What systemd says of k3s, and the last words of one that does not run.
    private static let units = """
        for unit in k3s k3s-agent; do
            state=$(systemctl show "$unit" \
                -p LoadState,ActiveState,SubState,UnitFileState,NRestarts,Job,ActiveEnterTimestampMonotonic 2>/dev/null | tr '\\n' ' ')
            echo "unit.$unit=$state"
            case $state in
            *LoadState=loaded*)
                case $state in
                *ActiveState=active*) ;;
                *) journalctl -u "$unit" -n 5 -o cat --no-pager 2>/dev/null | cut -c 1-300 | sed 's/^/journal=/' ;;
                esac ;;
            esac
        done
        """

    /// Reads everything that a decision about the host needs, in one round trip. Changes nothing.
    package static func probe() -> Script {
        Script(
            raw: """
                set +e
                LC_ALL=C; export LC_ALL
                echo '\(Sections.begin("probe"))'
                echo "hostname=$(hostname)"
                \(boot)
                if command -v tailscale >/dev/null 2>&1 && systemctl is-active --quiet tailscaled; then
                    address=$(tailscale ip -4 2>/dev/null | head -n 1)
                    echo "overlay=${address:-down}"
                    if [ -n "$address" ]; then
                        \(tailnet)
                    fi
                else
                    echo 'overlay=missing'
                fi
                if [ -x \(HostPath.binary) ]; then
                    echo "sha256=$(sha256sum \(HostPath.binary) | cut -d ' ' -f 1)"
                    echo "version=$(\(HostPath.binary) --version 2>/dev/null | head -n 1)"
                fi
                \(otherBinaries)
                [ -s \(HostPath.installer) ] && echo 'installer=yes'
                echo "uptime=$(cut -d ' ' -f 1 /proc/uptime)"
                \(units)
                \(meaning)
                \(comparisons)
                if [ -f \(HostPath.config) ]; then
                    echo "config=$(grep -vE '^[[:space:]]*(#|$)' \(HostPath.config) | digest)"
                    echo "settings=$(plain \(HostPath.config))"
                fi
                \(changes)
                \(foreignFiles)
                \(podNetwork)
                [ -f \(HostPath.cluster) ] && echo "cluster=$(cat \(HostPath.cluster))"
                [ -f \(HostPath.fence) ] && echo "fence=$(head -n 1 \(HostPath.fence))"
                \(flushed)
                [ -d /var/lib/rancher/k3s/server/db ] && echo 'server-data=yes'
                [ -d /var/lib/rancher/k3s/agent ] && echo 'agent-data=yes'
                echo '\(Sections.end("probe"))'
                exit 0
                """)
    }

    /// The whole cluster as its server sees it. Succeeds while the API is down, and says why it is.
    ///
    /// `printf`, since dash's `echo` would undo the backslashes of JSON. Left out: warnings of k3s (facts/k3s.md §2), names of images, indentation,
    /// annotations of others; long texts are cut, for a kubelet may write what it likes of its own node (facts/kubernetes.md, 7).
    package static func readCluster() -> Script {
        Script(
            raw: """
                set +e
                LC_ALL=C; export LC_ALL
                echo '\(Sections.begin("cluster"))'
                echo "hostname=$(hostname)"
                echo "unit=$(systemctl show k3s -p LoadState,ActiveState,SubState,UnitFileState,NRestarts 2>/dev/null | tr '\\n' ' ')"
                ca=/var/lib/rancher/k3s/server/tls/server-ca.crt
                [ -f "$ca" ] && echo "ca=$(sha256sum "$ca" | cut -d ' ' -f 1)"
                [ -f \(HostPath.cluster) ] && echo "cluster=$(cat \(HostPath.cluster))"
                if [ ! -x \(HostPath.binary) ]; then
                    echo 'reason=k3s is not installed'
                elif nodes=$(k3s kubectl get nodes -o json --request-timeout=20s 2>&1); then
                    k3s kubectl get plans.upgrade.cattle.io -A --no-headers --request-timeout=10s 2>/dev/null \
                        | awk 'NR <= 3 { print "upgrade-plan=" $1 "/" $2 }'
                    printf 'nodes=%s\\n' "$(printf '%s\\n' "$nodes" | awk '
                        /^[{]/ { inside = 1 }
                        !inside { next }
                        /^ *"images": [[]$/ { match($0, /^ */); margin = substr($0, 1, RLENGTH); skipping = 1; next }
                        /^ *"annotations": [{]$/ { match($0, /^ */); margin = substr($0, 1, RLENGTH); noting = 1; notes = ""; next }
                        noting && ($0 == margin "}" || $0 == margin "},") {
                            noting = 0; printf "\\"annotations\\": {%s}%s ", notes, substr($0, length(margin) + 2); next
                        }
                        noting {
                            line = $0; sub(/^ +/, "", line); sub(/,$/, "", line)
                            if (line ~ /^"(\(NodeAnnotation.pattern))": "/ && length(notes) + length(line) < 16384) notes = notes (notes == "" ? "" : ", ") line
                            next
                        }
                        skipping { if ($0 == margin "]" || $0 == margin "],") skipping = 0; next }
                        /^ *"[^"]*": "/ && length($0) > 600 {
                            end = $0 ~ /,$/ ? "\\"," : "\\""; value = substr($0, 1, 500)
                            sub(/^ +/, "", value); match(value, /^"[^"]*": "/); key = substr(value, 1, RLENGTH)
                            value = substr(value, RLENGTH + 1); gsub(/[\\\\"]/, "", value); printf "%s%s%s ", key, value, end; next
                        }
                        { line = $0; sub(/^ +/, "", line); printf "%s ", line }
                        /^[}]/ { inside = 0 }')"
                    \(members)
                    echo 'ready=yes'
                else
                    printf 'reason=%s\\n' "$(printf '%s\\n' "$nodes" | grep -v '^[EWI][0-9][0-9][0-9][0-9] ' | tail -n 1 | cut -c 1-300)"
                fi
                echo '\(Sections.end("cluster"))'
                exit 0
                """)
    }

    /// etcd's own list of its members, by its peers' port: k3s brings no etcdctl (facts/k3s.md §5.3). Nothing is printed where it cannot be had.
    private static let members = """
        certificates=/var/lib/rancher/k3s/server/tls/etcd
        address=$(sed -n 's/^node-ip: //p' \(HostPath.config) 2>/dev/null | tr -d '"')
        if [ -f "$certificates/peer-server-client.crt" ]; then
            for host in 127.0.0.1 "$address"; do
                members=$(curl -s --max-time 5 --cacert "$certificates/peer-ca.crt" --cert "$certificates/peer-server-client.crt" \
                    --key "$certificates/peer-server-client.key" "https://$host:2380/members" 2>/dev/null | tr -d '\\n')
                case $members in
                '['*) printf 'members=%s\\n' "$members"; break ;;
                esac
            done
        fi
        """

    /// Starts k3s again without waiting for it.
    package static func restartK3s(_ role: Role) -> Script {
        alone + """
            systemctl reset-failed \(role.unit) 2>/dev/null || true
            systemctl restart --no-block \(role.unit)
            """
    }

    /// Stops k3s for good; a running kubelet would register its node again (facts/k3s.md §6.4).
    package static func stopK3s(_ role: Role) -> Script {
        alone + """
            if systemctl cat \(role.unit) >/dev/null 2>&1; then
                systemctl disable --now \(role.unit)
            fi
            if [ -x /usr/local/bin/k3s-killall.sh ]; then
                /usr/local/bin/k3s-killall.sh >/dev/null 2>&1 || true
            fi

            """ + durable
    }

    /// Takes the host's device out of the tailnet, where it would stay for ever; one that cannot be taken out stays.
    package static func logOut() -> Script {
        alone + "timeout --foreground 15 tailscale logout >/dev/null 2>&1 || :"
    }

    package static func kubeconfig() -> Script {
        "kubeconfig_is_there\ncat \(raw: HostPath.kubeconfig)"
    }
}
