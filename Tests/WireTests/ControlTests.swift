import Foundation
import TestSupport
import Testing

extension WireTests {
    /// `exedev-ctl` as a program, in a pipe and on a terminal; tokens that are signed by it are taken.
    @Suite struct ControlTests {
        @Test func commandsTablesAndTokens() async throws {
            try await Wire.run { wire in
                func ctl(_ words: String...) async throws -> (status: Int32, all: String) {
                    let ended = try await wire.exec("exedev-ctl", words)
                    return (ended.status, ended.all)
                }
                #expect(try await ctl("new", "--name=web-one", "--tag", "a", "--no-email").status == 0)
                #expect(try await ctl("ls").all.hasPrefix(#"{"vms":[{"vm_name":"web-one""#), "a pipe gets the answer as it is")
                let table = try await ChildProcess(
                    ["script", "-qec", "\(wire.programs)/exedev-ctl ls", "/dev/null"], environment: wire.environment, folder: wire.folder
                ).ended()
                #expect(table.status == 0 && table.out.contains("VM-NAME  STATUS"), "\(table.all)")
                #expect(try await ctl("tag", "web-one", "b").all.contains(#""tags":["a","b"]"#))
                let missing = try await ctl("ls", "nobody")
                #expect(missing.status == 1 && missing.all.contains("there is no VM nobody"), "\(missing.all)")
                let kept = try await ctl("rm", "web-one")
                #expect(kept.status == 64 && kept.all.contains("--yes"), "\(kept.all)")
                #expect(try wire.vms().count == 1)
                let none = try await ctl("rm", "nobody", "--yes")
                #expect(none.status == 1 && none.all.contains("not found"), "\(none.all)")
                let line = try await wire.exec("exedev-ctl", ["exec", "-"], input: "comment web-one 'a b'\n")
                #expect(line.status == 0 && line.out.contains(#""comment":"a b""#), "\(line.all)")

                let file = wire.folder + "/minted"
                let minted = try await ctl("token", "mint", "--cmds=ls,share show", "--exp=30d", "--out", file)
                #expect(minted.status == 0, "\(minted.all)")
                let attributes = try FileManager.default.attributesOfItem(atPath: file)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
                #expect(try await ctl("ls", "--token-file", file).status == 0)
                let refused = try await ctl("rm", "web-one", "--yes", "--token-file", file)
                #expect(refused.status == 1 && refused.all.contains("(403)") && refused.all.contains("permissions"), "\(refused.all)")
                let report = try await ctl("token", "inspect", "--token-file", file)
                let nowhere = try await ctl("token", "for", "nope.json")
                #expect(nowhere.status == 1 && nowhere.all.contains("exedev-ctl token for FILE"), "\(nowhere.all)")
                #expect(report.status == 0 && report.all.contains("may run:    ls, share show"), "\(report.all)")
                #expect(try await ctl("rm", "web-one", "--yes").status == 0)
            }
        }

        /// A key of which exe.dev knows nothing: its file, and the line to register.
        private func secondKey(_ wire: Wire) async throws -> (file: String, line: String) {
            let file = wire.folder + "/second"
            let made = try await ChildProcess(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "second", "-f", file], environment: wire.environment,
                folder: wire.folder
            ).ended()
            #expect(made.status == 0, "\(made.all)")
            return (file, try String(contentsOfFile: file + ".pub", encoding: .utf8).trimmingCharacters(in: .newlines))
        }

