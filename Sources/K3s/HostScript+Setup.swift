package import Shell

/// What a bare host needs to be ready for k3s.
package struct HostPreparation: Sendable, Hashable {
    /// The VM's name, and its name in the overlay network.
    package var node: String
    package var role: Role
    package var version: K3sVersion
    /// The digest that an earlier host verified; nil on the first one.
    package var expectedSHA256: String?
    package var clusterID: String
    package var clusterCIDR: String
    package var serviceCIDR: String
    package var overlay: OverlayLogin

    package init(
        node: String, role: Role, version: K3sVersion, expectedSHA256: String?, clusterID: String, clusterCIDR: String,
        serviceCIDR: String, overlay: OverlayLogin = OverlayLogin()
    ) {
        (self.node, self.role, self.version, self.expectedSHA256) = (node, role, version, expectedSHA256)
        (self.clusterID, self.clusterCIDR, self.serviceCIDR) = (clusterID, clusterCIDR, serviceCIDR)
        self.overlay = overlay
    }
}

extension HostScript {
    /// Checks the host, joins it to the overlay, stages a verified binary and the installer of the same release. `controllerTime`: seconds since
    /// 1970; a host's clock may differ by 300 s.
    package static func prepare(
        _ host: HostPreparation, releases: ReleaseSource, authKey: SecretName, controllerTime: Int
    ) -> Script {
        Script(lines: [
            alone, atomicWrite, tidy, preflight(host, controllerTime), routes(host.clusterCIDR, host.serviceCIDR),
            overlay(host, authKey),
            binary(host.version, at: HostPath.binary, host.expectedSHA256, releases), installer(host, releases), durable,
        ])
    }

    /// The digest of the binary that `prepare` staged, as it printed it.
    package static func stagedDigest(in output: String) -> String? {
        let prefix = "\(digestKey)="
        return output.split(whereSeparator: \.isNewline).first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }

    private static let digestKey = "k3s-sha256"

    /// What a script reports as done outlasts a power cut, which exe.dev's `restart` is: it syncs nothing in the guest (facts/exedev.md §1.2, §8.8).
    static let durable = Script(raw: "sync -f / 2>/dev/null || sync")

    /// One script at a time: one whose connection was cut, or one of another machine, may still run here. The kernel releases the lock when its
    /// process ends. `flock` is part of util-linux; Debian and Ubuntu always have it.
    static let alone = alone(holding: "\(raw: HostPath.lock)", seconds: 60, "another script is at work on this host")

    /// One script at a time changes this node in the cluster, on its server: the drain of a connection that was cut must not go on beside
    /// the uncordon of the next one. The wait and the step fit into the step's deadline.
    static func alone(on node: String) -> Script {
        Script(lines: [
            "umask 077", "mkdir -p \(raw: HostPath.nodeLocks)",
            alone(
                holding: "\(raw: HostPath.nodeLocks)/\(node + ".lock")", seconds: 20,
                "another script is at work on the node \(node) here"),
        ])
    }

    private static func alone(holding file: Script, seconds: Int, _ words: String) -> Script {
        """
        umask 077
        if command -v flock >/dev/null; then
            exec 9>>\(file)
            flock -w \(seconds) 9 || { echo \(words) >&2; exit 1; }
        fi
        obey || exit $?
        """
    }

    /// `put FILE MODE`: replaces FILE with standard input by rename and, if k3s takes something else from it now, marks k3s for a restart. The mark
    /// is a file in /run: a variable would be lost in a pipeline or when the script is cut before the restart; a boot starts k3s anyway. Our own
    /// script runs at the next start.
    static let atomicWrite = Script(
        raw: """
            LC_ALL=C; export LC_ALL
            umask 077
            restart=/run/exedev-k8s-restart
            \(meaning)
            put() {
                mkdir -p "$(dirname "$1")"
                cat > "$1.exedev-new"
                if [ -f "$1" ] && cmp -s "$1" "$1.exedev-new"; then
                    chown 0:0 "$1"
                    chmod "$2" "$1"
                    rm -f "$1.exedev-new"
                else
                    case $1 in
                    \(HostPath.waitOverlay)|\(HostPath.written)) ;;
                    *) [ -f "$1" ] && [ "$(plain "$1")" = "$(plain "$1.exedev-new" "$1")" ] || : > "$restart" ;;
                    esac
                    chmod "$2" "$1.exedev-new"
                    mv -fT "$1.exedev-new" "$1"
                fi
            }
            refuse() { printf '%s\\n' "$2" >&2; exit "$1"; }
            """)

    /// dash runs no exit trap when a signal ends it.
    static let tidy = Script(
        raw: """
            key=/run/exedev-k8s-overlay-key
            trap 'rm -f "$key" \(HostPath.newBinary) \(HostPath.newInstaller)' EXIT
            trap 'exit 143' HUP INT PIPE TERM
            """)

    private static func preflight(_ host: HostPreparation, _ controllerTime: Int) -> Script {
        let other: Role = host.role == .server ? .agent : .server
        return """
            [ "$(uname -m)" = x86_64 ] || refuse 70 "the host is $(uname -m), not x86_64"
            [ -d /run/systemd/system ] || refuse 71 'the host does not run systemd'
            command -v curl >/dev/null || refuse 72 'the host lacks curl'
            command -v tailscale >/dev/null || refuse 73 'the host lacks tailscale'
            mkdir -p /usr/local/bin 2>/dev/null || :
            [ -w /usr/local/bin ] || refuse 84 '/usr/local/bin cannot be written'
            free=$(df -Pk /var/lib | awk 'NR == 2 { print $4 }')
            [ "$free" -ge 1048576 ] || refuse 74 "only $free KiB are free on /var/lib"
            skew=$(( $(date +%s) - \(controllerTime) ))
            [ "$skew" -lt 300 ] && [ "$skew" -gt -300 ] || refuse 75 "the host's clock differs by $skew s"
            \(belongs(to: host.clusterID))
            if [ -f \("/etc/systemd/system/" + other.unit + ".service") ]; then
                refuse 77 \("the host is set up as " + (other == .server ? "a server" : "an agent"))
            fi
            """
    }

