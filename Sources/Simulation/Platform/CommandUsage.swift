/// How a command of the lobby is called, and the flags that it knows (facts/exedev.md §1).
struct CommandUsage: Sendable {
    let usage: String
    /// Flags with a value, behind `=` or in the next word.
    let values: Set<String>
    /// Flags without one; `--x=false` takes them back.
    let switches: Set<String>
    /// A key that is for VMs with one tag may run it (SDK 0.4.0; of `tag`, dep:typescript-sandboxes, 2026-10).
    let isForTags: Bool

    private init(_ usage: String, values: Set<String> = [], switches: Set<String> = [], tags: Bool = false) {
        (self.usage, self.values, self.switches, isForTags) = (usage, values, switches.union(["json", "help"]), tags)
    }

    static let all: [String: CommandUsage] = [machines, sharing, account, services].reduce(into: [:]) { table, part in
        table.merge(part) { first, _ in first }
    }

    private static let machines: [String: CommandUsage] = [
        "ls": CommandUsage("ls [-l] [--group=none|tag|region|type] [name|pattern]", values: ["group"], switches: ["l"], tags: true),
        "new": CommandUsage(
            "new [flags]",
            values: [
                "name", "image", "cpu", "memory", "disk", "tag", "env", "setup-script", "comment", "integration", "egress", "pool",
                "prompt", "registry-auth", "command",
            ], switches: ["no-pool", "standalone", "sandbox", "no-email"], tags: true),
        "rm": CommandUsage("rm <vm>...", tags: true),
        "restart": CommandUsage("restart <vm>", tags: true),
        "resize": CommandUsage("resize <vm> [--cpu=N] [--memory=SIZE] [--disk=SIZE]", values: ["cpu", "memory", "disk"], tags: true),
        "pause": CommandUsage("pause <vm>", tags: true),
        "resume": CommandUsage("resume <vm>", tags: true),
        "rename": CommandUsage("rename <old> <new>", tags: true),
        "cp": CommandUsage(
            "cp <vm> [new]", values: ["cpu", "memory", "disk", "pool", "egress"], switches: ["copy-tags", "standalone"], tags: true),
        "tag": CommandUsage("tag [-d] <vm> <tag>...", switches: ["d"]),
        "comment": CommandUsage("comment <vm> <text>", tags: true),
        "stat": CommandUsage("stat <vm> [--range=24h|7d|30d]", values: ["range"], tags: true),
        "egress": CommandUsage("egress <vm> [integrations|all]", tags: true),
        "grant-support-root": CommandUsage("grant-support-root <vm> on|off", tags: true),
        "vm-logs": CommandUsage("vm-logs <vm>"),
        "ssh": CommandUsage("ssh [-l user] [user@]<vm> [command]", values: ["l"], tags: true),
        "shelley install": CommandUsage("shelley install <vm>", tags: true),
    ]

    private static let sharing: [String: CommandUsage] = [
        "share show": CommandUsage("share show <vm>", switches: ["qr"], tags: true),
        "share port": CommandUsage("share port <vm> [port]", tags: true),
        "share set-public": CommandUsage("share set-public <vm>", tags: true),
        "share set-private": CommandUsage("share set-private <vm>", tags: true),
        "share add": CommandUsage(
            "share add <vm> <email|team> [--root] [--message=TEXT] [--qr]", values: ["message"], switches: ["root", "qr"], tags: true),
        "share remove": CommandUsage("share remove <vm> <email|team> [--root]", switches: ["root"], tags: true),
        "share add-link": CommandUsage("share add-link <vm> [--qr]", switches: ["qr"], tags: true),
        "share remove-link": CommandUsage("share remove-link <vm> <token>", tags: true),
        "share receive-email": CommandUsage(
            "share receive-email <vm> [on|off] [--reply-policy=all|known|owner|none]", values: ["reply-policy"], tags: true),
        "domain add": CommandUsage("domain add [--wildcard] <vm> <domain>", switches: ["wildcard"]),
        "domain ls": CommandUsage("domain ls <vm>|-a", switches: ["a"]),
        "domain rm": CommandUsage("domain rm <vm> <domain>"),
    ]

    private static let account: [String: CommandUsage] = [
        "whoami": CommandUsage("whoami", tags: true),
        "help": CommandUsage("help [all]", tags: true),
        "doc": CommandUsage("doc [slug]", tags: true),
        "browser": CommandUsage("browser [--qr]", switches: ["qr"]),
        "set-region": CommandUsage("set-region <code>"),
        "exe0-to-exe1": CommandUsage("exe0-to-exe1 [--vm=VM] <exe0>", values: ["vm"]),
        "ssh-key list": CommandUsage("ssh-key list", tags: true),
        "ssh-key add": CommandUsage(
            "ssh-key add [--tag=TAG | --vm=VM [--ssh-user=USER]] <public-key>", values: ["tag", "vm", "ssh-user"], tags: true),
        "ssh-key remove": CommandUsage("ssh-key remove <name|fingerprint|public-key>", tags: true),
        "ssh-key rename": CommandUsage("ssh-key rename <old> <new>", tags: true),
        "ssh-key generate-api-key": CommandUsage(
            "ssh-key generate-api-key [--label=TEXT] [--vm=VM | --tag=TAG] [--cmds=A,B] [--exp=30d|1y|never]",
            values: ["label", "vm", "tag", "cmds", "exp"], tags: true),
        "defaults read": CommandUsage("defaults read [domain [key]]"),
        "defaults write": CommandUsage("defaults write <domain> <key> <value>"),
        "defaults delete": CommandUsage("defaults delete <domain> [key]"),
        "invite": CommandUsage("invite"),
        "invite show": CommandUsage("invite show"),
        "invite link": CommandUsage("invite link"),
        "invite rewards": CommandUsage("invite rewards"),
        "invite set-reward": CommandUsage("invite set-reward standard|bonus-credits|extra-memory|extra-disk"),
        "invite activity": CommandUsage("invite activity"),
    ]

