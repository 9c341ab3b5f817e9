package import Shell

/// Another release of k3s on a host that runs one.
extension HostScript {
    /// Part of the probe.
    static let otherBinaries = """
        if [ -x \(HostPath.stagedBinary) ]; then
            echo "staged-sha256=$(sha256sum \(HostPath.stagedBinary) | cut -d ' ' -f 1)"
            echo "staged=$(\(HostPath.stagedBinary) --version 2>/dev/null | head -n 1)"
        fi
        [ -x \(HostPath.formerBinary) ] && echo "former=$(\(HostPath.formerBinary) --version 2>/dev/null | head -n 1)"
        """

    /// Puts the verified binary beside the one that runs. What the host needs for the release is the same as when it was prepared.
    package static func stage(_ version: K3sVersion, expectedSHA256: String?, releases: ReleaseSource) -> Script {
        Script(lines: [
            alone, atomicWrite, tidy, "rm -f \(raw: HostPath.formerBinary)", room,
            binary(version, at: HostPath.stagedBinary, expectedSHA256, releases), durable,
        ])
    }

    /// The binary, and what it unpacks when it starts.
    private static let room: Script = """
        for place in /usr/local/bin /var/lib; do
            free=$(df -Pk "$place" | awk 'NR == 2 { print $4 }')
            [ "$free" -ge 524288 ] || refuse 74 "only $free KiB are free on $place"
        done
        """

    /// Puts the staged binary in place, keeps the one of before, and starts k3s without waiting for it. Run again, it starts k3s only where the
    /// binary is newer than the process: whatever was cut, the new k3s runs at last.
    /// The time of a rename shows at the file; a process that began in the same second began after it, for it was started by what renamed.
    package static func upgrade(_ role: Role, sha256: String) -> Script {
        alone + atomicWrite + """
            unit=\(role.unit)
            binary=\(raw: HostPath.binary)
            new=\(raw: HostPath.stagedBinary)
            digest() { [ -x "$1" ] && sha256sum "$1" | cut -d ' ' -f 1; }
            if [ "$(digest "$new")" = \(sha256) ]; then
                ln -f "$binary" \(raw: HostPath.formerBinary)
                : > "$restart"
                mv -fT "$new" "$binary"
            fi
            [ "$(digest "$binary")" = \(sha256) ] || refuse 91 'the staged k3s is not there any more'
            """ + durable + restartWhereOlder
    }

    /// Puts the former binary back and starts it.
    package static func revert() -> Script {
        alone + atomicWrite + """
            unit=\(Role.agent.unit)
            binary=\(raw: HostPath.binary)
            if [ -x \(raw: HostPath.formerBinary) ]; then
                : > "$restart"
                mv -fT \(raw: HostPath.formerBinary) "$binary"
            fi
            """ + durable + restartWhereOlder
    }

    private static let restartWhereOlder: Script = """
        began=$(systemctl show "$unit" --property=ExecMainStartTimestamp --value 2>/dev/null)
        began=$(date -d "${began:-@0}" +%s 2>/dev/null || echo 0)
        case $(systemctl is-active "$unit" || true) in
        active|activating) [ "$began" -ge "$(stat -c %Z "$binary")" ] || : > "$restart" ;;
        *) : > "$restart" ;;
        esac
        if [ -e "$restart" ]; then
            systemctl reset-failed "$unit" 2>/dev/null || true
            systemctl restart --no-block "$unit"
            rm -f "$restart"
        fi
        """
}
