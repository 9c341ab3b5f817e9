extension Lobby {
    private static let sizes: [LobbyCommand.Flag] = [
        .value("cpu", "N", "number of CPUs"), .value("memory", "SIZE", "memory, e.g. 4GB"), .value("disk", "SIZE", "disk, e.g. 20GB"),
    ]

    static let machines: [LobbyCommand] = [
        LobbyCommand(
            path: "ls", operands: ["[name|pattern]"], summary: "lists VMs; a plain name also matches VMs whose names begin with it",
            flags: [.flag("l", "sizes and images too"), .value("group", "KEY", "none, tag, region or type")],
            examples: ["ls", "ls 'web-*'", "ls -l web-one"], isRead: true,
            columns: [
                "vm_name", "status", "region", "tags", "comment", "created_at", "image", "allocated_cpus", "memory_capacity_bytes",
                "disk_capacity_bytes", "ssh_dest",
            ],
            answersJSON: true),
        LobbyCommand(
            path: "new", operands: [], summary: "creates a VM",
            flags: [.value("name", "NAME", "its name; without one exe.dev chooses"), .value("image", "IMAGE", "container image (exeuntu)")]
                + sizes + [
                    .list("tag", "TAG", "a tag; may be repeated"), .value("comment", "TEXT", "a note, 200 bytes at most"),
                    .list("env", "KEY=VALUE", "an environment variable; may be repeated"),
                    .script("setup-script", "TEXT", "a script for the first boot, 10 KiB at most"),
                    .list("integration", "NAME", "an integration to attach; may be repeated"),
                    .value("egress", "POLICY", "integrations or all"), .value("pool", "NAME", "the pool to create it in"),
                    .flag("no-pool", "outside of any pool"), .flag("standalone", "with CPUs and memory of its own"),
                    .flag("sandbox", "the same as --standalone"), .value("prompt", "TEXT", "a first task for the agent in the VM"),
                    .value("registry-auth", "USER:PASSWORD", "for a private image"), .flag("no-email", "tell the owner nothing by e-mail"),
                    .value("command", "CMD", "auto, none or a command"),
                ],
            examples: ["new --name=web-one --tag=fleet-demo --no-email", "new --name=web-one --wait"], answersJSON: true),
        LobbyCommand(
            path: "rm", operands: ["<vm>..."], summary: "removes VMs", examples: ["rm web-one web-two"],
            danger: "the VMs and their disks are gone; there is no undelete", answersJSON: true),
        LobbyCommand(
            path: "restart", operands: ["<vm>"], summary: "resets a VM, or starts a stopped one", examples: ["restart web-one"],
            danger: "the VM loses its power: what it has not written to its disk is lost", answersJSON: true),
        LobbyCommand(
            path: "pause", operands: ["<vm>"], summary: "keeps a VM's memory and stops it", examples: ["pause web-one"], answersJSON: true),
        LobbyCommand(
            path: "resume", operands: ["<vm>"], summary: "lets a paused VM go on", examples: ["resume web-one"], answersJSON: true),
        LobbyCommand(
            path: "rename", operands: ["<old>", "<new>"], summary: "changes a VM's name, host name and URL",
            examples: ["rename web-one web-two"], danger: "its name, host name and URL change; a node of a cluster is lost to it",
            answersJSON: true),
        LobbyCommand(
            path: "cp", operands: ["<vm>", "[new]"], summary: "copies a VM with its disk",
            flags: [.value("copy-tags", "BOOL", "false: the copy has no tags")] + sizes + [
                .value("pool", "NAME", "the pool to create it in"), .value("egress", "POLICY", "integrations or all"),
                .flag("standalone", "with CPUs and memory of its own"),
            ], examples: ["cp web-one web-copy"], deadline: 340, answersJSON: true),
        LobbyCommand(
            path: "tag", operands: ["<vm>", "<tag>..."], summary: "adds tags to a VM, or takes them from it",
            flags: [.flag("d", "take them away")], examples: ["tag web-one ci", "tag -d web-one ci"], answersJSON: true),
        LobbyCommand(
            path: "comment", operands: ["<vm>", "<text>"], summary: "sets a VM's comment; an empty text clears it",
            examples: ["comment web-one 'made by hand'"], answersJSON: true),
        LobbyCommand(
            path: "resize", operands: ["<vm>"], summary: "changes a VM's size: CPUs and memory at its next restart, disks only grow",
            flags: sizes, examples: ["resize --memory=8GB web-one"], answersJSON: true),
        LobbyCommand(
            path: "egress", operands: ["<vm>", "[policy]"], summary: "shows or sets what a VM may reach: integrations or all",
            examples: ["egress web-one all"], answersJSON: true),
        LobbyCommand(
            path: "stat", operands: ["<vm>"], summary: "shows a VM's use of CPU, memory, disk and network",
            flags: [.value("range", "RANGE", "24h, 7d or 30d")], examples: ["stat --range=7d web-one"], isRead: true,
            columns: ["timestamp", "cpu_cores", "mem_used_bytes", "fs_used_gb", "network_rx_mbps", "network_tx_mbps"], answersJSON: true),
        LobbyCommand(path: "vm-logs", operands: ["<vm>"], summary: "shows why a VM does not start", isRead: true),
        LobbyCommand(
            path: "grant-support-root", operands: ["<vm>", "<on|off>"], summary: "lets exe.dev's support into a VM, or not",
            danger: "exe.dev's support can read all that is on the VM"),
    ]
}
