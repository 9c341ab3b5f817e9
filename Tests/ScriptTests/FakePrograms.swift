/// What stands in `/fake`, the first folder of the fake host's PATH. Fixtures are files in `/state` and `/mirror`.
enum FakePrograms {
    /// Real tools that the scripts may call; whatever is not listed here, a host need not have.
    static let tools = [
        "awk", "basename", "cat", "chmod", "chown", "cmp", "cut", "date", "dirname", "du", "env", "find", "flock", "grep", "head", "id",
        "ln", "ls",
        "mkdir",
        "mktemp",
        "mv",
        "gzip", "rm", "sed", "seq", "sh", "sha256sum", "shuf", "sort", "stat", "tail", "tar", "timeout", "tr", "wc",
    ]

    /// Records the arguments of a call: arguments end with US, calls with RS, so that no argument looks like two.
    /// One `printf` a note keeps the two ends of a pipeline from mixing theirs.
    static let log = #"""
        printf '%s\036' "$(/usr/bin/tr '\0' '\037' </proc/$$/cmdline)" >>/log/calls
        printf '%s\036' "$(/usr/bin/tr '\0' '\037' </proc/$$/environ)" >>/log/environ
        for word; do
            [ ! -f "$word" ] || /usr/bin/stat -c '%a %n' "$word" >>/log/modes
        done
        """#

    /// A real tool behind the log.
    static func wrapper(of path: String) -> String { "#!/bin/sh\n. /fake/.log\nexec \(path) \"$@\"\n" }

    /// A fake eats its standard input, as any real program might. Its own tools are not noted.
    static func program(_ text: String) -> String {
        """
        #!/bin/sh
        . /fake/.log
        path=$PATH
        PATH=/usr/bin
        cat >/dev/null
        answer() {
            [ ! -f "/state/$1.out" ] || cat "/state/$1.out"
            [ ! -f "/state/$1.err" ] || cat "/state/$1.err" >&2
            [ ! -f "/state/$1.status" ] || exit "$(cat "/state/$1.status")"
        }
        \(text)

