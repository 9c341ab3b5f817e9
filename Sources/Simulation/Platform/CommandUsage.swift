/// How a command of the lobby is called, and the flags that it knows (facts/exedev.md §1).
struct CommandUsage: Sendable {
    let usage: String
    /// Flags with a value, behind `=` or in the next word.
    let values: Set<String>
    /// Flags without one; `--x=false` takes them back.
    let switches: Set<String>

    private init(_ usage: String, values: Set<String> = [], switches: Set<String> = []) {
        (self.usage, self.values, self.switches) = (usage, values, switches.union(["json", "help"]))
    }

    static let all: [String: CommandUsage] = [
        "ls": CommandUsage("ls [-l] [--group=none|tag|region|type] [name|pattern]", values: ["group"], switches: ["l"]),
        "new": CommandUsage(
            "new [flags]",
            values: [
                "name", "image", "cpu", "memory", "disk", "tag", "env", "setup-script", "comment", "integration", "egress", "pool",
                "prompt", "registry-auth", "command",
            ], switches: ["no-pool", "standalone", "sandbox", "no-email"]),
        "rm": CommandUsage("rm <vm>..."),
        "restart": CommandUsage("restart <vm>"),
        "resize": CommandUsage("resize <vm> [--cpu=N] [--memory=SIZE] [--disk=SIZE]", values: ["cpu", "memory", "disk"]),
        "pause": CommandUsage("pause <vm>"),
        "resume": CommandUsage("resume <vm>"),
        "tag": CommandUsage("tag [-d] <vm> <tag>...", switches: ["d"]),
        "comment": CommandUsage("comment <vm> <text>"),
        "stat": CommandUsage("stat <vm> [--range=24h|7d|30d]", values: ["range"]),
        "whoami": CommandUsage("whoami"),
        "help": CommandUsage("help"),
        "ssh": CommandUsage("ssh [-l user] [user@]<vm> [command]", values: ["l"]),
        "cp": CommandUsage(
            "cp <vm> [new]", values: ["copy-tags", "cpu", "memory", "disk", "pool", "egress"], switches: ["standalone"]),
        "grant-support-root": CommandUsage("grant-support-root <vm> on|off"),
        "egress": CommandUsage("egress <vm> [integrations|all]"),
        "set-region": CommandUsage("set-region <code>"),
        "doc": CommandUsage("doc [slug]"),
        "browser": CommandUsage("browser [--qr]", switches: ["qr"]),
        "vm-logs": CommandUsage("vm-logs <vm>"),
        "billing plan": CommandUsage("billing plan"),
        "billing usage": CommandUsage("billing usage"),
        "pool list": CommandUsage("pool list [--usage] [--range=24h|7d|30d]", values: ["range"], switches: ["usage"]),
        "integrations list": CommandUsage("integrations list [--usage] [--available]", switches: ["usage", "available"]),
        "team members": CommandUsage("team members"),
        "domain ls": CommandUsage("domain ls <vm>|-a", switches: ["a"]),
        "exe0-to-exe1": CommandUsage("exe0-to-exe1 [--vm=VM] <exe0>", values: ["vm"]),
        "ssh-key list": CommandUsage("ssh-key list"),
        "ssh-key add": CommandUsage("ssh-key add [--tag=TAG | --vm=VM [--ssh-user=USER]] <public-key>", values: ["tag", "vm", "ssh-user"]),
        "ssh-key remove": CommandUsage("ssh-key remove <name|fingerprint|public-key>"),
        "ssh-key rename": CommandUsage("ssh-key rename <old> <new>"),
        "ssh-key generate-api-key": CommandUsage(
            "ssh-key generate-api-key [--label=TEXT] [--vm=VM | --tag=TAG] [--cmds=A,B] [--exp=30d|1y|never]",
            values: ["label", "vm", "tag", "cmds", "exp"]),
        "share show": CommandUsage("share show <vm>"),
        "share port": CommandUsage("share port <vm> [port]"),
        "share set-public": CommandUsage("share set-public <vm>"),
        "share set-private": CommandUsage("share set-private <vm>"),
        "share add": CommandUsage(
            "share add <vm> <email|team> [--root] [--message=TEXT] [--qr]", values: ["message"], switches: ["root", "qr"]),
        "share remove": CommandUsage("share remove <vm> <email|team> [--root]", switches: ["root"]),
    ]

    /// What `--help` answers. That it is JSON is known (cli, 2026-07); nothing public shows its fields.
    func help(of path: String) -> JSON {
        let flags = (values.map { ($0, true) } + switches.map { ($0, false) }).sorted { $0.0 < $1.0 }.map { name, takesValue in
            JSON.object([("name", .string((name.count == 1 ? "-" : "--") + name)), ("takes_value", .bool(takesValue))])
        }
        return .object([("command", .string(path)), ("usage", .string(usage)), ("flags", .list(flags))])
    }
}