        /// Who logs in on a VM: any name, with a key while it is registered. What `new` was given has run by then, or soon after.
        private func logins(_ wire: Wire) async throws {
            let (key, line) = try await secondKey(wire)
            func login(_ name: String) async throws -> ChildProcess.Ended {
                let words = try wire.ssh(["-o", "IdentitiesOnly=yes", "-i", key, "-l", name], to: "web-one").map {
                    $0 == wire.environment["EXE_DEV_SSH_KEY"] ? key : $0.hasPrefix("exedev@") ? String($0.dropFirst(7)) : $0
                }
                return try await ChildProcess(words + ["whoami; cd; pwd"], environment: wire.environment, folder: wire.folder).ended()
            }
            #expect(try await login("exedev").status == 255)
            for flags in [[], ["--vm=web-one"]] {
                let added = try await wire.exec("exedev-ctl", ["ssh-key", "add"] + flags + [line])
                #expect(added.status == 0, "\(added.all)")
                for name in ["exedev", "root", "ubuntu"] {
                    let said = try await login(name)
                    #expect(said.out == "exedev\n/home/exedev\n", "\(name): \(said.all)")
                }
                #expect(try await wire.exec("exedev-ctl", ["ssh-key", "remove", "second", "--yes"]).status == 0)
                #expect(try await login("exedev").status == 255)
            }
            let setup = "until [ ! -e /exe.dev/setup ]; do sleep 0.2; done; cat /tmp/out"
            #expect(try await wire.exec("exedev-ctl", ["ssh", "web-one", setup]).out == "set up by exedev\n")
        }

