import Shell

/// How a probe sees what somebody changed: an install writes down the checksums of its files, the unit notes what k3s starts with.
extension HostScript {
    /// What a probe compares with what is there.
    static func written(_ role: Role) -> Script {
        let place = "/etc/systemd/system/" + role.unit + ".service"
        return """
            set -- \(place) \(place + ".env") \(place + ".d/10-exedev.conf") \(raw: HostPath.waitOverlay) \(raw: HostPath.agentToken)
            [ \(role.rawValue) = agent ] || set -- "$@" \(raw: HostPath.token)
            [ -f "$2" ] || { first=$1; shift 2; set -- "$first" "$@"; }
            if grep -q '^\(raw: Registries.mark)' \(raw: HostPath.registries) 2>/dev/null; then
                set -- "$@" \(raw: HostPath.registries)
                for file in \(raw: HostPath.registryFolder)/*; do
                    if [ -f "$file" ]; then set -- "$@" "$file"; fi
                done
            fi
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

    /// What changes k3s's arguments in a drop-in, and in a file of variables.
    private static let touching = "^[[:space:]]*(ExecStart|EnvironmentFile)[[:space:]]*=|^[[:space:]]*([^#;[:space:]].*)?K3S_"
    private static let variables = "^[[:space:]]*K3S_"

    /// `settings FILE`: a configuration without comments, without taints, which count when a node first registers (facts/k3s.md §7), and without
    /// the server to join, which a member needs no more (§5.6).
    /// `plain FILE [PLACE]`: a digest of what k3s takes from a file (that is to stand at PLACE): one that is the same is no reason to start k3s again.
    static let meaning = """
        untainted() { awk '/^[ \\t]*(#|$)/ { next } /^node-taint:/ { taints = 1; next } taints && /^[ \\t]*- / { next } { taints = 0; print }' "$1"; }
        settings() { untainted "$1" | awk '!/^(server|cluster-init):/'; }
        digest() { sha256sum | cut -d ' ' -f 1; }
        plain() {
            case ${2:-$1} in
            \(HostPath.config)) settings "$1" ;;
            \(HostPath.configFolder)/*|\(HostPath.registries)|*.service) grep -vE '^[[:space:]]*([#;]|$)' "$1" ;;
            /etc/default/*|/etc/sysconfig/*|*.env) grep '\(variables)' "$1" ;;
            */10-exedev.conf) cat "$1" ;;
            *.conf) grep -E '\(touching)' "$1" ;;
            *) cat "$1" ;;
            esac 2>/dev/null | digest
        }
        """

    /// `inputs UNIT`: the files that k3s takes arguments from, as systemd has read them.
    static let inputs = """
        inputs() {
            printf '%s\\n' \(HostPath.config) \(HostPath.configFolder)/*.yaml \(HostPath.configFolder)/*.yml \(HostPath.registries) \\
                $(systemctl show "$1" --property=FragmentPath,DropInPaths --value 2>/dev/null) \\
                "/etc/systemd/system/$1.service" "/etc/systemd/system/$1.service.env" "/etc/default/$1" "/etc/sysconfig/$1" | sort -u
        }
        """

    /// k3s exits for good when its interface has no address yet, and the unit has no order on tailscaled (facts/k3s.md §14.0).
    static func waitOverlay(_ setup: NodeSetup) -> String {
        """
        #!/bin/sh
        # Notes what k3s starts with, then waits until the overlay has its address, 60 s at most.
        umask 077
        LC_ALL=C; export LC_ALL
        \(meaning)
        \(inputs)
        inputs \(setup.role.unit) | while read -r file; do
            printf '%s  %s\\n' "$(plain "$file")" "$file"
        done >\(HostPath.started)
        for try in $(seq 1 120); do
            ip -4 -o addr show dev \(setup.overlayInterface) 2>/dev/null | grep -qF ' \(setup.overlayAddress)/' && exit 0
            sleep 0.5
        done
        echo 'the overlay has no address \(setup.overlayAddress)' >&2
        exit 1

        """
    }

    /// `same SUM FILE`: k3s takes what it took from FILE; an earlier release noted the digests of bytes. `outdated`: k3s was started with others.
    /// `astray UNIT`: systemd starts it with other arguments than ours. k3s hides those of its process (facts/k3s.md §1.4).
    static let comparisons = """
        same() { [ "$(plain "$2")" = "$1" ] || [ "$(untainted "$2" 2>/dev/null | digest)" = "$1" ] || [ "$(sha256sum "$2" 2>/dev/null | cut -d ' ' -f 1)" = "$1" ]; }
        outdated() (
            [ -f \(HostPath.started) ] || exit 1
            while read -r sum file; do same "$sum" "$file" || exit 0; done <\(HostPath.started)
            exit 1
        )
        astray() (
            role=server
            [ "$1" = k3s ] || role=agent
            argv=$(systemctl show "$1" --property=ExecStart --value 2>/dev/null | sed -n 's/^.*argv\\[\\]=\\(.*\\) ; ignore_errors=.*$/\\1/p')
            [ -f "/etc/systemd/system/$1.service" ] && [ -n "$argv" ] && [ "$argv" != "\(HostPath.binary) $role" ]
        )
        """

    /// Which of these files are not as they were, and whether k3s runs with others; part of the probe. A secret that others may read or change is
    /// not as it was.
    static let changes = """
        if [ -f \(HostPath.written) ]; then
            sha256sum --check --quiet \(HostPath.written) 2>/dev/null | sed -n 's/^\\(.*\\): FAILED.*$/changed=\\1/p'
            for file in \(HostPath.config) $(sed -n 's,^[0-9a-f]* *\\(/etc/rancher/.*\\)$,\\1,p' \(HostPath.written)); do
                [ ! -f "$file" ] || [ "$(stat -c %a:%u:%g "$file")" = 600:0:0 ] || echo "changed=$file"
            done
            for unit in k3s k3s-agent; do astray "$unit" && echo 'outdated=yes'; done
        fi
        outdated && echo 'outdated=yes'
        """

    /// Files that change k3s's arguments and that this program does not write: they would win over `config`. A drop-in that sets none stays, as
    /// those of distributions for every service do. What systemd has not read yet counts too: a repair makes it read it.
    static let foreignFiles = """
        foreign() { printf 'foreign=%s\\n' "$(printf '%s' "$1" | tr '\\n' '?')"; }
        for file in \(HostPath.configFolder)/*.yaml \(HostPath.configFolder)/*.yml; do
            [ -e "$file" ] && foreign "$file"
        done
        for unit in k3s k3s-agent; do
            printf '%s\\n' $(systemctl show "$unit" --property=DropInPaths --value 2>/dev/null)
            for place in /etc/systemd/system /etc/systemd/system.control /run/systemd/system; do
                printf '%s\\n' "$place/$unit.service.d"/*.conf
            done
        done | sort -u | while read -r file; do
            [ "${file##*/}" = 10-exedev.conf ] && continue
            grep -qE '\(touching)' "$file" 2>/dev/null && foreign "$file"
        done
        for unit in k3s k3s-agent; do
            place=$(systemctl show "$unit" --property=FragmentPath --value 2>/dev/null)
            [ -f "/etc/systemd/system/$unit.service" ] && [ "${place:-/etc/systemd/system/$unit.service}" != "/etc/systemd/system/$unit.service" ] \\
                && foreign "$place"
            for file in "/etc/default/$unit" "/etc/sysconfig/$unit"; do
                grep -q '\(variables)' "$file" 2>/dev/null && foreign "$file"
            done
        done
        systemctl show-environment 2>/dev/null | grep -q '^K3S_' && foreign 'systemctl show-environment'
        """
}