    /// Nothing is written over what another ledger set up.
    static func belongs(to clusterID: String) -> Script {
        """
        if [ -f \(raw: HostPath.cluster) ] && [ "$(cat \(raw: HostPath.cluster))" != \(clusterID) ]; then
            refuse 76 "the host belongs to another cluster"
        fi
        """
    }

    /// A cluster whose ranges overlap a network of the host cuts that host off as soon as the first pod starts (facts/k3s.md §0). The
    /// bridges of an earlier k3s are no networks of the host.
    static func routes(_ clusterCIDR: String, _ serviceCIDR: String) -> Script {
        let ranges = clusterCIDR + " " + serviceCIDR
        return """
            clash=$(ip -4 route show | awk -v ranges=\(ranges) '
                function low(range, part, byte) {
                    split(range, part, "/"); split(part[1], byte, ".")
                    return ((byte[1] * 256 + byte[2]) * 256 + byte[3]) * 256 + byte[4]
                }
                function size(range, part) { return split(range, part, "/") == 2 ? 2 ^ (32 - part[2]) : 1 }
                / dev (cni0|flannel)/ { next }
                $1 ~ /^[0-9]/ {
                    count = split(ranges, list, " ")
                    for (i = 1; i <= count; i++)
                        if (low($1) < low(list[i]) + size(list[i]) && low(list[i]) < low($1) + size($1))
                            print list[i] " overlaps the route " $1
                }')
            [ -z "$clash" ] || refuse 82 "$(printf '%s' "$clash" | head -n 1) of the host"
            """
    }

    /// A host's names are resolved as before: MagicDNS would stand between it and its images. What an earlier `up` set is no reason to refuse this
    /// one. Machines of an OAuth client would be ephemeral, and those lose their address.
    private static func overlay(_ host: HostPreparation, _ authKey: SecretName) -> Script {
        let tags = host.overlay.tags.isEmpty ? [] : ["--advertise-tags=" + host.overlay.tags.joined(separator: ",")]
        let flags = ["--hostname=" + host.node] + tags + (host.overlay.controlURL.map { ["--login-server=" + $0] } ?? [])
        return """
            systemctl enable --now tailscaled
            if ! tailscale ip -4 >/dev/null 2>&1; then
                printf '%s' \(secret: authKey) > "$key"
                case $(cat "$key") in
                tskey-client-*'?'*) ;;
                tskey-client-*) printf '?ephemeral=false&preauthorized=true' >> "$key" ;;
                esac
                timeout --foreground 120 tailscale up --reset --auth-key="file:$key" --accept-dns=false --accept-routes=false \(words: flags) \\
                    || refuse \(Int(OverlayRefusal.status)) 'tailscale up failed'
                rm -f "$key"
            fi
            address=$(tailscale ip -4 | head -n 1)
            [ -n "$address" ] || refuse \(Int(OverlayRefusal.status)) 'the overlay has no address'
            echo "overlay-address=$address"
            """
    }

    private static func base(_ url: String, _ version: K3sVersion) -> String {
        url + "/" + version.description.split(separator: "+").joined(separator: "%2B")
    }

    /// The verified binary of a release, at this place. `expected`: what an earlier host verified.
    static func binary(_ version: K3sVersion, at place: String, _ expected: String?, _ releases: ReleaseSource) -> Script {
        """
        binary=\(raw: place)
        new=\(raw: HostPath.newBinary)
        expected=\(expected ?? "")
        release=\(base(releases.binaries, version))
        have=$( [ -x "$binary" ] && sha256sum "$binary" | cut -d ' ' -f 1 || true )
        if [ -z "$expected" ] || [ "$have" != "$expected" ]; then
            published=$(curl -fsSL --retry 3 --max-time 60 "$release/sha256sum-amd64.txt" | awk '$2 == "k3s" { print $1 }') || published=
            [ -n "$published" ] || refuse 79 "no checksum at $release"
            if [ -n "$expected" ] && [ "$published" != "$expected" ]; then
                refuse 80 "the release's checksum is $published and was $expected on an earlier host"
            fi
            if [ "$have" != "$published" ]; then
                mkdir -p /usr/local/bin
                curl -fsSL --retry 3 --max-time 500 -o "$new" "$release/k3s" || refuse 79 "no binary at $release"
                have=$(sha256sum "$new" | cut -d ' ' -f 1)
                [ "$have" = "$published" ] || refuse 80 "the binary's checksum is $have, the release says $published"
                chmod 755 "$new"
                mv -f "$new" "$binary"
            fi
        fi
        echo "\(raw: digestKey)=$have"
        """
    }

    private static func installer(_ host: HostPreparation, _ releases: ReleaseSource) -> Script {
        """
        installer=\(raw: HostPath.installer)
        new=\(raw: HostPath.newInstaller)
        mkdir -p "$(dirname "$installer")"
        curl -fsSL --retry 3 --max-time 60 -o "$new" \(base(releases.installers, host.version) + "/install.sh") \\
            || refuse 79 'no installer for the release'
        sh -n "$new" || refuse 80 'the installer is cut short'
        chmod 700 "$new"
        cmp -s "$installer" "$new" || mv -f "$new" "$installer"
        printf '%s' \(host.clusterID) | put \(raw: HostPath.cluster) 600
        """
    }
}
