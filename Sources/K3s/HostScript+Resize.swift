package import Shell

/// Before a VM is reset.
extension HostScript {
    /// Part of the probe: k3s was stopped for a restart of the VM, which has not come.
    static let flushed = "[ -e \(HostPath.flushed) ] && echo 'flushed=yes'"

    /// Stops k3s, which stays enabled, ends its pods, and writes everything to the disk. The mark is in /run: a boot takes it away.
    package static func flush(_ role: Role) -> Script {
        alone + """
            rm -f \(raw: HostPath.flushed)
            systemctl stop \(role.unit)
            if [ -x /usr/local/bin/k3s-killall.sh ]; then
                /usr/local/bin/k3s-killall.sh >/dev/null 2>&1 || true
            fi
            sync
            : > \(raw: HostPath.flushed)
            """
    }
}
