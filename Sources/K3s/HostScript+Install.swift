package import Shell

/// k3s on a host that was prepared.
extension HostScript {
    /// Configures k3s, lets the installer write its unit, and starts it without waiting for it.
    package static func install(_ setup: NodeSetup, serverToken: SecretName?, agentToken: SecretName) -> Script {
        // Of a founder once more: the file may have come to ask for other ranges since the host was prepared.
        let founding: Script =
            setup.role == .agent
            ? ":"
            : Script(lines: [
                "if [ ! -d /var/lib/rancher/k3s/server/db ]; then", routes(setup.clusterCIDR, setup.serviceCIDR), "else", unchanged(setup),
                "fi",
            ])
        return Script(lines: [
            alone, atomicWrite, Script(raw: comparisons), belongs(to: setup.clusterID), nothingBeside, founding,
            joinable(setup), files(setup, serverToken, agentToken), unit(setup), written(setup.role), durable, start,
        ])
    }

    /// k3s would take arguments of others too, and might not come up with them: the operator decides first.
    private static let nothingBeside = Script(
        raw: """
            beside=$(
            set +e
            \(foreignFiles)
            exit 0
            )
            [ -z "$beside" ] || refuse 86 "k3s takes arguments from $(printf '%s' "$beside" | sed 's/^foreign=//' | tr '\\n' ' ' | sed 's/ $//') too"
            """)

    /// What a cluster keeps from its founding on is never written over, whatever an edited ledger says. A file that was edited since k3s started
    /// with it is no evidence: it is put right.
    private static func unchanged(_ setup: NodeSetup) -> Script {
        """
        new=$(printf '%s' \(setup.configFile()))
        config=\(raw: HostPath.config)
        keys='cluster-cidr service-cidr cluster-dns cluster-domain flannel-backend secrets-encryption'
        if [ -f \(raw: HostPath.started) ]; then
            while read -r sum file; do
                if [ "$file" = "$config" ] && ! same "$sum" "$file"; then keys=; fi
            done <\(raw: HostPath.started)
        fi
        for key in $keys; do
            old=$(sed -n "s/^$key: //p" "$config" 2>/dev/null | tr -d '"')
            now=$(printf '%s\\n' "$new" | sed -n "s/^$key: //p" | tr -d '"')
            [ -z "$old" ] || [ -z "$now" ] || [ "$old" = "$now" ] \\
                || refuse 85 "the cluster was founded with $key $old, and the ledger says $now"
        done
        """
    }

    private static let installerUnit = "exedev-k8s-install.service"

    private static func files(_ setup: NodeSetup, _ serverToken: SecretName?, _ agentToken: SecretName) -> Script {
        // Joiners send the long form, which makes them check the server's CA first; the founder takes only the short one (facts/k3s.md §4).
        let token: Script =
            setup.role == .agent && setup.caHash != nil
            ? "printf 'K10%s::node:%s' \(setup.caHash ?? "") \(secret: agentToken) | put \(raw: HostPath.agentToken) 600"
            : "printf '%s' \(secret: agentToken) | put \(raw: HostPath.agentToken) 600"
        // What founds, or has founded, keeps the short one: another text is another file to k3s.
        let server: Script =
            serverToken.map { name in
                setup.caHash.map { "printf 'K10%s::server:%s' \($0) \(secret: name) | put \(raw: HostPath.token) 600" }
                    ?? "printf '%s' \(secret: name) | put \(raw: HostPath.token) 600"
            } ?? ":"
        return Script(lines: [
            "printf '%s' \(setup.clusterID) | put \(raw: HostPath.cluster) 600", server, token,
            "printf '%s' \(setup.configFile()) | put \(raw: HostPath.config) 600", Registries.script(setup.registries),
            "printf '%s' \(waitOverlay(setup)) | put \(raw: HostPath.waitOverlay) 755",
            "chmod 755 /usr/local/libexec /usr/local/libexec/exedev-k8s",
            "printf '%s' \(dropIn) | put \("/etc/systemd/system/" + setup.role.unit + ".service.d/10-exedev.conf") 644",
        ])
    }

    private static let dropIn = """
        [Unit]
        Wants=tailscaled.service
        After=tailscaled.service
        [Service]
        ExecStartPre=\(HostPath.waitOverlay)

        """

    /// The installer removes the unit before it writes it: it runs apart from the SSH session, so that a cut cannot leave none. One that a cut
    /// script began is waited for.
    private static func unit(_ setup: NodeSetup) -> Script {
        """
        unit=\(setup.role.unit)
        for try in $(seq 1 60); do
            systemctl is-active --quiet \(raw: installerUnit) || break
            sleep 1
        done
        \(intact)
        if [ -f "/etc/systemd/system/$unit.service" ] && intact; then
            systemctl is-enabled --quiet "$unit" || systemctl enable --quiet "$unit" 2>/dev/null || true
        fi
        if [ ! -f "/etc/systemd/system/$unit.service" ] || ! systemctl is-enabled --quiet "$unit" || ! intact; then
            systemd-run --collect --wait --quiet --unit=\(raw: installerUnit) -E INSTALL_K3S_SKIP_DOWNLOAD=true -E INSTALL_K3S_SKIP_START=true \\
                \(words: setup.role == .agent ? ["-E", "K3S_URL=https://\(setup.serverAddress ?? ""):6443", "-E", "K3S_TOKEN_FILE=\(HostPath.agentToken)"] : []) \\
                sh \(raw: HostPath.installer) \(setup.role.rawValue) || refuse 81 'the k3s installer failed'
            : > "$restart"
        fi
        [ -f "/etc/systemd/system/$unit.service" ] || refuse 81 'the k3s installer left no unit'
        systemctl is-enabled --quiet "$unit" || refuse 81 'the k3s installer did not enable the unit'
        """
    }

    /// Where k3s runs with other files than those that are there, or systemd has other arguments, it is started again.
    private static let start: Script = """
        if outdated || astray "$unit"; then : > "$restart"; fi
        systemctl daemon-reload
        case $(systemctl is-active "$unit" || true) in
        active|activating) ;;
        *)
            systemctl reset-failed "$unit" 2>/dev/null || true
            : > "$restart" ;;
        esac
        if [ -e "$restart" ]; then
            rm -f \(raw: HostPath.started)
            systemctl restart --no-block "$unit"
            rm -f "$restart"
        fi
        """
}
