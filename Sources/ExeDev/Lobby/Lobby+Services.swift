extension Lobby {
    private static let pool: LobbyCommand.Flag = .value("pool", "NAME", "the pool")
    private static let vm: LobbyCommand.Flag = .value("vm", "VM", "the VM")

    static let services: [LobbyCommand] = domains + integrations + pools + families

    private static let domains: [LobbyCommand] = [
        LobbyCommand(
            path: "domain add", operands: ["<vm>", "<domain>"], summary: "serves a VM under a domain of yours",
            flags: [.flag("wildcard", "and all names below it")], examples: ["domain add web-one www.example.com"], answersJSON: true),
        LobbyCommand(
            path: "domain ls", operands: ["[vm]"], summary: "lists a VM's domains", flags: [.flag("a", "of all VMs")],
            examples: ["domain ls -a"], isRead: true),
        LobbyCommand(
            path: "domain rm", operands: ["<vm>", "<domain>"], summary: "ends what domain add began",
            examples: ["domain rm web-one www.example.com"], danger: "the domain is not served any more", answersJSON: true),
    ]

    private static let integrations: [LobbyCommand] = [
        LobbyCommand(
            path: "integrations list", operands: [], summary: "lists integrations",
            flags: [.flag("usage", "who uses them"), .flag("available", "those that could be added")], isRead: true),
        LobbyCommand(
            path: "integrations add", operands: ["<type>"], summary: "adds an integration; its flags hang on its type", isOpen: true),
        LobbyCommand(
            path: "integrations remove", operands: ["<name>"], summary: "removes an integration",
            danger: "the VMs that use it lose it", isOpen: true),
        LobbyCommand(path: "integrations test", operands: ["<name>"], summary: "tries an integration", isOpen: true),
        LobbyCommand(path: "integrations edit", operands: ["<name>"], summary: "changes an integration", isOpen: true),
        LobbyCommand(path: "integrations rename", operands: ["<old>", "<new>"], summary: "renames an integration", isOpen: true),
        LobbyCommand(
            path: "integrations attach", operands: ["<name>", "<vm:N|tag:T|auto:all>"], summary: "gives an integration to VMs",
            flags: [.value("for", "DURATION", "for so long"), .value("until", "TIME", "until then")],
            examples: ["integrations attach github tag:ci --for=1h"]),
        LobbyCommand(
            path: "integrations detach", operands: ["<name>", "<vm:N|tag:T|auto:all>"], summary: "takes an integration from VMs"),
        LobbyCommand(path: "integrations catalog", operands: [], summary: "lists the types of integrations", isRead: true, isOpen: true),
        LobbyCommand(path: "integrations setup", operands: ["<github|chatgpt|execonnect>"], summary: "begins a set-up", isOpen: true),
    ]

    private static let pools: [LobbyCommand] = [
        LobbyCommand(
            path: "pool list", operands: [], summary: "lists pools",
            flags: [.flag("usage", "with figures of their use"), .value("range", "RANGE", "24h, 7d or 30d")],
            examples: ["pool list --usage"], isRead: true),
        LobbyCommand(
            path: "pool new", operands: ["<name>"], summary: "reserves CPUs: an even number, with 2 GiB each",
            flags: [
                .value("cpus", "N", "number of CPUs"), .value("region", "CODE", "where"), .value("max-vms", "N", "VMs at most"),
            ], examples: ["pool new fast --cpus=8"], danger: "it is paid for from now on"),
        LobbyCommand(
            path: "pool adopt", operands: [], summary: "moves a VM into a pool; may take minutes", flags: [vm, pool],
            examples: ["pool adopt --vm=web-one --pool=fast"], deadline: 340),
        LobbyCommand(
            path: "pool detach", operands: [], summary: "takes a VM out of its pool",
            flags: [vm, .flag("poolless", "into no pool at all")], examples: ["pool detach --vm=web-one"],
            danger: "the VM moves, and may be paid for by itself", deadline: 340),
        LobbyCommand(
            path: "pool resize", operands: ["<name>"], summary: "changes a pool's size",
            flags: [.value("cpus", "N", "number of CPUs"), .value("max-vms", "N", "VMs at most")], danger: "it is paid for from now on"),
        LobbyCommand(path: "pool rename", operands: ["<old>", "<new>"], summary: "renames a pool"),
        LobbyCommand(
            path: "pool delete", operands: ["<name>"], summary: "deletes a pool", flags: [.flag("force", "even if VMs are in it")],
            examples: ["pool delete fast"], danger: "its VMs lose their CPUs"),
        LobbyCommand(path: "pool hosts", operands: ["[word]..."], summary: "shows a pool's hosts", isRead: true, isOpen: true),
    ]

    /// Their JSON, or their flags, are not documented.
    private static let families: [LobbyCommand] = [
        LobbyCommand(path: "team members", operands: [], summary: "lists the team's members", isRead: true),
        LobbyCommand(path: "team vm ls", operands: ["[word]..."], summary: "lists the team's VMs", isRead: true, isOpen: true),
        LobbyCommand(
            path: "team remove", operands: ["<word>..."], summary: "removes a member", danger: "the member loses access", isOpen: true),
        LobbyCommand(
            path: "team transfer", operands: ["<word>..."], summary: "gives the team to somebody else",
            danger: "somebody else owns the team", isOpen: true),
        LobbyCommand(
            path: "team disable", operands: ["[word]..."], summary: "ends the team", danger: "the team ends", isOpen: true),
        LobbyCommand(
            path: "team", operands: ["[word]..."],
            summary: "the team: add, role, rename, usage, billing, auth, settings …", isOpen: true),
        LobbyCommand(path: "billing plan", operands: [], summary: "shows the plan", isRead: true, isOpen: true),
        LobbyCommand(path: "billing usage", operands: [], summary: "shows what was used", isRead: true, isOpen: true),
        LobbyCommand(path: "billing", operands: ["[word]..."], summary: "what is paid for", isOpen: true),
        LobbyCommand(path: "invite", operands: ["[word]..."], summary: "invites somebody to exe.dev", isOpen: true),
        LobbyCommand(path: "shelley install", operands: ["<vm>"], summary: "installs the agent Shelley on a VM", answersJSON: true),
    ]
}