    /// Of the SDK's `integrations.add` and `edit`.
    private static let integrationValues: Set<String> = [
        "bearer", "comment", "fields", "for", "header", "host-key", "name", "repository", "strip-prefix", "target",
    ]
    private static let integrationSwitches: Set<String> = ["act-as-user", "default", "no-auth", "peer", "readonly", "team"]

    private static let services: [String: CommandUsage] = [
        "billing plan": CommandUsage("billing plan [--all]", switches: ["all"]),
        "billing usage": CommandUsage("billing usage [--range=cycle|24h|7d|30d] [--group=vm]", values: ["range", "group"]),
        "pool list": CommandUsage("pool list [pool] [--usage [--range=live|24h|7d|30d]]", values: ["range"], switches: ["usage"]),
        "pool new": CommandUsage("pool new <name> --cpus=N [--region=CODE] [--max-vms=N]", values: ["cpus", "region", "max-vms"]),
        "pool adopt": CommandUsage("pool adopt --vm=VM --pool=POOL", values: ["vm", "pool"]),
        "pool detach": CommandUsage("pool detach --vm=VM [--poolless]", values: ["vm"], switches: ["poolless"]),
        "pool resize": CommandUsage(
            "pool resize <name> [--cpus=N] [--max-vms=N] [--force]", values: ["cpus", "max-vms"], switches: ["force"]),
        "pool rename": CommandUsage("pool rename <old> <new>"),
        "pool delete": CommandUsage("pool delete <name> [--force]", switches: ["force"]),
        "pool hosts": CommandUsage("pool hosts"),
        "integrations list": CommandUsage(
            "integrations list [--usage] [--available]", switches: ["usage", "available"], tags: true),
        "integrations add": CommandUsage(
            "integrations add <type> [--name=NAME] [flags]", values: integrationValues.union(["attach"]), switches: integrationSwitches),
        "integrations edit": CommandUsage(
            "integrations edit <name> [flags]", values: integrationValues.union(["webhook-url"]),
            switches: integrationSwitches.union(["clear-header"])),
        "integrations remove": CommandUsage("integrations remove <name> [--team]", switches: ["team"]),
        "integrations test": CommandUsage("integrations test <name> [--team]", switches: ["team"]),
        "integrations rename": CommandUsage("integrations rename <old> <new> [--team]", switches: ["team"]),
        "integrations attach": CommandUsage(
            "integrations attach <name> <vm:NAME|tag:TAG|auto:all> [--team] [--for=DURATION | --until=TIME]", values: ["for", "until"],
            switches: ["team"]),
        "integrations detach": CommandUsage("integrations detach <name> <vm:NAME|tag:TAG|auto:all> [--team]", switches: ["team"]),
        "integrations catalog": CommandUsage("integrations catalog [word]"),
        "team": CommandUsage("team"),
        "team members": CommandUsage("team members"),
        "team add": CommandUsage("team add <email> [user|admin|billing_owner]"),
        "team remove": CommandUsage("team remove <email> [--transfer-vms-to=EMAIL]", values: ["transfer-vms-to"]),
        "team role": CommandUsage("team role <email> <user|admin|billing_owner>"),
        "team rename": CommandUsage("team rename <name>"),
        "team usage": CommandUsage("team usage"),
        "team settings": CommandUsage("team settings"),
        "team settings vm-placement": CommandUsage("team settings vm-placement [default|pool <name>|member-pool|poolless]"),
        "team settings standalone": CommandUsage("team settings standalone [off|admins-only|all-users]"),
        "team vm ls": CommandUsage(
            "team vm ls [-l] [--group=tag|region|type|user|access] [name|pattern]", values: ["group"], switches: ["l"], tags: true),
    ]

    /// What `--help` answers. That it is JSON is known (cli, 2026-07); nothing public shows its fields.
    func help(of path: String) -> JSON {
        let flags = (values.map { ($0, true) } + switches.map { ($0, false) }).sorted { $0.0 < $1.0 }.map { name, takesValue in
            JSON.object([("name", .string((name.count == 1 ? "-" : "--") + name)), ("takes_value", .bool(takesValue))])
        }
        return .object([("command", .string(path)), ("usage", .string(usage)), ("flags", .list(flags))])
    }
}
