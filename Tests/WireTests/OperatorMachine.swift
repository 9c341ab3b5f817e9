import Foundation
import TestSupport
import Testing

/// A booted container that stands for the operator's server: systemd as PID 1, the installed programs and units, the network of this
/// machine (so that it reaches the simulator).
struct OperatorMachine: Sendable {
    let wire: Wire
    private var folder: String { wire.folder + "/operator" }
    private var root: String { folder + "/root" }

    /// `fleet` is what stands in /etc/exedev-k8s/fleet.json. The machine is gone when `body` returns.
    static func run(_ wire: Wire, fleet: String, _ body: (OperatorMachine) async throws -> Void) async throws {
        let machine = OperatorMachine(wire: wire)
        do {
            try await machine.boot(fleet)
            try await body(machine)
        } catch {
            await machine.remove()
            throw error
        }
        await machine.remove()
    }

    /// Runs a shell script inside as root.
    func sh(_ script: String) async throws -> ChildProcess.Ended {
        let leader = try String(contentsOfFile: folder + "/leader", encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        return try await host(["nsenter", "-t", leader, "-m", "-u", "-i", "-p", "-C", "sh", "-eu", "-s"], input: script)
    }

    func journal(_ unit: String) async throws -> String { try await sh("journalctl -u \(unit) -o cat --no-pager").out }

    func write(fleet text: String) throws { try text.write(toFile: root + "/etc/exedev-k8s/fleet.json", atomically: true, encoding: .utf8) }

    // MARK: making and removing it

    private func host(_ words: [String], input: String) async throws -> ChildProcess.Ended {
        try await ChildProcess(words, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], folder: wire.folder, input: input).ended()
    }

    private func boot(_ fleet: String) async throws {
        let units = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "systemd").path
        let made = try await host(
            ["sh", "-eu", "-s", folder, wire.programs, units, wire.sim],
            input: """
                mkdir -p $1/upper $1/work $1/root
                image=$(ls -d /var/cache/exedev-sim/root-* | head -n 1)
                mount -t overlay exedev-operator -o lowerdir=$image,upperdir=$1/upper,workdir=$1/work $1/root
                cd $1/root
                ln -sf /dev/null etc/systemd/system/ssh.service
                echo operator > etc/hostname
                mkdir -p usr/local/bin usr/local/lib/systemd/system etc/exedev-k8s
                install -m 755 $2/exedev-k8s usr/local/bin/
                install -m 644 $3/*.service $3/*.timer usr/local/lib/systemd/system/
                install -D -m 644 $3/exedev-k8s.sysusers.conf usr/local/lib/sysusers.d/exedev-k8s.conf
                systemd-sysusers --root=. exedev-k8s.conf
                install -m 600 $4/keys/client_ed25519 etc/exedev-k8s/ssh-key
                install -m 644 $4/known_hosts etc/exedev-k8s/known_hosts
                """)
        try #require(made.status == 0, "\(made.all)")
        try write(fleet: fleet)
        let etc = root + "/etc/exedev-k8s/"
        try wire.environment["EXE_DEV_API_KEY"]!.write(toFile: etc + "exe-dev-api-key", atomically: false, encoding: .utf8)
        let passed = ["EXE_DEV_ENDPOINT", "EXE_DEV_SSH_PORT", "TS_AUTHKEY", "EXEDEV_K8S_RELEASES", "EXEDEV_K8S_INSTALLERS"]
        let text = passed.map { "\($0)=\(wire.environment[$0]!)\n" }.joined()
        try text.write(toFile: etc + "environment", atomically: false, encoding: .utf8)
        let started = try await host(["sh", "-eu", "-s", folder], input: Self.bootScript)
        try #require(started.status == 0, "\(started.all)")
        let up = try await sh("systemctl is-system-running --wait || :")
        try #require(up.out.contains("running") || up.out.contains("degraded"), "\(up.all)")
    }

    /// In a control group of its own in every hierarchy, as systemd-nspawn needs without a systemd on the host.
    private static let bootScript = """
        cd $1
        group=exedev-operator-$$
        echo $group > group
        for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/memory /sys/fs/cgroup/pids /sys/fs/cgroup/unified; do
            [ -d $hierarchy ] || continue
            mkdir -p $hierarchy/$group
        done
        cat > boot <<'END'
        for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/memory /sys/fs/cgroup/pids /sys/fs/cgroup/unified; do
            [ ! -d $hierarchy ] || echo 0 > $hierarchy/$2/cgroup.procs || :
        done
        echo $$ > $1/nspawn
        exec systemd-nspawn -q -D $1/root --machine=$2 --hostname=operator --boot --register=no --keep-unit \\
            --kill-signal=SIGRTMIN+3 --console=passive --link-journal=no --resolv-conf=off --timezone=off
        END
        setsid -f sh boot $1 $group < /dev/null > console 2>&1
        for try in $(seq 2000); do
            [ ! -s nspawn ] || leader=$(cat /proc/$(cat nspawn)/task/*/children 2>/dev/null | tr ' ' '\\n' | head -n 1)
            if [ -n "${leader:-}" ]; then
                echo $leader > leader
                nsenter -t $leader -m -p test -S /run/systemd/private 2>/dev/null && exit 0
            fi
            sleep 0.1
        done
        cat console >&2
        exit 1
        """

    private func remove() async {
        let script = """
            cd $1 || exit 0
            [ ! -s nspawn ] || kill -9 $(cat nspawn) 2>/dev/null || :
            group=$(cat group 2>/dev/null || echo none)
            for try in $(seq 100); do
                left=
                for file in $(find /sys/fs/cgroup/*/$group -name cgroup.procs 2>/dev/null); do
                    for process in $(cat $file 2>/dev/null); do kill -9 $process 2>/dev/null && left=1; done
                done
                [ -n "$left" ] || break
                sleep 0.05
            done
            find /sys/fs/cgroup/*/$group -depth -type d -exec rmdir {} + 2>/dev/null
            umount -l root
            rmdir /run/systemd/nspawn/propagate/$group 2>/dev/null || :
            """
        _ = try? await host(["sh", "-s", folder], input: script)
    }
}
