package import Shell

/// The scripts that run on a host. Each is read by root's `sh -eu -s` from standard input, may be run twice, and keeps secrets out of
/// every argument list: the shell's own `printf` writes them.
package enum HostScript {
    /// The script as it is sent. On exe.dev the address and the key decide whose VM answers, so nothing is done on a host of another
    /// name. The braces make the shell read all of it before it does any of it: a connection cut half-way then does nothing, and no child
    /// can eat the rest of the script from the standard input that it shares with the shell. kubectl speaks to the host's own cluster, whatever
    /// the login's environment or root's kubeconfig name.
    package static func addressed(_ script: Script, to hostname: String) -> Script {
        let proof: Script = """
            host=$(hostname)
            [ "${host%%.*}" = \(hostname) ] || { echo "this host is $host" >&2; exit \(Int(HostFailure.wrongHost)); }
            """
        return Script(
            lines: ["{", endsWithConnection, proof, Script(raw: "echo '\(ownOutput)'"), environment, script, "exit $?", "} 8<&0 </dev/null", ""])
    }

    /// sshd ends nothing when its connection goes, but it closes standard input, which stays open until then: that ends the script and all that
    /// it has started. Only in a process group of its own (`loginCommand`), for nobody else's process may be in it.
    private static let endsWithConnection = Script(
        raw: """
            read -r group </proc/$$/stat; group=${group##*) }; group=${group#* * }
            [ "${group%% *}" != $$ ] || (while read -r group; do :; done <&8; kill -s TERM 0) >/dev/null 2>&1 &
            exec 8<&-
            """)

    /// What the login's shell is told: to run the script on standard input as root. That shell may be of any kind, so of its own language nothing is
    /// used but words in single quotes. `setsid` gives the script a process group of its own. Some images log in as root and lack sudo (facts/exedev.md §5); a sudo that fails before the script
    /// began is asked once more whether it would do anything at all.
    package static let loginCommand = "sh -c '" + asRoot.split(separator: "\n").joined(separator: " ") + "'"

    private static let asRoot = """
        group=; command -v setsid >/dev/null 2>&1 && group="setsid -w";
        if [ "$(id -u)" = 0 ]; then exec $group sh -eu -s; fi;
        command -v sudo >/dev/null 2>&1 || { echo "the login is $(id -un) and the host has no sudo" >&2; exit \(HostFailure.noRoot); };
        sudo -n $group sh -eu -s; status=$?;
        if [ $status = 1 ]; then sudo -n true </dev/null >/dev/null 2>&1 || exit \(HostFailure.noRoot); fi;
        exit $status
        """

    /// Whether a host that calls itself `said` is the VM of this name: a hostname may have its domain behind it.
    package static func names(_ said: String, _ vm: String) -> Bool { said == vm || said.hasPrefix(vm + ".") }

    /// sudo's `secure_path` may lack the directories of administrators, and may have another k3s than the staged one; kubectl 1.34 obeys root's kuberc, which can turn an order into a question
    /// (facts/kubernetes.md, 10).
    private static let environment: Script =
        "export PATH=\"$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin\" KUBECONFIG=/etc/rancher/k3s/k3s.yaml KUBERC=off; "
        + "k3s() { \(raw: HostPath.binary) \"$@\"; }"

    /// The line after which a script's own output begins: a login shell's profile may have printed before it.
    private static let ownOutput = "=== exedev-k8s output"

    /// What the script itself printed; nil when it never came so far.
    package static func output(in text: String) -> String? {
        let lines = text.utf8.split(separator: 10, omittingEmptySubsequences: false)
        guard let first = lines.first(where: { Substring($0) == ownOutput }) else { return nil }
        return first.endIndex == text.endIndex ? "" : String(text[text.utf8.index(after: first.endIndex)...])
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
                else
                    echo 'overlay=missing'
                fi
                if [ -x \(HostPath.binary) ]; then
                    echo "sha256=$(sha256sum \(HostPath.binary) | cut -d ' ' -f 1)"
                    echo "version=$(\(HostPath.binary) --version 2>/dev/null | head -n 1)"
                fi
                [ -s \(HostPath.installer) ] && echo 'installer=yes'
                echo "uptime=$(cut -d ' ' -f 1 /proc/uptime)"
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
                [ -f \(HostPath.config) ] && echo "config=$(grep -v '^#' \(HostPath.config) | sha256sum | cut -d ' ' -f 1)"
                \(changes)
                \(foreignFiles)
                [ -f \(HostPath.cluster) ] && echo "cluster=$(cat \(HostPath.cluster))"
                [ -d /var/lib/rancher/k3s/server/db ] && echo 'server-data=yes'
                [ -d /var/lib/rancher/k3s/agent ] && echo 'agent-data=yes'
                echo '\(Sections.end("probe"))'
                exit 0
                """)
    }

    /// The whole cluster as its server sees it. Succeeds while the API is down, and says why it is.
    ///
    /// `printf`, since dash's `echo` would undo the backslashes of JSON. k3s may warn on standard error (facts/k3s.md §2), which is left out, as are
    /// the names of images, which are nearly all of a node's text, and the indentation.
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
                    printf 'nodes=%s\\n' "$(printf '%s\\n' "$nodes" | awk '
                        /^[{]/ { inside = 1 }
                        !inside { next }
                        /^ *"images": [[]$/ { match($0, /^ */); margin = substr($0, 1, RLENGTH); skipping = 1; next }
                        skipping { if ($0 == margin "]" || $0 == margin "],") skipping = 0; next }
                        { line = $0; sub(/^ +/, "", line); printf "%s ", line }
                        /^[}]/ { inside = 0 }')"
                    echo 'ready=yes'
                else
                    printf 'reason=%s\\n' "$(printf '%s\\n' "$nodes" | grep -v '^[EWI][0-9][0-9][0-9][0-9] ' | tail -n 1 | cut -c 1-300)"
                fi
                echo '\(Sections.end("cluster"))'
                exit 0
                """)
    }

    /// Deletes the Node and the node password of a previous VM of that name (facts/k3s.md §6.1). `sparing`: the address of the current VM; a Node
    /// with that InternalIP is kept, since the current VM may have joined meanwhile.
    package static func forget(node: String, sparing address: String?) -> Script {
        let keepCurrent: Script =
            if let address {
                """
                at=$(k3s kubectl get node \(node) --ignore-not-found -o jsonpath=\(addressPath) --request-timeout=20s)
                case " $at " in *" "\(address)" "*) echo 'the node is its own'; exit 0 ;; esac

                """
            } else { "" }
        return alone(on: node) + keepCurrent + forgetting(node)
    }

    private static func forgetting(_ node: String) -> Script {
        """
        k3s kubectl delete node \(node) --ignore-not-found --timeout=25s
        k3s kubectl -n kube-system delete secret \(node + ".node-password.k3s") --ignore-not-found --timeout=25s
        """
    }

    private static let addressPath = "{.status.addresses[?(@.type==\"InternalIP\")].address}"

    /// `mark`: the annotation that records that this program set the cordon, or that it found one, which is somebody else's to lift.
    package static func cordon(name: String, mark: String) -> Script {
        alone(on: name) + """
        seen=$(k3s kubectl get node \(name) -o \(cordonPath(mark)) --request-timeout=20s)
        case $seen in
        *'|'?*) mark=${seen#*'|'} ;;
        'true|') mark=\(raw: foreignCordon) ;;
        *) mark=yes ;;
        esac
        k3s kubectl annotate node \(name) \(mark + "=")"$mark" --overwrite --request-timeout=20s
        k3s kubectl cordon \(name) --request-timeout=20s
        """
    }

    package static func uncordon(name: String, mark: String) -> Script {
        alone(on: name) + """
        seen=$(k3s kubectl get node \(name) -o \(cordonPath(mark)) --request-timeout=20s)
        [ "${seen#*'|'}" = \(raw: foreignCordon) ] || k3s kubectl uncordon \(name) --request-timeout=20s
        k3s kubectl annotate node \(name) \(mark + "-") --request-timeout=20s
        """
    }

    /// The mark of a node that was cordoned before us.
    package static let foreignCordon = "cordoned-before"

    /// Whether it is cordoned, and our mark.
    private static func cordonPath(_ mark: String) -> String {
        "jsonpath={.spec.unschedulable}|{.metadata.annotations.\(mark.split(separator: ".").joined(separator: "\\."))}"
    }

    /// Tries for 20 s to evict a node's pods and prints whether any are left, and why (`DrainReading`); fails when kubectl cannot ask. The node
    /// stays cordoned. `isSilent`: the kubelet does not respond, so the drain does not wait for pods deleted more than 60 s ago.
    package static func drain(name: String, isSilent: Bool, force: Bool, deleteEmptyDir: Bool) -> Script {
        let data: Script = deleteEmptyDir ? " --delete-emptydir-data" : ""
        let forced: Script = force ? " --force" : ""
        let skip: Script = isSilent ? " --skip-wait-for-delete-timeout=60" : ""
        return alone(on: name) + """
            state=pending
            if said=$(k3s kubectl drain \(name) --ignore-daemonsets --timeout=20s\(data)\(forced)\(skip) 2>&1); then state=drained; fi
            case $state$said in
            drained*|*'disruption budget'*|*'timeout reached'*|*'annot delete Pods'*) ;;
            *) printf '%s\\n' "$said" >&2; exit 1 ;;
            esac
            echo '\(raw: Sections.begin("drain"))'
            echo "state=$state"
            if [ "$state" = pending ]; then
                printf '%s\\n' "$said" | grep -E 'pods?/?"? ?"|annot delete Pods' | cut -c 1-2000 | tail -n 40 | sed 's/^/said=/'
                k3s kubectl get pdb -A --request-timeout=10s -o \(budgetPath) 2>/dev/null | head -n 100 | sed 's/^/budget=/' || true
            fi
            echo '\(raw: Sections.end("drain"))'
            """
    }

    private static let budgetPath =
        "jsonpath={range .items[?(@.status.disruptionsAllowed==0)]}{.metadata.namespace}/{.metadata.name}{\"\\n\"}{end}"

    /// Starts k3s again without waiting for it.
    package static func restartK3s(_ role: Role) -> Script {
        alone + """
            systemctl reset-failed \(role.unit) 2>/dev/null || true
            systemctl restart --no-block \(role.unit)
            """
    }

    /// Deletes the node and its password, and makes sure that the node is gone. `ifSilent`: fails if the kubelet
    /// still reports, because its pods run on and it would register the node again.
    package static func deleteNode(name: String, ifSilent: Bool) -> Script {
        let proof: Script = """
            ready=$(k3s kubectl get node \(name) --ignore-not-found -o jsonpath=\(readyPath) --request-timeout=20s)
            [ -z "$ready" ] || [ "$ready" = Unknown ] || { echo 'the node is alive' >&2; exit 1; }

            """
        return alone(on: name) + (ifSilent ? proof : "") + forgetting(name) + """
            left=$(k3s kubectl get node \(name) --ignore-not-found -o name --request-timeout=20s)
            [ -z "$left" ] || { echo 'the node is still there' >&2; exit 1; }
            """
    }

    private static let readyPath = "{.status.conditions[?(@.type==\"Ready\")].status}"

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

    package static func kubeconfig() -> Script {
        "cat /etc/rancher/k3s/k3s.yaml"
    }

    /// Labels, taints and annotations in one patch. A nil label is removed; nil taints stay as they are. Taints are replaced as a whole, so the
    /// patch names the very node that still has those which were seen: whatever a controller or a person changed meanwhile stays.
    package static func patchNode(
        name: String, labels: [String: String?], taints: (from: [Taint], to: [Taint])?, annotations: [String: String]
    ) -> Script {
        let quoted = NodeSetup.doubleQuoted
        let labelText = labels.keys.sorted().map { key in quoted(key) + ":" + (labels[key]!.map(quoted) ?? "null") }.joined(separator: ",")
        let noteText = annotations.keys.sorted().map { quoted($0) + ":" + quoted(annotations[$0]!) }.joined(separator: ",")
        let metadata = "\"labels\":{\(labelText)},\"annotations\":{\(noteText)}"
        guard let taints else { return "k3s kubectl patch node \(name) --type=merge -p \("{\"metadata\":{\(metadata)}}")" }
        let list = taints.to.map { taint in
            let value = taint.value.isEmpty ? "" : ",\"value\":" + quoted(taint.value)
            return "{\"key\":" + quoted(taint.key) + value + ",\"effect\":" + quoted(taint.effect.rawValue) + "}"
        }.joined(separator: ",")
        let seen = taints.from.map { "\($0.key)=\($0.value):\($0.effect.rawValue)" }.sorted().joined(separator: "\n")
        let (before, after) = ("{\"metadata\":{\"resourceVersion\":\"", "\",\(metadata)},\"spec\":{\"taints\":[\(list)]}}")
        return """
            LC_ALL=C; export LC_ALL
            now=$(k3s kubectl get node \(name) -o jsonpath=\(taintPath) --request-timeout=20s)
            revision=${now%% *}
            taints=$(printf '%s' "${now#* }" | tr ' ' '\\n' | sort)
            [ "$taints" = \(seen) ] || { echo 'the taints have changed meanwhile' >&2; exit 1; }
            k3s kubectl patch node \(name) --type=merge -p \(before)"$revision"\(after)
            """
    }

    /// The version of the node, a space, and its taints with a space between them.
    private static let taintPath = "{.metadata.resourceVersion} {range .spec.taints[*]}{.key}={.value}:{.effect} {end}"
}
