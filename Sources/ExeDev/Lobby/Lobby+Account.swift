extension Lobby {
    private static let scope: [LobbyCommand.Flag] = [
        .value("tag", "TAG", "only for VMs with this tag, which VMs it creates get"), .value("vm", "VM", "only for this VM"),
    ]

    static let account: [LobbyCommand] = [
        LobbyCommand(
            path: "whoami", operands: [], summary: "shows the account and its SSH keys", examples: ["whoami"], isRead: true,
            columns: ["name", "fingerprint", "current", "public_key"], answersJSON: true),
        LobbyCommand(
            path: "ssh-key list", operands: [], summary: "lists the account's SSH keys", examples: ["ssh-key list"], isRead: true,
            columns: ["name", "fingerprint", "current", "tag", "vm", "public_key"], answersJSON: true),
        LobbyCommand(
            path: "ssh-key add", operands: ["<public-key>"], summary: "lets an SSH key in; its comment is its name",
            flags: scope + [.value("ssh-user", "USER", "the login name on that VM")],
            examples: ["ssh-key add \"$(cat ~/.ssh/id_ed25519.pub)\""]),
        LobbyCommand(
            path: "ssh-key remove", operands: ["<name|fingerprint|public-key>"], summary: "removes an SSH key",
            examples: ["ssh-key remove old-laptop"], danger: "every token that this key has signed is void"),
        LobbyCommand(
            path: "ssh-key rename", operands: ["<old>", "<new>"], summary: "renames an SSH key", examples: ["ssh-key rename laptop desk"]),
        LobbyCommand(
            path: "ssh-key generate-api-key", operands: [], summary: "makes an API token; only over SSH, with the owner's key",
            flags: [
                .value("label", "TEXT", "its name"), .value("cmds", "A,B", "the commands that it may run"),
                .value("exp", "30d|1y|never", "when it ends"),
            ] + scope, examples: ["ssh-key generate-api-key --tag=fleet-demo --exp=30d"]),
        LobbyCommand(
            path: "exe0-to-exe1", operands: ["<token>"], summary: "makes a short token of a signed one: see token exchange",
            flags: [.value("vm", "VM", "for that VM's HTTPS proxy")]),
        LobbyCommand(
            path: "set-region", operands: ["<code>"], summary: "sets where new VMs are created, e.g. lax or fra",
            examples: ["set-region fra"]),
        LobbyCommand(path: "help", operands: ["[command]..."], summary: "shows exe.dev's own help", isRead: true),
        LobbyCommand(
            path: "doc", operands: ["[slug]"], summary: "shows a page of exe.dev's documents", examples: ["doc proxy"], isRead: true),
        LobbyCommand(path: "browser", operands: [], summary: "makes a link that logs a browser in", flags: [.flag("qr", "as a QR code")]),
        LobbyCommand(path: "defaults read", operands: ["[word]..."], summary: "shows defaults of the account", isRead: true, isOpen: true),
        LobbyCommand(
            path: "defaults write", operands: ["<word>..."], summary: "sets a default, e.g. dev.exe new.setup-script", isOpen: true),
        LobbyCommand(path: "defaults delete", operands: ["<word>..."], summary: "removes a default", isOpen: true),
    ]
}
