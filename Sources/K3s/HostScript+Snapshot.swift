package import Shell

/// A copy of the cluster's datastore.
extension HostScript {
    /// Prints the copy behind a header (`SnapshotReading`). sqlite is copied while k3s stands still, which starts again whatever becomes of the script;
    /// pods run on meanwhile. The token that a restore needs is in the state directory (facts/k3s.md §5.4).
    package static func snapshot() -> Script {
        alone + atomicWrite
            + Script(
                raw: """
                    data=/var/lib/rancher/k3s/server
                    folder=/var/lib/exedev-k8s/snapshot
                    [ -d "$data/db" ] || refuse 92 'the server has no datastore'
                    rm -rf "$folder"
                    mkdir -p "$folder"
                    trap 'rm -rf "$folder"; systemctl start --no-block k3s </dev/null' EXIT
                    trap 'exit 143' HUP INT PIPE TERM
                    need=$(du -sk "$data/db" | cut -f 1)
                    free=$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')
                    [ "$free" -gt "$need" ] || refuse 74 "only $free KiB are free on $folder, and the datastore has $need"
                    if [ -d "$data/db/etcd" ]; then
                        k3s etcd-snapshot save --name exedev-k8s --etcd-snapshot-dir "$folder" >&2
                        copy=$(find "$folder" -type f | head -n 1)
                        kind=etcd
                    else
                        systemctl stop k3s
                        tar -C "$data" -czf "$folder/db.tar.gz" db
                        systemctl start --no-block k3s
                        copy=$folder/db.tar.gz
                        kind=sqlite
                    fi
                    [ -s "$copy" ] || { echo 'the copy is empty' >&2; exit 1; }
                    echo "kind=$kind"
                    echo "sha256=$(sha256sum "$copy" | cut -d ' ' -f 1)"
                    echo "bytes=$(wc -c <"$copy")"
                    echo
                    cat "$copy"
                    """)
    }

    /// What Live answers with once the copy is on the disk, and what of it the ledger keeps.
    package static func stored(snapshot file: String) -> String { "snapshot=\(file)\n" }

    package static func snapshotFile(in output: String) -> String? {
        output.split(separator: "\n").first { $0.hasPrefix("snapshot=") }.map { String($0.dropFirst("snapshot=".count)) }
    }
}

/// A copy of a datastore as a server printed it.
package struct SnapshotReading: Sendable {
    package enum Kind: String, Sendable {
        /// A tar archive of the folder `db`.
        case sqlite
        /// What `k3s server --cluster-reset-restore-path` takes.
        case etcd
    }

    package let kind: Kind
    /// As the server counted it, for the reader to compare.
    package let sha256: String
    package let bytes: ArraySlice<UInt8>

    /// `output`: all that the command printed. Throws when it is cut or is not an answer of ours.
    package init(_ output: [UInt8]) throws(ReadingError) {
        guard let body = HostScript.output(in: output) else { throw ReadingError("the snapshot has no beginning") }
        guard let end = body.indices.dropLast().first(where: { body[$0] == 10 && body[$0 + 1] == 10 }) else {
            throw ReadingError("the snapshot has no header")
        }
        var fields: [Substring: Substring] = [:]
        for line in String(decoding: body[..<end], as: UTF8.self).split(separator: "\n") {
            let halves = line.split(separator: "=", maxSplits: 1)
            if halves.count == 2 { fields[halves[0]] = halves[1] }
        }
        bytes = body[(end + 2)...]
        guard let kind = fields["kind"].flatMap({ Kind(rawValue: String($0)) }), let digest = fields["sha256"], let size = fields["bytes"],
            Int(size.filter { $0 != " " }) == bytes.count
        else { throw ReadingError("the snapshot is cut short") }
        (self.kind, sha256) = (kind, String(digest))
    }
}
