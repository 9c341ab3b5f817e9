import Shell

/// How a probe sees what somebody changed: an install writes down the checksums of its files, the unit notes with which ones k3s starts.
extension HostScript {
    /// What a probe compares with what is there.
    static func written(_ role: Role) -> Script {
        let place = "/etc/systemd/system/" + role.unit + ".service"
        return """
            set -- \(place) \(place + ".env") \(place + ".d/10-exedev.conf") \(raw: HostPath.waitOverlay) \(raw: HostPath.agentToken)
            [ \(role.rawValue) = agent ] || set -- "$@" \(raw: HostPath.token)
            [ -f "$2" ] || { first=$1; shift 2; set -- "$first" "$@"; }
            sha256sum "$@" | put \(raw: HostPath.written) 600
            """
    }

    /// `intact`: whether the unit is as the installer wrote it; true where no install has written checksums yet.
    static let intact: Script = """
        intact() {
            [ ! -f \(raw: HostPath.written) ] || {
                lines=$(grep -F " /etc/systemd/system/$unit.service" \(raw: HostPath.written) | grep -vF .service.d/) || return 1
                printf '%s\\n' "$lines" | sha256sum --check --status 2>/dev/null
            }
        }
        """

    /// Which of these files are not as they were, and whether k3s runs with others; part of the probe.
    static let changes = """
        if [ -f \(HostPath.written) ]; then
            sha256sum --check --quiet \(HostPath.written) 2>/dev/null | sed -n 's/^\\(.*\\): FAILED.*$/changed=\\1/p'
        fi
        [ -f \(HostPath.started) ] && ! sha256sum --check --status \(HostPath.started) 2>/dev/null && echo 'outdated=yes'
        """

    /// Files that change k3s's arguments and that this program does not write: they would win over `config`. A drop-in that sets none stays.
    static let foreignFiles = """
        foreign() { printf 'foreign=%s\\n' "$(printf '%s' "$1" | tr '\\n' '?')"; }
        for file in \(HostPath.configFolder)/*.yaml \(HostPath.configFolder)/*.yml; do
            [ -e "$file" ] && foreign "$file"
        done
        for place in /etc/systemd/system /etc/systemd/system.control /run/systemd/system; do
            for file in "$place"/k3s.service.d/*.conf "$place"/k3s-agent.service.d/*.conf; do
                [ "${file##*/}" = 10-exedev.conf ] && continue
                grep -qE '^[[:space:]]*(ExecStart|EnvironmentFile)[[:space:]]*=|K3S_' "$file" 2>/dev/null && foreign "$file"
            done
        done
        for file in /etc/default/k3s /etc/default/k3s-agent /etc/sysconfig/k3s /etc/sysconfig/k3s-agent; do
            grep -q '^[[:space:]]*K3S_' "$file" 2>/dev/null && foreign "$file"
        done
        """
}
