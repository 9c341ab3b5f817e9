package import Shell

/// What is done to one node in the cluster, by kubectl on its server, one script a node at a time (`alone`).
extension HostScript {
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
        return alone(on: node) + keepCurrent + forgetting(node, seconds: 25)
    }

    private static func forgetting(_ node: String, seconds: Int) -> Script {
        """
        k3s kubectl delete node \(node) --ignore-not-found --timeout=\(seconds)s
        k3s kubectl -n kube-system delete secret \(node + ".node-password.k3s") --ignore-not-found --timeout=25s
        """
    }

    private static let addressPath = "{.status.addresses[?(@.type==\"InternalIP\")].address}"

    /// `mark`: the annotation that records that this program set the cordon, or that it found one, which is somebody else's to lift.
    package static func cordon(name: String, mark: String) -> Script { alone(on: name) + cordoning(name, mark) }

    private static func cordoning(_ name: String, _ mark: String) -> Script {
        """
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

    /// Cordons a node under the mark of maintenance, then drains it for 20 s as `drain` does, and prints the same.
    package static func evacuate(name: String, mark: String, drains: Bool, force: Bool, deleteEmptyDir: Bool) -> Script {
        let nothing = Script(raw: "printf '%s\\n' '\(Sections.begin("drain"))' state=drained '\(Sections.end("drain"))'")
        return alone(on: name) + cordoning(name, mark)
            + (drains ? draining(name, isSilent: false, force: force, deleteEmptyDir: deleteEmptyDir) : nothing)
    }

    /// Lifts the cordon of a maintenance where it is ours. `isServer`: the script runs on the node itself, whose API must be ready.
    package static func endMaintenance(name: String, mark: String, isServer: Bool) -> Script {
        let ready: Script = isServer ? "k3s kubectl get --raw=/readyz --request-timeout=10s >/dev/null" : ":"
        return alone(on: name) + ready + """
            seen=$(k3s kubectl get node \(name) -o \(cordonPath(mark)) --request-timeout=20s)
            [ "${seen#*'|'}" != yes ] || k3s kubectl uncordon \(name) --request-timeout=20s
            k3s kubectl annotate node \(name) \(mark + "-") --request-timeout=20s
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
        alone(on: name) + draining(name, isSilent: isSilent, force: force, deleteEmptyDir: deleteEmptyDir)
    }

    private static func draining(_ name: String, isSilent: Bool, force: Bool, deleteEmptyDir: Bool) -> Script {
        let data: Script = deleteEmptyDir ? " --delete-emptydir-data" : ""
        let forced: Script = force ? " --force" : ""
        let skip: Script = isSilent ? " --skip-wait-for-delete-timeout=60" : ""
        return """
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

    /// Deletes the node and its password, and makes sure that the node is gone. `ifSilent`: fails if the kubelet
    /// still reports, because its pods run on and it would register the node again.
    package static func deleteNode(name: String, ifSilent: Bool, seconds: Int = 25) -> Script {
        let proof: Script = """
            ready=$(k3s kubectl get node \(name) --ignore-not-found -o jsonpath=\(readyPath) --request-timeout=20s)
            [ -z "$ready" ] || [ "$ready" = Unknown ] || { echo 'the node is alive' >&2; exit 1; }

            """
        return alone(on: name) + (ifSilent ? proof : "") + forgetting(name, seconds: seconds) + """
            left=$(k3s kubectl get node \(name) --ignore-not-found -o name --request-timeout=20s)
            [ -z "$left" ] || { echo 'the node is still there' >&2; exit 1; }
            """
    }

    private static let readyPath = "{.status.conditions[?(@.type==\"Ready\")].status}"

    /// Labels, taints and annotations in one patch. A nil label is removed; nil taints stay as they are. Taints are replaced as a whole, so the
    /// patch names the very node that still has those which were seen: whatever a controller or a person changed meanwhile stays.
    package static func patchNode(
        name: String, labels: [String: String?], taints: (from: [Taint], to: [Taint])?, annotations: [String: String]
    ) -> Script {
        let quoted = NodeSetup.doubleQuoted
        let labelText = labels.keys.sorted().map { key in quoted(key) + ":" + (labels[key]!.map(quoted) ?? "null") }.joined(separator: ",")
        let noteText = annotations.keys.sorted().map { quoted($0) + ":" + quoted(annotations[$0]!) }.joined(separator: ",")
        let metadata = "\"labels\":{\(labelText)},\"annotations\":{\(noteText)}"
        guard let taints else {
            return alone(on: name) + "k3s kubectl patch node \(name) --type=merge -p \("{\"metadata\":{\(metadata)}}")"
        }
        let seen = taints.from.map(spelled).sorted().joined(separator: "\n")
        let (before, after) = ("{\"metadata\":{\"resourceVersion\":\"", "\",\(metadata)},\"spec\":{\"taints\":[")
        // Of a taint that stays the API server keeps no time by itself, and evictions count from it (facts/kubernetes.md, 12).
        let list = taints.to.enumerated().reduce("" as Script) { list, next in
            let taint = next.element
            let value = taint.value.isEmpty ? "" : ",\"value\":" + quoted(taint.value)
            let head = "{\"key\":" + quoted(taint.key) + value + ",\"effect\":" + quoted(taint.effect.rawValue)
            return "\(list)\(next.offset == 0 ? head : "," + head)\"$(added \(spelled(taint)))\"\("}")"
        }
        return alone(on: name) + """
            LC_ALL=C; export LC_ALL
            now=$(k3s kubectl get node \(name) -o jsonpath=\(taintPath) --request-timeout=20s)
            revision=${now%% *}
            times=$(printf '%s' "${now#* }" | tr ' ' '\\n')
            taints=$(printf '%s\\n' "$times" | sed 's/@[^@]*$//' | sort)
            [ "$taints" = \(seen) ] || { echo 'the taints have changed meanwhile' >&2; exit 1; }
            added() {
                printf '%s\\n' "$times" | while IFS= read -r taint; do
                    [ "${taint%@*}" != "$1" ] || [ -z "${taint##*@}" ] || printf ',"timeAdded":"%s"' "${taint##*@}"
                done
            }
            k3s kubectl patch node \(name) --type=merge -p \(before)"$revision"\(after)\(list)\("]}}")
            """
    }

    private static func spelled(_ taint: Taint) -> String { "\(taint.key)=\(taint.value):\(taint.effect.rawValue)" }

    /// The version of the node, a space, and its taints with a space between them, each with the time at which it was added.
    private static let taintPath = "{.metadata.resourceVersion} {range .spec.taints[*]}{.key}={.value}:{.effect}@{.timeAdded} {end}"
}
