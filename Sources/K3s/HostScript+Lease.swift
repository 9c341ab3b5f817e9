package import Shell

/// One writer per cluster, also across machines: a Kubernetes Lease. No clock but that of who waits for it decides when it is over: a lease whose
/// version has not moved for as long as it lasts is nobody's (facts/kubernetes.md #8).
extension HostScript {
    static let leaseName = "exedev-k8s"

    /// Acquires or renews the Lease unless another holder has it; see `LeaseAnswer`. `resourceVersion` makes the write fail when another write came
    /// between. A Lease that somebody deleted, or a database of before, knows no number that hosts know: the server's host keeps it too.
    package static func holdLease(holder: String, _ claim: LeaseClaim) -> Script {
        fenceFile + seenLease(holder) + """
            free=\(claim.expired.map { "\($0.holder)|\($0.version)" } ?? "")
            case $holder in
            ''|"$me") ;;
            *)
                # Who lets it go leaves one second.
                case $lasts in
                0|1) ;;
                *) [ "$holder|$version" = "$free" ] || { echo "lease=held $version ${lasts:-60} $holder"; exit 0; } ;;
                esac ;;
            esac
            cluster=$(cat \(raw: HostPath.cluster) 2>/dev/null || :)
            fence_lock
            if [ "$holder" != "$me" ] || [ "$number" != \(claim.number.map(String.init) ?? "") ]; then
                newest "$cluster"
                for known in "$newest" \(claim.above); do
                    [ "$number" -ge "$known" ] || number=$known
                done
                number=$((number + 1))
            fi

            """ + putLease(seconds: claim.seconds) + """
                [ -z "$cluster" ] || note "$cluster" "$number"
                if [ -z "$holder" ] || [ "$holder" = "$me" ]; then echo "lease=ours $number"; else echo "lease=taken $number $holder"; fi
                """
    }

    /// Releases the Lease, so that another machine need not wait; does nothing when it is not ours. `holderIdentity` stays: the next holder
    /// learns from it that another machine may have changed the cluster.
    package static func releaseLease(holder: String) -> Script {
        fenceFile + seenLease(holder) + #"[ "$holder" = "$me" ] || exit 0"# + putLease(seconds: 1)
    }

    private static func seenLease(_ me: String) -> Script {
        let fields =
            "jsonpath={.metadata.resourceVersion}|{.spec.holderIdentity}|{.spec.leaseDurationSeconds}|{.spec.leaseTransitions}"
        return """
            me=\(me)
            seen=$(k3s kubectl -n kube-system get lease \(leaseName) --ignore-not-found -o \(fields) --request-timeout=10s)
            IFS='|' read -r version holder lasts number <<END
            $seen
            END
            number=$(whole "$number")
            """
    }

    private static func putLease(seconds: Int) -> Script {
        let manifest =
            #"{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{%s"name":"\#(leaseName)","namespace":"kube-system"},"#
            + #""spec":{"holderIdentity":"%s","leaseDurationSeconds":\#(seconds),"renewTime":"%s","leaseTransitions":%s}}"#
        return """
            verb=create at=
            [ -z "$version" ] || { verb=replace; at="\\"resourceVersion\\":\\"$version\\","; }
            printf \(manifest) "$at" "$me" "$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)" "$number" | k3s kubectl "$verb" -f - --request-timeout=10s >/dev/null
            """
    }
}

/// How the Lease is asked for.
package struct LeaseClaim: Sendable, Hashable {
    /// For how long.
    package var seconds: Int
    /// The hold of another that may be taken.
    package var expired: LeaseHold?
    /// The fencing number under which it is ours; nil when it is not known to be, so that the number is raised.
    package var number: Int?
    /// A host has obeyed this number, so that a new one is higher.
    package var above: Int

    package init(seconds: Int, expired: LeaseHold? = nil, number: Int? = nil, above: Int = 0) {
        (self.seconds, self.expired, self.number, self.above) = (seconds, expired, number, above)
    }
}

/// What `holdLease` printed.
package enum LeaseAnswer: Sendable, Hashable {
    /// Held by us, under this fencing number. No other machine has held it since we last did.
    case ours(Int)
    /// Held by us now, under this fencing number. Another machine held it before and may have changed anything.
    case taken(from: String, Int)
    /// Another machine's, which lasts for so many seconds after each change of its version.
    case held(LeaseHold, lasts: Int)

    package static func parse(_ output: String) throws(ReadingError) -> LeaseAnswer {
        for line in output.split(whereSeparator: \.isNewline) where line.hasPrefix("lease=") {
            let words = line.dropFirst("lease=".count).split(separator: " ", maxSplits: 3)
            if words.count == 2, words[0] == "ours", let number = Int(words[1]) { return .ours(number) }
            if words.count >= 3, words[0] == "taken", let number = Int(words[1]) {
                return .taken(from: OutsideText.line(words[2...].joined(separator: " ")), number)
            }
            if words.count == 4, words[0] == "held", let lasts = Int(words[2]) {
                return .held(LeaseHold(holder: OutsideText.line(String(words[3])), version: String(words[1])), lasts: lasts)
            }
        }
        throw ReadingError("the answer about the lease was not understood", in: output)
    }
}

/// One hold of the Lease. Each renewal has another `resourceVersion`.
package struct LeaseHold: Sendable, Hashable {
    package var holder: String
    package var version: String

    package init(holder: String, version: String) { (self.holder, self.version) = (holder, version) }
}
