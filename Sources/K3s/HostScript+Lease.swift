package import Shell

/// One writer per cluster, also across machines: a Lease of Kubernetes itself. The server's clock judges it, for asking and answering alike.
extension HostScript {
    static let leaseName = "exedev-k8s"

    /// Takes or renews the Lease for `seconds` unless somebody else's is still good; see `LeaseAnswer`. The object's version makes the
    /// write fail when another one came between.
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

    /// Lets go, so that another machine need not wait; does nothing when it is not ours. The name of who held it last stays: whoever takes it
    /// next learns that somebody else was at work.
    package static func releaseLease(holder: String) -> Script {
        seenLease(holder) + #"[ "$holder" = "$me" ] || exit 0"# + putLease(seconds: 1, time: "-2 seconds")
    }

    private static func seenLease(_ me: String) -> Script {
        let fields =
            "jsonpath={.metadata.resourceVersion}|{.spec.holderIdentity}|{.spec.renewTime}|{.spec.leaseDurationSeconds}"
        return """
            me=\(me)
            seen=$(k3s kubectl -n kube-system get lease \(leaseName) --ignore-not-found -o \(fields))
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
            printf \(manifest) "$at" "$me" "$(date -u -d \(time) +%Y-%m-%dT%H:%M:%S.000000Z)" | k3s kubectl "$verb" -f - >/dev/null
            """
    }
}

/// What `holdLease` printed.
package enum LeaseAnswer: Sendable, Hashable {
    /// And nobody else's since it was ours before, if it was.
    case ours
    /// Ours now; the last to hold it was somebody else, who may have changed anything.
    case taken(from: String)
    /// Somebody else's is good for so many more seconds.
    case held(by: String, left: Int)

    package static func parse(_ output: String) throws(ReadingError) -> LeaseAnswer {
        for line in output.split(whereSeparator: \.isNewline) where line.hasPrefix("lease=") {
            let words = line.dropFirst("lease=".count).split(separator: " ")
            if words == ["ours"] { return .ours }
            if words.count == 2, words[0] == "taken" { return .taken(from: String(words[1])) }
            if words.count == 3, words[0] == "held", let left = Int(words[2]) { return .held(by: String(words[1]), left: left) }
        }
        throw ReadingError("the answer about the lease was not understood", in: output)
    }
}
