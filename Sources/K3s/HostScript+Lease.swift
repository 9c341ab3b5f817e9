package import Shell

/// One writer per cluster, also across machines: a Kubernetes Lease. Only the server's clock decides when it expires.
extension HostScript {
    static let leaseName = "exedev-k8s"

    /// Acquires or renews the Lease for `seconds` unless another holder's has not expired; see `LeaseAnswer`. `resourceVersion` makes the
    /// write fail when another write came between.
    package static func holdLease(holder: String, seconds: Int) -> Script {
        seenLease(holder) + """
            if [ -n "$holder" ] && [ "$holder" != "$me" ]; then
                left=$(( $(date -d "$renewed" +%s || echo 0) + lasts - $(date +%s) ))
                [ "$left" -le 0 ] || { echo "lease=held $holder $left"; exit 0; }
            fi
            """ + putLease(seconds: seconds) + """
                if [ -z "$holder" ] || [ "$holder" = "$me" ]; then echo lease=ours; else echo "lease=taken $holder"; fi
                """
    }

    /// Releases the Lease, so that another machine need not wait; does nothing when it is not ours. `holderIdentity` stays: the next holder
    /// learns from it that another machine may have changed the cluster.
    package static func releaseLease(holder: String) -> Script {
        seenLease(holder) + #"[ "$holder" = "$me" ] || exit 0"# + putLease(seconds: 1, time: "-2 seconds")
    }

    private static func seenLease(_ me: String) -> Script {
        let fields =
            "jsonpath={.metadata.resourceVersion}|{.spec.holderIdentity}|{.spec.renewTime}|{.spec.leaseDurationSeconds}"
        return """
            me=\(me)
            seen=$(k3s kubectl -n kube-system get lease \(leaseName) --ignore-not-found -o \(fields) --request-timeout=10s)
            IFS='|' read -r version holder renewed lasts <<END
            $seen
            END
            """
    }

    private static func putLease(seconds: Int, time: String = "now") -> Script {
        let manifest =
            #"{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{%s"name":"\#(leaseName)","namespace":"kube-system"},"#
            + #""spec":{"holderIdentity":"%s","leaseDurationSeconds":\#(seconds),"renewTime":"%s"}}"#
        return """
            verb=create at=
            [ -z "$version" ] || { verb=replace; at="\\"resourceVersion\\":\\"$version\\","; }
            printf \(manifest) "$at" "$me" "$(date -u -d \(time) +%Y-%m-%dT%H:%M:%S.000000Z)" | k3s kubectl "$verb" -f - --request-timeout=10s >/dev/null
            """
    }
}

/// What `holdLease` printed.
package enum LeaseAnswer: Sendable, Hashable {
    /// Held by us. No other machine has held it since we last did.
    case ours
    /// Held by us now. Another machine held it before and may have changed anything.
    case taken(from: String)
    /// Held by another machine; `left` is the number of seconds until it expires.
    case held(by: String, left: Int)

    package static func parse(_ output: String) throws(ReadingError) -> LeaseAnswer {
        for line in output.split(whereSeparator: \.isNewline) where line.hasPrefix("lease=") {
            let words = line.dropFirst("lease=".count).split(separator: " ")
            if words == ["ours"] { return .ours }
            if words.count == 2, words[0] == "taken" { return .taken(from: OutsideText.line(String(words[1]))) }
            if words.count == 3, words[0] == "held", let left = Int(words[2]) {
                return .held(by: OutsideText.line(String(words[1])), left: left)
            }
        }
        throw ReadingError("the answer about the lease was not understood", in: output)
    }
}
