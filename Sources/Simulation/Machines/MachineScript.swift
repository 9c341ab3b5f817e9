/// What the simulator does on the host as root: one script, because its boot loop must outlive a `serve` that is killed.
/// Everything that it makes has the prefix `xs<ID>-`, so that `down` can find it.
enum MachineScript {
    static let text = #"""
        # exedev-sim's hand on the host. $0 VERB ID [NAME …]; everything it makes is named xs<ID>-….
        set -u
        verb=$1 id=$2
        gateway=xs$id-gw
        machine=xs$id-${3:-none}
        netns=$machine
        hierarchies=$(ls -d /sys/fs/cgroup/systemd /sys/fs/cgroup/memory /sys/fs/cgroup/pids /sys/fs/cgroup/unified 2>/dev/null)

        # A serve that is killed leaves its last scripts behind: down waits for them.
        case $verb in
        supervise | nspawn) ;;
        *)
            exec 8> "${0%/*}/scripts.lock"
            case $verb in down) flock -w 60 8 ;; *) flock -s 8 && [ -e "$0" ] || exit 1 ;; esac
            ;;
        esac

        in_group() { # GROUP COMMAND…: COMMAND runs in a cgroup of its own in every hierarchy
            group=$1
            shift
            for hierarchy in $hierarchies; do
                mkdir -p "$hierarchy/$group" 2>/dev/null && echo 0 2>/dev/null > "$hierarchy/$group/cgroup.procs"
            done
            exec "$@"
        }

        kill_group() { # GROUP: until nothing is left in it
            tries=0
            while [ "$tries" -lt 100 ]; do
                left=
                for node in $(find /sys/fs/cgroup/unified/"$1" /sys/fs/cgroup/systemd/"$1" -type d 2>/dev/null); do
                    [ -w "$node/cgroup.kill" ] && echo 1 2>/dev/null > "$node/cgroup.kill"
                    for process in $(cat "$node/cgroup.procs" 2>/dev/null); do
                        case $(cut -d ' ' -f 3 "/proc/$process/stat" 2>/dev/null) in
                            '' | Z) ;;
                            *) left=1 && kill -9 "$process" 2>/dev/null ;;
                        esac
                    done
                done
                [ -z "$left" ] && return 0
                tries=$((tries + 1))
                sleep 0.05
            done
        }

        remove_group() { # a process that was killed may leave its cgroup a moment later
            tries=0
            while [ "$tries" -lt 100 ]; do
                left=
                for hierarchy in $hierarchies; do
                    [ -d "$hierarchy/$1" ] || continue
                    find "$hierarchy/$1" -depth -type d -exec rmdir {} + 2>/dev/null
                    [ -d "$hierarchy/$1" ] && left=1
                done
                [ -z "$left" ] && return 0
                tries=$((tries + 1))
                sleep 0.05
            done
        }

        # ROOT: every user of this machine, and whom images commonly have, logs in as the login user; root becomes it once it is in, since its
        # name cannot be another's.
        put_logins() {
            [ ! -e "$1/etc/ssh/login" ] || return 0
            logins="ubuntu debian admin user $(awk -F : '$3 >= 1000 && $3 < 60000 { print $1 }' /etc/passwd | tr '\n' ' ')"
            for login in $logins; do
                grep -q "^$login:" "$1/etc/passwd" || echo "$login:x:1000:1000::/home/exedev:/bin/bash" >> "$1/etc/passwd" || return 1
                grep -q "^$login:" "$1/etc/shadow" || echo "$login:*:1::::::" >> "$1/etc/shadow" || return 1
            done
            sed -i -e 's/^PermitRootLogin .*/PermitRootLogin prohibit-password/' -e "s/^AllowUsers .*/AllowUsers exedev root $logins/" "$1/etc/ssh/sshd_config"
            printf '%s\n' 'Match User root' 'ForceCommand exec /etc/ssh/login' >> "$1/etc/ssh/sshd_config"
            cat > "$1/etc/ssh/login" << 'LOGIN'
        #!/bin/sh
        export HOME=/home/exedev USER=exedev LOGNAME=exedev SHELL=/bin/bash
        [ ! -t 0 ] || chown exedev "$(tty)"
        case ${SSH_ORIGINAL_COMMAND-} in
        '') set -- "$SHELL" -l ;;
        internal-sftp) set -- /usr/lib/openssh/sftp-server ;;
        *) set -- "$SHELL" -c "$SSH_ORIGINAL_COMMAND" ;;
        esac
        unset SSH_ORIGINAL_COMMAND SHLVL
        cd && exec setpriv --reuid 1000 --regid 1000 --init-groups "$@"
        LOGIN
            chmod 0755 "$1/etc/ssh/login"
        }

        put_setup() { # ROOT TEXT: what runs as the login user at the first boot, and is gone once it went well
            mkdir -p "$1/exe.dev" "$1/etc/systemd/system/multi-user.target.wants" || return 1
            printf '%s' "$2" > "$1/exe.dev/setup" && chmod 0755 "$1/exe.dev/setup" || return 1
            printf '%s\n' '[Unit]' 'Description=The setup script of new' 'ConditionPathExists=/exe.dev/setup' 'After=network.target' \
                '[Service]' 'Type=oneshot' 'User=exedev' 'WorkingDirectory=~' 'SyslogIdentifier=exe-setup' 'ExecStart=/exe.dev/setup' \
                'ExecStartPost=+/bin/rm -f /exe.dev/setup' > "$1/etc/systemd/system/exe-setup.service" || return 1
            ln -sf ../exe-setup.service "$1/etc/systemd/system/multi-user.target.wants/exe-setup.service"
        }

        case $verb in
        gateway) # the netns that stands for exe.dev's network: no forwarding, so VMs cannot reach each other
            for limit in user_instances user_watches; do
                file=/proc/sys/fs/inotify/max_$limit
                [ "$(cat $file)" -ge 8192 ] || echo 8192 > $file
            done
            mkdir -p /run/netns
            ip netns list | grep -q "^$gateway\b" && exit 0
            ip netns add "$gateway" || exit 1
            ip netns exec "$gateway" sh -c 'echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter'
            ip -n "$gateway" link set lo up
            ip -n "$gateway" addr add 10.42.0.1/32 dev lo
            ip -n "$gateway" link add tailnet type bridge
            ip -n "$gateway" link set tailnet up
            ;;
        prepare) # NAME INDEX ADDRESS DIRECTORY IMAGE KEYS HOSTNAME SOURCE SETUP: network and root, as often as you like
            index=$4 address=$5 directory=$6 image=$7 keys=$8 host=$9 source=${10} setup=${11}
            if [ ! -e "/run/netns/$netns" ]; then
                ip netns add "$netns" || exit 1
                ip -n "$gateway" link del "v$index" 2>/dev/null
                ip -n "$gateway" link add "v$index" type veth peer name eth0 netns "$netns" || exit 1
                ip -n "$gateway" addr add 10.42.0.1/32 dev "v$index"
                ip -n "$gateway" link set "v$index" up
                ip -n "$gateway" route replace "$address/32" dev "v$index" src 10.42.0.1
                ip -n "$netns" link set lo up
                ip -n "$netns" addr add "$address/16" dev eth0
                ip -n "$netns" link set eth0 up
                ip -n "$netns" route add default via 10.42.0.1
            fi
            if [ -n "$source" ] && [ ! -e "$directory/upper" ]; then
                mkdir -p "$directory" && rm -rf "$directory/copy" && cp -a "$source/upper" "$directory/copy" || exit 1
                mv "$directory/copy" "$directory/upper"
            fi
            mkdir -p "$directory/upper" "$directory/work" "$directory/root"
            printf '%s\n' "$host" > "$directory/name"
            grep -q " $directory/root overlay " /proc/mounts \
                || mount -t overlay "$machine" -o "lowerdir=$image,upperdir=$directory/upper,workdir=$directory/work" "$directory/root" || exit 1
            if [ ! -e "$directory/prepared" ]; then
                printf '%s\n' "$host" > "$directory/root/etc/hostname"
                printf '127.0.0.1 localhost\n127.0.1.1 %s.exe.xyz %s\n10.42.0.1 gateway\n' "$host" "$host" > "$directory/root/etc/hosts"
                : > "$directory/root/etc/resolv.conf"
                install -m 0600 "$keys/host_ed25519" "$directory/root/etc/ssh/ssh_host_ed25519_key"
                put_logins "$directory/root" || exit 1
                [ -z "$setup" ] || put_setup "$directory/root" "$setup" || exit 1
                : > "$directory/prepared"
            fi
            ;;
        start) # NAME DIRECTORY EXECUTABLE INDEX: leaves a supervisor behind
            directory=$4
            [ -d "$directory/root" ] || exit 1 # removed meanwhile
            rm -f "$directory/removed" "$directory/halted"
            # Before it is born: a supervisor outside of the cgroup would outlive its machine.
            for hierarchy in $hierarchies; do
                mkdir -p "$hierarchy/$machine/s" 2>/dev/null && echo 0 > "$hierarchy/$machine/s/cgroup.procs"
            done
            setsid -f sh "$0" supervise "$id" "$3" "$4" "$5" "$6" < /dev/null > /dev/null 2>> "$directory/console.log" 8>&-
            ;;
        supervise) # a reboot of the guest ends nspawn: boot again; a power-off ends the loop
            directory=$4 executable=$5 index=$6
            exec 9> "$directory/supervisor.lock"
            flock -n 9 || exit 0
            while [ -d "$directory/root" ] && [ ! -e "$directory/removed" ]; do
                began=$(date +%s)
                sh "$0" nspawn "$id" "$3" "$directory" "$executable" < /dev/null >> "$directory/console.log" 2>&1 9>&-
                code=$?
                kill_group "$machine/m"
                remove_group "$machine/m"
                ip -n "$gateway" link del "t$index" 2>/dev/null
                [ "$code" = 0 ] && : > "$directory/halted" && exit 0
                [ $(($(date +%s) - began)) -gt 1 ] || sleep 1
            done
            ;;
        nspawn)
            directory=$4 executable=$5
            # read-only: nspawn reads the console into our log. A console that nobody reads is full after 4 KiB and blocks who writes to it.
            in_group "$machine/m" systemd-nspawn -q -D "$directory/root" --machine="$machine" --hostname="$(cat "$directory/name")" --boot --register=no --keep-unit \
                --network-namespace-path="/run/netns/$netns" --kill-signal=SIGRTMIN+3 --console=read-only --link-journal=no --resolv-conf=off \
                --timezone=off --capability=CAP_NET_ADMIN --bind-ro="$executable:/usr/local/libexec/exedev-sim"
            ;;
        reset) # NAME: pulls the plug; the supervisor boots the machine again
            kill_group "$machine/m"
            ;;
        freeze) # NAME 0|1
            file=/sys/fs/cgroup/unified/$machine/m/cgroup.freeze tries=0
            while [ ! -e "$file" ] && [ "$tries" -lt 100 ]; do tries=$((tries + 1)) && sleep 0.05; done
            echo "$4" > "$file"
            ;;
        supervised) # NAME DIRECTORY: whether a supervisor keeps it
            exec 9> "$4/supervisor.lock"
            flock -n 9 && exit 1
            exit 0
            ;;
        admit) # NAME DIRECTORY LINES: who logs in; nobody where there is no machine
            folder=$4/root/etc/ssh
            [ -d "$folder" ] || exit 0
            printf '%s\n' "$5" > "$folder/authorized_keys.new" || exit 1
            chmod 0644 "$folder/authorized_keys.new" && mv "$folder/authorized_keys.new" "$folder/authorized_keys"
            ;;
        rename) # NAME HOSTNAME DIRECTORY: for now, and for its next boot
            host=$4 directory=$5
            printf '%s\n' "$host" | tee "$directory/root/etc/hostname" > "$directory/name"
            sed -i "s/^127\.0\.1\.1 .*/127.0.1.1 $host.exe.xyz $host/" "$directory/root/etc/hosts"
            ours=$(readlink /proc/self/ns/uts)
            for node in $(find /sys/fs/cgroup/unified/"$machine" /sys/fs/cgroup/systemd/"$machine" -type d 2>/dev/null); do
                for process in $(cat "$node/cgroup.procs" 2>/dev/null); do
                    theirs=$(readlink "/proc/$process/ns/uts") || continue
                    [ "$theirs" = "$ours" ] || { nsenter -t "$process" -u hostname "$host" && exit 0; }
                done
            done
            ;;
        use) # NAME DIRECTORY: CPU in µs, memory in bytes, disk in KiB, bytes received and sent
            directory=$4
            cpu=$(sed -n 's/^usage_usec //p' "/sys/fs/cgroup/unified/$machine/m/cpu.stat" 2>/dev/null)
            memory=$(cat "/sys/fs/cgroup/memory/$machine/m/memory.usage_in_bytes" "/sys/fs/cgroup/unified/$machine/m/memory.current" 2>/dev/null)
            disk=$(du -sk "$directory/upper" 2>/dev/null | cut -f 1)
            network=$(ip netns exec "$netns" awk '$1 == "eth0:" { print $2, $10 }' /proc/net/dev)
            echo "$cpu" "${memory%%[!0-9]*}" "$disk" "$network"
            ;;
        remove) # NAME INDEX DIRECTORY
            index=$4 directory=$5
            [ -d "$directory" ] && : > "$directory/removed"
            kill_group "$machine"
            remove_group "$machine"
            ip -n "$gateway" link del "t$index" 2>/dev/null
            ip -n "$gateway" link del "v$index" 2>/dev/null
            ip netns del "$netns" 2>/dev/null
            while grep -q " $directory/root overlay " /proc/mounts; do umount -l "$directory/root" || break; done
            rm -rf "$directory"
            ;;
        join) # NAME INDEX ADDRESS: tailscale0 in the VM, its other end on the shared bridge
            index=$4 address=$5
            ip -n "$gateway" link show "t$index" > /dev/null 2>&1 && exit 0
            ip -n "$gateway" link add "t$index" mtu 1280 type veth peer name tailscale0 mtu 1280 netns "$netns" || exit 1
            ip -n "$gateway" link set "t$index" master tailnet up || exit 1
            ip -n "$netns" addr add "$address/10" dev tailscale0
            ip -n "$netns" link set tailscale0 up
            ;;
        sweep) # VMS NAME…: removes what is left of machines that are none of these
            vms=$3
            shift 3
            left=$(ls "$vms"; ls /run/netns /sys/fs/cgroup/unified /sys/fs/cgroup/systemd 2>/dev/null | sed -n "s/^xs$id-//p")
            for name in $(echo "$left" | sort -u); do
                case " $* gw " in *" $name "*) ;; *) sh "$0" remove "$id" "$name" '' "$vms/$name" ;; esac
            done
            ;;
        down) # ID STATE: removes everything, also what an earlier run left
            state=$3
            for group in $(ls -d /sys/fs/cgroup/unified/xs"$id"-* /sys/fs/cgroup/systemd/xs"$id"-* 2>/dev/null | sed 's,.*/,,' | sort -u); do
                kill_group "$group"
                remove_group "$group"
            done
            for root in $(awk -v under="$state/vms/" '$3 == "overlay" && index($2, under) == 1 { print $2 }' /proc/mounts); do
                umount -l "$root"
            done
            for name in $(ip netns list 2>/dev/null | awk '{ print $1 }' | grep "^xs$id-"); do
                ip netns del "$name"
            done
            for left in /run/systemd/nspawn/propagate/xs"$id"-*; do
                [ -d "$left" ] && { umount -l "$left" 2>/dev/null; rmdir "$left"; }
            done
            rm -rf "$state/vms"
            ;;
        esac
        """#
}
