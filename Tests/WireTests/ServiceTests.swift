import Foundation
import TestSupport
import Testing

extension WireTests {
    /// The units as they are installed, in a booted machine.
    @Suite(.serialized) struct ServiceTests {
        private static func fleet(_ wire: Wire, pools: [String: String]) throws -> String {
            try wire.write(pools: pools)
            return try String(contentsOfFile: wire.fleetFile, encoding: .utf8)
        }

        @Test func daemonKeepsTheFleetAsAService() async throws {
            try await Wire.run { wire in
                try await OperatorMachine.run(wire, fleet: Self.fleet(wire, pools: ["web": "nodes: 1"])) { machine in
                    let started = try await machine.sh(Self.hook + "systemctl start exedev-k8s")
                    #expect(started.status == 0, "\(started.all)")
                    try await Self.expect(machine, "the fleet        settled")
                    #expect(try wire.vms().keys.sorted() == ["wire-cp-n1", "wire-web-n1"])
                    try await Self.expectFields(machine)
                    try await Self.expect(machine, "the hook (settled) says: 1 settled wire <> exe.dev's token: none")

                    try machine.write(fleet: Self.fleet(wire, pools: ["web": "nodes: 2"]))
                    #expect(try await machine.sh("systemctl reload exedev-k8s").status == 0)
                    try await Self.expect(machine, "wire-web-n2      settled")

                    try await Self.expectEndpoint(machine)
                    try machine.write(fleet: "{ nonsense")
                    #expect(try await machine.sh("systemctl reload exedev-k8s").status == 0)
                    try await Self.expect(machine, "the old one stays in force")
                    #expect(try await machine.sh("systemctl is-active exedev-k8s").out == "active\n")
                    #expect(try wire.vms().count == 3)
                    try await Self.expect("converged 3/3, next pass in ") {
                        try await machine.sh("systemctl show exedev-k8s -p StatusText").out
                    }

                    #expect(try await machine.sh("systemctl stop exedev-k8s").status == 0)
                    #expect(try await machine.sh("ls /run/exedev-k8s /var/lib/exedev-k8s/wire/daemon.sock").status != 0)
                    let end = try await machine.sh("systemctl show exedev-k8s -p Result,ExecMainStatus,NRestarts | sort")
                    #expect(end.out == "ExecMainStatus=0\nNRestarts=0\nResult=success\n", "\(end.all)")
                }
            }
        }

        @Test func daemonDoesNotStartOverAndOverOnABadFile() async throws {
            try await Wire.run { wire in
                try await OperatorMachine.run(wire, fleet: "{ nonsense") { machine in
                    #expect(try await machine.sh("systemctl start exedev-k8s").status != 0)
                    #expect(try await machine.sh("journalctl -u exedev-k8s -p err -o cat --no-pager").out.contains("fleet.json:1:"))
                    let end = try await machine.sh("systemctl show exedev-k8s -p Result,ExecMainStatus,NRestarts,ActiveState | sort")
                    #expect(end.out == "ActiveState=failed\nExecMainStatus=78\nNRestarts=0\nResult=exit-code\n", "\(end.all)")
                }
            }
        }

        @Test func oneShotAppliesAsAService() async throws {
            try await Wire.run { wire in
                try await OperatorMachine.run(wire, fleet: Self.fleet(wire, pools: [:])) { machine in
                    let run = try await machine.sh("systemctl start exedev-k8s-apply || journalctl -u exedev-k8s-apply --no-pager >&2")
                    #expect(run.err == "", "\(run.all)")
                    #expect(try wire.vms().keys.sorted() == ["wire-cp-n1"])
                    #expect(try await machine.journal("exedev-k8s-apply").contains("Settled."))
                }
            }
        }

        @Test(arguments: ["exedev-k8s.service", "exedev-k8s@.service", "exedev-k8s-apply.service"])
        func unitIsShutIn(unit: String) async throws {
            let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "systemd/\(unit)").path
            let words = ["systemd-analyze", "security", "--offline=true", "--threshold=11", "--no-pager", file]
            let environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
            let ended = try await ChildProcess(words, environment: environment, folder: NSTemporaryDirectory()).ended()
            #expect(ended.status == 0, "\(ended.all)")
        }

        /// As the unit shuts it in, the daemon answers in its runtime directory, and `status` finds it from the state directory.
        private static func expectEndpoint(_ machine: OperatorMachine) async throws {
            let socket = try await machine.sh("stat -c '%a %U %F' /run/exedev-k8s/exedev-k8s.sock")
            #expect(socket.out == "600 exedev-k8s socket\n", "\(socket.all)")
            let status = try await machine.sh(
                "/usr/local/bin/exedev-k8s status --json --file /etc/exedev-k8s/fleet.json --state /var/lib/exedev-k8s")
            #expect(status.err.contains("from the daemon") && status.out.contains("wire-web-n2"), "\(status.all)")
        }

        /// A hook under the unit's hardening: it prints its input, and tries to read what it must not.
        private static let hook = """
            cat > /usr/local/bin/hook <<'END'
            #!/bin/sh
            echo "$(grep -c '"kind":"'$KIND'"') $KIND $CLUSTER <$NODE> exe.dev's token: ${EXE_DEV_API_KEY:-${CREDENTIALS_DIRECTORY:-none}}"
            END
            chmod 755 /usr/local/bin/hook
            mkdir -p /etc/systemd/system/exedev-k8s.service.d
            start=$(sed -n 's/^ExecStart=//p' /usr/local/lib/systemd/system/exedev-k8s.service)
            printf '[Service]\\nExecStart=\\nExecStart=%s --hook /usr/local/bin/hook\\n' "$start" > /etc/systemd/system/exedev-k8s.service.d/hook.conf
            systemctl daemon-reload

            """

        /// What a program finds in the journal.
        private static func expectFields(_ machine: OperatorMachine) async throws {
            let lines = try await machine.sh("journalctl -u exedev-k8s NODE=wire-web-n1 -o json --no-pager").out.split(separator: "\n")
            let found = try lines.map { try JSONDecoder().decode([String: String].self, from: Data($0.utf8)) }
            let settled = try #require(found.last { $0["MESSAGE"] == "wire-web-n1      settled" }, "\(lines)")
            #expect(settled["MESSAGE_ID"] == "f828c6dc468e4dd9898255cb2bb4058a" && settled["PRIORITY"] == "6", "\(settled)")
            #expect(settled["CLUSTER"] == "wire" && settled["RUN_ID"]?.count == 12, "\(settled)")
            #expect(settled["SYSLOG_IDENTIFIER"] == "exedev-k8s", "\(settled)")
        }

        private static func expect(_ machine: OperatorMachine, _ words: String) async throws {
            try await expect(words) { try await machine.journal("exedev-k8s") }
        }

        /// Waits until what is said has `words`.
        private static func expect(_ words: String, saidBy said: () async throws -> String) async throws {
            var text = ""
            let end = ContinuousClock.now + .seconds(300)
            while ContinuousClock.now < end {
                text = try await said()
                if text.contains(words) { return }
                try await Task.sleep(for: .milliseconds(100))
            }
            Issue.record("nobody says \(words): \(text)")
        }
    }
}
