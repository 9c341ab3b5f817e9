/// How the root file system of every VM is made. The cache's name is a hash of this text, so an edit makes a new image.
enum RootImageRecipe {
    static let text = #"""
        set -eu
        target=$1
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
        [ -n "$mirror" ] || { echo 'apt names no mirror' >&2; exit 1; }
        mkdir -p "$(dirname "$target")"
        debootstrap --variant=minbase \
            --include=systemd,systemd-sysv,dbus,openssh-server,iproute2,iptables,procps,curl,ca-certificates,sudo,libmicrohttpd12,zlib1g,libssh2-1,libcurl4 \
            bookworm "$target" "$mirror" </dev/null
        chroot "$target" /bin/sh -eu <<'GUEST'
        export DEBIAN_FRONTEND=noninteractive
        groupadd -g 1000 exedev
        useradd -m -u 1000 -g 1000 -s /bin/bash exedev
        usermod -p '*' exedev
        install -m 0440 /dev/null /etc/sudoers.d/exedev
        printf '%s\n' 'exedev ALL=(ALL) NOPASSWD:ALL' 'Defaults:exedev !fqdn' > /etc/sudoers.d/exedev
        for unit in getty@.service console-getty.service getty.target serial-getty@.service systemd-udevd.service \
            systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udev-trigger.service systemd-logind.service \
            apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service \
            systemd-tmpfiles-clean.timer systemd-resolved.service systemd-networkd.service systemd-networkd.socket \
            systemd-timesyncd.service systemd-pcrphase.service; do
            ln -sf /dev/null "/etc/systemd/system/$unit"
        done
        ln -sf /usr/lib/systemd/system/multi-user.target /etc/systemd/system/default.target
        rm -f /etc/ssh/ssh_host_*
        : > /etc/machine-id
        rm -f /var/lib/dbus/machine-id
        cat > /etc/ssh/sshd_config <<'SSHD'
        Port 22
        HostKey /etc/ssh/ssh_host_ed25519_key
        AuthorizedKeysFile /etc/ssh/authorized_keys
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        PermitRootLogin no
        AllowUsers exedev
        UsePAM no
        UseDNS no
        MaxSessions 50
        MaxStartups 200:30:400
        PrintMotd no
        Subsystem sftp internal-sftp
        SSHD
        mkdir -p /usr/local/libexec
        : > /usr/local/libexec/exedev-sim
        ln -sf /usr/local/libexec/exedev-sim /usr/bin/tailscale
        ln -sf /usr/local/libexec/exedev-sim /usr/sbin/tailscaled
        cat > /etc/systemd/system/tailscaled.service <<'UNIT'
        [Unit]
        Description=Tailscale node agent
        After=network.target

        [Service]
        Type=notify
        ExecStart=/usr/sbin/tailscaled
        Restart=on-failure
        RuntimeDirectory=tailscale
        StateDirectory=tailscale

        [Install]
        WantedBy=multi-user.target
        UNIT
        systemctl enable ssh.service >/dev/null 2>&1
        systemctl disable tailscaled.service >/dev/null 2>&1 || :
        apt-get clean
        rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
        GUEST
        """#
}