        """
    }

    static let all = [
        "hostname": "cat /state/hostname", "uname": "cat /state/machine", "sleep": ":",
        "ip":
            "case $2 in route) cat /state/routes 2>/dev/null ;; neigh) cat /state/neigh 2>/dev/null ;; *) cat /state/address 2>/dev/null ;; esac",
        "bridge": "cat /state/fdb 2>/dev/null",
        "df": #"printf 'Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/vda 9 9 %s 9%% /\n' "$(cat /state/free)""#,
        "sync": "answer sync", "journalctl": "cat /state/journal", "systemctl": systemctl, "systemd-run": systemdRun,
        "tailscale": tailscale, "curl": curl,
    ]

    /// The program that the mirror offers as k3s.
    static let k3s = program(
        #"""
        case $1 in
        --version) echo 'k3s version v1.34.9+k3s1 (deadbeef)'; echo 'go version go1.24.1' ;;
        kubectl)
            shift
            [ "$1" != -n ] || shift 2
            answer "kubectl-$1" ;;
        esac
        """#)

    private static let systemctl = #"""
        verb=$1
        shift
        quiet= now= unit= asked= value=
        for word; do
            case $word in
            --quiet) quiet=1 ;;
            --now) now=1 ;;
            --value) value=1 ;;
            --property=*) asked=,${word#*=}, ;;
            *,*) asked=,$word, ;;
            -*) ;;
            *) unit=${word##*/}; unit=${unit%.service} ;;
            esac
        done
        of() { cat "/state/$unit.$1" 2>/dev/null || echo "$2"; }
        exists() { [ -f "/etc/systemd/system/$unit.service" ] || [ "$unit" = tailscaled ]; }
        said() {
            case $asked in ''|*,"$1",*) if [ -n "$value" ]; then echo "$2"; else echo "$1=$2"; fi ;; esac
        }
        # As systemd does: what is on the disk counts when it is told to read it.
        load() {
            : >"/state/$1.loaded"
            [ -f "/etc/systemd/system/$1.service" ] || return 0
            files= from=/etc/systemd/system/$1.service
            for place in /usr/local/lib/systemd/system /run/systemd/system /etc/systemd/system; do
                for file in "$place"/service.d/*.conf "$place"/k3s-.service.d/*.conf "$place/$1".service.d/*.conf; do
                    case $1$file in k3s/*k3s-.service.d/*) continue ;; esac
                    [ ! -f "$file" ] || files="$files $file"
                done
            done
            command=$(cat "$from" $files | sed -n 's/^ExecStart=\(..*\)$/\1/p' | tail -n 1 | sed 's/ *$//')
            echo "FragmentPath=$from" >"/state/$1.loaded"
            echo "DropInPaths=${files# }" >>"/state/$1.loaded"
            echo "ExecStart={ path=${command%% *} ; argv[]=$command ; ignore_errors=no ; start_time=[n/a] ; pid=0 }" >>"/state/$1.loaded"
        }
        answer "systemctl-$verb"
        case $verb in
        daemon-reload) for unit in k3s k3s-agent; do load "$unit"; done ;;
        is-system-running) cat /state/systemd ;;
        list-jobs) cat /state/jobs 2>/dev/null ;;
        is-active)
            [ -n "$quiet" ] || of active inactive
            [ "$(of active inactive)" = active ] || exit 3 ;;
        is-enabled) [ -e "/state/$unit.enabled" ] || exit 1 ;;
        show)
            load=not-found enabled=
            if exists; then
                load=loaded enabled=disabled
                [ ! -e "/state/$unit.enabled" ] || enabled=enabled
            fi
            said LoadState "$load"; said ActiveState "$(of active inactive)"; said SubState "$(of sub dead)"
            said UnitFileState "$enabled"; said NRestarts "$(of restarts 0)"; said Job "$(of job '')"
            [ -f "/state/$unit.loaded" ] || load "$unit"
            while IFS== read -r key text; do said "$key" "$text"; done <"/state/$unit.loaded" ;;
        cat|restart|reset-failed|enable|disable|stop)
            exists || { echo "Unit $unit.service not found." >&2; exit 5; }
            case $verb in
            restart) echo activating >"/state/$unit.active" ;;
            stop) echo inactive >"/state/$unit.active" ;;
            enable) : >"/state/$unit.enabled"; [ -z "$now" ] || echo active >"/state/$unit.active" ;;
            disable) rm -f "/state/$unit.enabled"; [ -z "$now" ] || echo inactive >"/state/$unit.active" ;;
            esac ;;
        esac
        """#

    private static let systemdRun = #"""
        while :; do
            case $1 in
            -E) export "$2"; shift 2 ;;
            -*) shift ;;
            *) break ;;
            esac
        done
        PATH=$path
        exec "$@" </dev/null >>/log/installer 2>&1
        """#

    /// Keeps the key that it was given, so that a test can see what arrived.
    private static let tailscale = #"""
        case $1 in
        ip) cat /state/overlay 2>/dev/null ;;
        up)
            for word; do
                case $word in --auth-key=file:*) cat "${word#--auth-key=file:}" >/state/authkey ;; esac
            done
            answer tailscale-up
            cp /state/overlay-after-login /state/overlay ;;
        logout|lock|status) answer "tailscale-$1" ;;
        esac
        """#

    private static let curl = #"""
        out=/dev/stdout
        while [ $# -gt 0 ]; do
            case $1 in
            -o) out=$2; shift 2 ;;
            --retry|--max-time|--cacert|--cert|--key) shift 2 ;;
            -w) cat /state/connect 2>/dev/null || echo 0.002000; exit 35 ;;
            -*) shift ;;
            *) file=/mirror/${1##*/}; shift ;;
            esac
        done
        [ -f "$file" ] || { echo 'curl: (22) The requested URL returned error: 404' >&2; exit 22; }
        if [ -e "$file.cut" ]; then
            head -c 20 "$file" >"$out"
            exit 18
        fi
        cat "$file" >"$out"
        """#
}