        /// `ssh` and `scp` of exedev-ctl: streams, exit statuses, files both ways.
        @Test func commandsAndFilesOnAVM() async throws {
            try await Wire.run { wire in
                let setup = "#!/bin/sh\necho set up by $(whoami) > /tmp/out\n"
                let made = try await wire.exec("exedev-ctl", ["new", "--name=web-one", "--no-email", "--wait", "--setup-script", setup])
                #expect(made.status == 0, "\(made.all)")
                let run = try await wire.exec("exedev-ctl", ["ssh", "web-one", "cat; uname -n; echo err >&2; exit 7"], input: "in\n")
                #expect(run.status == 7 && run.out == "in\nweb-one\n" && run.err == "err\n", "\(run.all)")
                #expect(try await wire.exec("exedev-ctl", ["ssh", "web-one", "exit", "0"]).status == 0)
                let bash = try await wire.exec("exedev-ctl", ["ssh", "web-one", "[[ 1 == 1 ]] && echo {1..3} 'a!b' \"$0\""])
                #expect(bash.status == 0 && bash.out == "1 2 3 a!b /bin/bash\n", "the login's shell: \(bash.all)")
                try await logins(wire)
                let (file, back) = (wire.folder + "/a b", wire.folder + "/back")
                let bytes = Data((0..<500_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) })
                try bytes.write(to: URL(fileURLWithPath: file))
                for words in [["scp", file, "web-one:/tmp"], ["scp", "web-one:/tmp/a b", back]] {
                    let copy = try await wire.exec("exedev-ctl", words)
                    #expect(copy.status == 0, "\(copy.all)")
                }
                #expect(FileManager.default.contents(atPath: back) == bytes)
                let tree = wire.folder + "/tree/in"
                try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
                try "x".write(toFile: tree + "/c d", atomically: false, encoding: .utf8)
                for words in [
                    ["scp", "-r", wire.folder + "/tree", "web-one:/tmp/t"], ["scp", "-r", "web-one:/tmp/t", wire.folder + "/got"],
                ] {
                    let copy = try await wire.exec("exedev-ctl", words)
                    #expect(copy.status == 0, "\(copy.all)")
                }
                #expect(FileManager.default.fileExists(atPath: wire.folder + "/got/in/c d"))
                let missing = try await wire.exec("exedev-ctl", ["scp", "web-one:/nowhere", wire.folder + "/none"])
                #expect(missing.status == 1 && !FileManager.default.fileExists(atPath: wire.folder + "/none.part"), "\(missing.all)")
                // A terminal is as it was, also after a signal.
                let program = "\(wire.programs)/exedev-ctl"
                let shell = """
                    cd \(wire.folder); stty -g > before; sh -c 'echo $$ > pid; exec \(program) ssh -t web-one "echo begun; sleep 4567"'; stty -g > after
                    """
                let onTerminal = try ChildProcess(
                    ["script", "-qec", shell, "/dev/null"], environment: wire.environment, folder: wire.folder)
                #expect(await onTerminal.signal(0, whenItSays: "begun"))
                let id = try String(contentsOfFile: wire.folder + "/pid", encoding: .utf8).trimmingCharacters(in: .newlines)
                kill(try #require(pid_t(id)), SIGTERM)
                _ = await onTerminal.ended()
                let modes = try ["before", "after"].map { try String(contentsOfFile: wire.folder + "/" + $0, encoding: .utf8) }
                #expect(modes[0] == modes[1] && modes[0].contains(":"))

                wire.environment["EXE_DEV_KNOWN_HOSTS"] = "/dev/null"
                let stranger = try await wire.exec("exedev-ctl", ["ssh", "web-one", "true"])
                #expect(stranger.status == 1 && stranger.err.contains("vouches"), "\(stranger.all)")
                let vain = try await wire.exec("exedev-ctl", ["new", "--name=web-two", "--no-email", "--wait"])
                #expect(
                    vain.status == 1 && vain.err.contains("web-two was made, but does not answer over SSH"), "no wait mends it: \(vain.all)"
                )
            }
        }

        /// `ssh` through `/exec`: no key and no port 22, output as it comes, and an end that is proved.
        @Test func commandsThroughExec() async throws {
            try await Wire.run { wire in
                #expect(try await wire.exec("exedev-ctl", ["new", "--name=web-one", "--no-email", "--wait"]).status == 0)
                let whole = wire.environment
                wire.environment["EXE_DEV_SSH_KEY"] = nil
                func run(_ command: String...) async throws -> ChildProcess.Ended {
                    try await wire.exec("exedev-ctl", ["ssh", "--transport", "https", "web-one"] + command)
                }
                let run1 = try await run("uname -n; echo 'a  b'; echo err >&2; exit 7")
                #expect(run1.status == 7 && run1.out == "web-one\na  b\n" && run1.err == "err\n", "\(run1.all)")
                let long = try await run("head -c 2000000 /dev/zero | tr '\\0' x")
                #expect(long.status == 0 && long.out == String(repeating: "x", count: 2_000_000))
                try wire.set(faults: #"{"heartbeatMilliseconds": 50}"#)
                let quiet = try await run("sleep 1; echo done")
                #expect(quiet.status == 0 && quiet.out == "done\n", "\(quiet.all)")
                for fault in ["noExitCode", "truncate", "lostReply"] {
                    try wire.set(faults: #"{"rules": [{"command": "ssh", "fault": "\#(fault)", "times": 99}]}"#)
                    let lost = try await run("echo hi")
                    #expect(lost.status == 1 && lost.err.contains("not known whether it was done"), "\(fault): \(lost.all)")
                }
                let unknown = try await wire.exec("exedev-ctl", ["exec", "ssh web-one true"])
                #expect(unknown.status == 1 && unknown.err.contains("not known whether it was done"), "\(unknown.all)")
                try wire.set(faults: "{}")
                let typed = try await wire.exec("exedev-ctl", ["exec", "ssh web-one 'echo out; exit 7'"])
                #expect(typed.status == 7 && typed.out == "out\n", "\(typed.all)")
                let bytes = try await ChildProcess(
                    ["sh", "-c", "\(wire.programs)/exedev-ctl exec \"comment web-one $(printf '\\377')\""],
                    environment: wire.environment, folder: wire.folder
                ).ended()
                #expect(bytes.status == 64 && bytes.all.contains("argument 2 is no UTF-8 text"), "\(bytes.all)")
                let missing = try await wire.exec("exedev-ctl", ["ssh", "--transport=https", "nobody", "true"])
                #expect(missing.status == 1 && missing.err.contains("not found"), "\(missing.all)")
                #expect(try await wire.exec("exedev-ctl", ["ssh", "--transport=https", "web-one"]).status == 64, "there is no shell")

                // Who leaves takes the command along.
                let left = try ChildProcess(
                    ["\(wire.programs)/exedev-ctl", "ssh", "--transport=https", "web-one", "echo begun; exec sleep 4567"],
                    environment: wire.environment, folder: wire.folder)
                #expect(await left.signal(SIGKILL, whenItSays: "begun"))
                _ = await left.ended()
                wire.environment = whole
                let gone = try await wire.inside("web-one", "timeout 60 sh -c \"while pgrep -f 'sleep 456[7]'; do sleep 0.1; done\"")
                #expect(gone.status == 0, "\(gone.all)")
            }
        }

        /// Over SSH, with a key and no token: the same answers, errors and exit statuses, and the same fleet.
        @Test func theLobbyOverSSHIsTheSame() async throws {
            try await Wire.run { wire in
                let https = wire.environment
                wire.environment["EXE_DEV_API_KEY"] = nil
                wire.environment["EXE_DEV_TRANSPORT"] = "ssh"
                let ssh = wire.environment
                for words in [
                    ["ls"], ["ls", "nobody"], ["restart", "nobody", "--yes"], ["exec", "frobnicate"],
                    ["tag", "nobody", "A"],
                ] {
                    var said: [String] = []
                    for environment in [https, ssh] {
                        wire.environment = environment
                        let ended = try await wire.exec("exedev-ctl", words)
                        said.append("\(ended.status) \(ended.all)")
                    }
                    #expect(said[0] == said[1], "\(words)")
                }
                wire.environment = ssh
                try wire.write(pools: ["web": "nodes: 1"])
                let apply = try await wire.k8s("apply", "--yes")
                #expect(apply.status == 0, "\(apply.all)")
                let remote = try await wire.exec("exedev-ctl", ["exec", "ssh wire-cp-n1 'uname -n; echo err >&2; exit 3'"])
                #expect(remote.status == 3 && remote.out == "wire-cp-n1\n" && remote.err == "err\n", "\(remote.all)")
                let doctor = try await wire.k8s("doctor")
                #expect(doctor.status == 0 && doctor.out.contains("is spoken to over SSH"), "\(doctor.all)")
                // A key for one tag logs in too, and sees no more; one that was removed does not.
                #expect(try await wire.exec("exedev-ctl", ["new", "--name=other-one", "--no-email"]).status == 0)
                let (second, line) = try await secondKey(wire)
                let added = try await wire.exec("exedev-ctl", ["ssh-key", "add", "--tag=fleet-wire", line])
                #expect(added.status == 0, "\(added.all)")
                wire.environment["EXE_DEV_SSH_KEY"] = second
                let seen = try await wire.exec("exedev-ctl", ["ls"])
                #expect(seen.status == 0 && seen.out.contains("wire-cp-n1") && !seen.out.contains("other-one"), "\(seen.all)")
                let tag = try await wire.exec("exedev-ctl", ["tag", "wire-cp-n1", "more"])
                #expect(tag.status == 1 && tag.err.contains("tag"), "\(tag.all)")
                wire.environment = ssh
                #expect(try await wire.exec("exedev-ctl", ["ssh-key", "remove", "second", "--yes"]).status == 0)
                wire.environment["EXE_DEV_SSH_KEY"] = second
                let gone = try await wire.exec("exedev-ctl", ["ls"])
                #expect(gone.status == 1 && gone.err.contains("refused the SSH key"), "\(gone.all)")
                wire.environment = ssh

                wire.environment["EXE_DEV_TRANSPORT"] = nil
                try wire.write(pools: ["web": "nodes: 1"], more: "transport: \"ssh\",")
                #expect(try await wire.k8s("plan").status == 0, "the fleet file chooses it too")
                wire.environment["EXE_DEV_TRANSPORT"] = "ssh"
                wire.environment["EXE_DEV_SSH_KEY"] = nil
                let keyless = try await wire.exec("exedev-ctl", ["ls"])
                #expect(keyless.status == 1 && keyless.err.contains("SSH key"), "\(keyless.all)")
            }
        }

        /// A fleet under a key that sees only its tag; a token is exchanged, requested and revoked.
        @Test func tokensLiveAndEnd() async throws {
            try await Wire.run { wire in
                func ctl(_ words: String...) async throws -> (status: Int32, all: String) {
                    let ended = try await wire.exec("exedev-ctl", words)
                    return (ended.status, ended.all)
                }
                #expect(try await ctl("new", "--name=other-one", "--no-email").status == 0)
                // A token for these commands alone.
                let (owner, key, short) = (wire.folder + "/owner", wire.folder + "/tagged", wire.folder + "/short")
                let mint = try await ctl(
                    "token", "mint", "--cmds=ssh-key generate-api-key,ssh-key remove,exe0-to-exe1,ls", "--out", owner)
                #expect(mint.status == 0, "\(mint.all)")
                let request = try await ctl("token", "request", "--tag=fleet-wire", "--label=wire", "--out", key, "--token-file", owner)
                #expect(request.status == 0, "\(request.all)")
                // Two keys of one name: which one is meant, only the operator knows.
                let lister = wire.folder + "/lister"
                #expect(try await ctl("token", "mint", "--cmds=ssh-key list,ssh-key remove", "--out", lister).status == 0)
                for _ in 1...2 {
                    #expect(try await ctl("token", "request", "--label=twin", "--out", short, "--token-file", owner).status == 0)
                }
                let twins = try await ctl("token", "revoke", "twin", "--yes", "--token-file", lister)
                #expect(twins.status == 1 && twins.all.contains("2 keys are called twin"), "\(twins.all)")
                let print = try #require(twins.all.matches(of: /SHA256:[^, \n]+/).first.map { String($0.0) }, "\(twins.all)")
                #expect(try await ctl("token", "revoke", print, "--yes", "--token-file", lister).status == 0)
                #expect(try await ctl("token", "revoke", "twin", "--yes", "--token-file", lister).status == 0, "one is left")
                let exchange = try await ctl("token", "exchange", "--out", short, "--token-file", owner)
                #expect(exchange.status == 0, "\(exchange.all)")
                #expect(try await ctl("ls", "other-one", "--token-file", short).status == 0)
                #expect(try await ctl("ls", "other-one", "--token-file", key).status == 1, "it is not there for this key")

                wire.environment["EXE_DEV_API_KEY"] = nil
                try wire.write(pools: ["web": "nodes: 1"])
                let apply = try await wire.k8s("apply", "--yes", "--token-file", key)
                #expect(apply.status == 0, "\(apply.all)")
                let taken = try await ctl("new", "--name=other-one", "--no-email", "--token-file", key)
                #expect(taken.status == 1 && taken.all.contains("not available"), "\(taken.all)")
                let revoked = try await ctl("token", "revoke", "wire", "--yes", "--token-file", owner)
                #expect(revoked.status == 0, "\(revoked.all)")
                let ended = try await wire.k8s("plan", "--token-file", key)
                #expect(ended.status == 1 && ended.all.contains("(401)"), "\(ended.all)")
            }
        }

        /// A fleet that is well has nothing to be mended; what is broken is found by its own check.
        @Test func doctorFindsWhatIsBroken() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1"])
                let file = wire.folder + "/minted"
                let weak = try await wire.exec(
                    "exedev-ctl", ["token", "mint", "--cmds=ls,new,restart,resize,tag", "--exp=30m", "--out", file])
                #expect(weak.status == 0, "\(weak.all)")
                let apply = try await wire.k8s("apply", "--yes")
                try #require(apply.status == 0, "\(apply.all)")
                let well = try await wire.k8s("doctor")
                #expect(
                    well.status == 0 && !well.out.contains("failed") && well.out.contains("wire-web-n1: reaches every server"),
                    "\(well.all)")

                try wire.write(pools: ["web": "nodes: 0"])
                let lacking = try await wire.k8s("doctor", "--token-file", file)
                #expect(lacking.status == 1 && lacking.out.contains("the token may not run rm"), "\(lacking.all)")
                #expect(lacking.out.contains("warning  token") && lacking.out.contains("ends at"), "\(lacking.all)")
                let plan = try await wire.k8s("plan", "--token-file", file)
                #expect(plan.status == 2 && plan.err.contains("the API token may not run rm (wire-web-n1)"), "\(plan.all)")
                let refused = try await wire.k8s("apply", "--yes", "--token-file", file)
                #expect(refused.status == 1 && refused.err.contains("may not run rm"), "\(refused.all)")
                #expect(try wire.vms().count == 2)

                try wire.write(pools: ["web": "nodes: 1"])
                #expect(try await wire.inside("wire-cp-n1", "systemctl stop k3s").status == 0)
                let stopped = try await wire.k8s("doctor")
                #expect(stopped.status == 1 && stopped.out.contains("the API does not answer on the server itself"), "\(stopped.all)")
                wire.environment["EXE_DEV_KNOWN_HOSTS"] = "/dev/null"
                let unvouched = try await wire.k8s("doctor", "--json")
                #expect(unvouched.status == 1 && unvouched.out.contains("\"check\" : \"host-key\""), "\(unvouched.all)")
            }
        }
    }
}
