/// What the simulated release mirror serves for `install.sh`.
package enum K3sMirror {
    /// Our own installer with the official one's environment contract (facts/k3s.md §1.2 to §1.6, read Nov 2026).
    ///
    /// Kept faithful where it hurts: unit and env file are removed before they are written, the restart rule compares binary, unit
    /// and env file only, and `systemctl restart` blocks. Lines that the stand-in has no use for (SELinux, OpenRC) are absent.
    package static let installScript =
        [InstallerText.settings, InstallerText.binary, InstallerText.removalScripts, InstallerText.unit, InstallerText.main]
        .joined(separator: "\n")
}

/// The installer's parts, in order of execution.
enum InstallerText {
    static let settings = #"""
        #!/bin/sh
        # Installer of the simulated k3s mirror.
        set -e
        info() { echo "[INFO]  $*"; }
        fatal() { echo "[ERROR]  $*" >&2; exit 1; }

        ROOT_CMD=
        case "$1" in
            server|agent) ROOT_CMD=$1; shift ;;
        esac
        if [ -n "$INSTALL_K3S_EXEC" ]; then
            # shellcheck disable=SC2086
            set -- $INSTALL_K3S_EXEC "$@"
            case "$ROOT_CMD$1" in
                server|agent) ROOT_CMD=$1; shift ;;
            esac
        fi
        if [ -z "$ROOT_CMD" ]; then
            if [ -n "$K3S_URL" ]; then
                [ -n "$K3S_TOKEN$K3S_TOKEN_FILE" ] || fatal 'Defaulted k3s exec command to '"'agent'"' because K3S_URL is defined, but K3S_TOKEN or K3S_TOKEN_FILE is not defined.'
                ROOT_CMD=agent
            else
                ROOT_CMD=server
            fi
        fi
        case "$K3S_URL" in
            ''|https://*) ;;
            *) fatal "Only https:// URLs are supported for K3S_URL (have $K3S_URL)" ;;
        esac

        if [ -n "$INSTALL_K3S_NAME" ]; then SYSTEM_NAME=k3s-$INSTALL_K3S_NAME
        elif [ "$ROOT_CMD" = server ]; then SYSTEM_NAME=k3s
        else SYSTEM_NAME=k3s-agent
        fi
        BIN_DIR=${INSTALL_K3S_BIN_DIR:-/usr/local/bin}
        SYSTEMD_DIR=${INSTALL_K3S_SYSTEMD_DIR:-/etc/systemd/system}
        UNIT=$SYSTEMD_DIR/$SYSTEM_NAME.service
        ENVFILE=$UNIT.env
        KILLALL=${KILLALL_K3S_SH:-$BIN_DIR/k3s-killall.sh}
        UNINSTALL=${UNINSTALL_K3S_SH:-$BIN_DIR/$SYSTEM_NAME-uninstall.sh}
        hashes() { sha256sum "$BIN_DIR/k3s" "$UNIT" "$ENVFILE" 2>&1 || true; }
        """#

    static let binary = #"""
        stage_binary() {
            if [ "$INSTALL_K3S_SKIP_DOWNLOAD" = true ] || [ "$INSTALL_K3S_SKIP_DOWNLOAD" = binary ] || [ "$INSTALL_K3S_BIN_DIR_READ_ONLY" = true ]; then
                [ -x "$BIN_DIR/k3s" ] || fatal "Executable k3s binary not found at $BIN_DIR/k3s"
                info 'Skipping k3s download and verify'
                return 0
            fi
            version=${INSTALL_K3S_VERSION:?INSTALL_K3S_VERSION is needed: this mirror has no channels}
            info "Using $version as release"
            from=${GITHUB_URL:-https://github.com/k3s-io/k3s/releases}/download/$(echo "$version" | sed 's/+/%2B/')
            scratch=$(mktemp -d)
            trap 'rm -rf "$scratch"' EXIT INT TERM
            curl -o "$scratch/sums" -sfL "$from/sha256sum-amd64.txt" || fatal 'Download failed'
            want=$(sed -n 's/ \{1,\}k3s$//p' "$scratch/sums")
            if [ -x "$BIN_DIR/k3s" ] && [ "$(sha256sum "$BIN_DIR/k3s" | cut -d ' ' -f 1)" = "$want" ]; then
                info 'Skipping binary downloaded, installed k3s matches hash'
                return 0
            fi
            curl -o "$scratch/k3s" -sfL "$from/k3s" || fatal 'Download failed'
            [ "$(sha256sum "$scratch/k3s" | cut -d ' ' -f 1)" = "$want" ] || fatal 'Download sha256 does not match'
            chmod 755 "$scratch/k3s"
            mv -f "$scratch/k3s" "$BIN_DIR/k3s"
        }
        link_kubectl() {
            [ "$INSTALL_K3S_SYMLINK" != skip ] && [ "$INSTALL_K3S_BIN_DIR_READ_ONLY" != true ] || return 0
            if [ ! -e "$BIN_DIR/kubectl" ] || [ "$INSTALL_K3S_SYMLINK" = force ]; then
                info "Creating $BIN_DIR/kubectl symlink to k3s"
                ln -sf k3s "$BIN_DIR/kubectl"
            fi
        }
        """#

    static let removalScripts = #"""
        write_killall() {
            cat >"$KILLALL.new" <<KILLALL_END
        #!/bin/sh
        for unit in "$SYSTEMD_DIR"/k3s*.service; do
            [ -f "\$unit" ] && systemctl stop "\$(basename "\$unit")"
        done
        ip link delete cni0 2>/dev/null
        ip link delete flannel.1 2>/dev/null
        rm -rf /var/lib/cni /run/k3s
        if command -v tailscale >/dev/null; then tailscale set --advertise-routes= ; fi
        exit 0
        KILLALL_END
            chmod 755 "$KILLALL.new"
            mv -f "$KILLALL.new" "$KILLALL"
        }
        write_uninstall() {
            cat >"$UNINSTALL.new" <<UNINSTALL_END
        #!/bin/sh
        [ "\$(id -u)" = 0 ] || exec sudo "\$0" "\$@"
        "$KILLALL"
        systemctl disable $SYSTEM_NAME
        systemctl reset-failed $SYSTEM_NAME
        rm -f "$UNIT" "$ENVFILE"
        systemctl daemon-reload
        trap 'rm -f "$UNINSTALL"' EXIT
        if ls "$SYSTEMD_DIR"/k3s*.service >/dev/null 2>&1; then
            echo 'Additional k3s services installed, skipping uninstall of k3s'
            exit
        fi
        [ -L "$BIN_DIR/kubectl" ] && rm -f "$BIN_DIR/kubectl"
        rm -rf /etc/rancher/k3s /run/k3s /run/flannel /var/lib/rancher/k3s /var/lib/kubelet
        rm -f "$BIN_DIR/k3s" "$KILLALL"
        UNINSTALL_END
            chmod 755 "$UNINSTALL.new"
            mv -f "$UNINSTALL.new" "$UNINSTALL"
        }
        """#

    static let unit = #"""
        remove_unit() {
            systemctl disable "$SYSTEM_NAME" >/dev/null 2>&1 || true
            rm -f "$UNIT" "$ENVFILE"
        }
        write_env() {
            info "env: Creating environment file $ENVFILE"
            (umask 077; env | grep -E '^(K3S_|CONTAINERD_|[A-Za-z_]*_(proxy|PROXY)=)' | LC_ALL=C sort >"$ENVFILE") || true
        }
        write_unit() {
            info "systemd: Creating service file $UNIT"
            cat >"$UNIT" <<UNIT_END
        [Unit]
        Description=Lightweight Kubernetes
        Documentation=https://k3s.io
        Wants=network-online.target
        After=network-online.target

        [Install]
        WantedBy=multi-user.target

        [Service]
        Type=${INSTALL_K3S_TYPE:-notify}
        EnvironmentFile=-/etc/default/%N
        EnvironmentFile=-/etc/sysconfig/%N
        EnvironmentFile=-$ENVFILE
        KillMode=process
        Delegate=yes
        User=root
        LimitNOFILE=1048576
        LimitNPROC=infinity
        LimitCORE=infinity
        TasksMax=infinity
        TimeoutStartSec=0
        Restart=always
        RestartSec=5s
        ExecStartPre=-/sbin/modprobe br_netfilter
        ExecStartPre=-/sbin/modprobe overlay
        ExecStart=$BIN_DIR/k3s $ROOT_CMD $*
        UNIT_END
        }
        """#

    static let main = #"""
        BEFORE=$(hashes)
        stage_binary
        link_kubectl
        if [ "$INSTALL_K3S_BIN_DIR_READ_ONLY" != true ]; then
            write_killall
            write_uninstall
        fi
        # Killed between these lines, the host has no unit at all: so does the official script (facts/k3s.md §1.3).
        remove_unit
        write_env
        write_unit "$@"
        [ "$INSTALL_K3S_SKIP_ENABLE" != true ] || exit 0
        info "systemd: Enabling $SYSTEM_NAME unit"
        systemctl enable "$UNIT" >/dev/null
        systemctl daemon-reload >/dev/null
        [ "$INSTALL_K3S_SKIP_START" != true ] || exit 0
        if [ "$BEFORE" = "$(hashes)" ] && [ "$INSTALL_K3S_FORCE_RESTART" != true ]; then
            info 'No change detected so skipping service start'
            exit 0
        fi
        info "systemd: Starting $SYSTEM_NAME"
        systemctl restart "$SYSTEM_NAME"

        """#
}
