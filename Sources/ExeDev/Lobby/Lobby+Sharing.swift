extension Lobby {
    static let sharing: [LobbyCommand] = [
        LobbyCommand(
            path: "share show", operands: ["<vm>"], summary: "shows who reaches a VM's port", examples: ["share show web-one"],
            isRead: true,
            columns: ["email", "status", "share_level", "invited_at", "token", "use_count"], answersJSON: true),
        LobbyCommand(
            path: "share port", operands: ["<vm>", "[port]"], summary: "shows or sets the port that is shared",
            examples: ["share port web-one 8080"], answersJSON: true),
        LobbyCommand(
            path: "share set-public", operands: ["<vm>"], summary: "lets everybody reach a VM's port",
            examples: ["share set-public web-one"], danger: "everybody on the internet reaches the VM's port", answersJSON: true),
        LobbyCommand(
            path: "share set-private", operands: ["<vm>"], summary: "lets only chosen people reach a VM's port",
            examples: ["share set-private web-one"], answersJSON: true),
        LobbyCommand(
            path: "share add", operands: ["<vm>", "<email|team>"], summary: "shares a VM's port with a person or a team",
            flags: [
                .flag("root", "a shell with root's rights too", danger: "they may do and read everything on the VM"),
                .value("message", "TEXT", "what the e-mail says"),
                .flag("qr", "print a QR code"),
            ], examples: ["share add web-one kim@example.com"], answersJSON: true),
        LobbyCommand(
            path: "share remove", operands: ["<vm>", "<email|team>"], summary: "ends what share add began",
            flags: [.flag("root", "only root's rights")], examples: ["share remove web-one kim@example.com"], answersJSON: true),
        LobbyCommand(
            path: "share add-link", operands: ["<vm>"], summary: "makes a link to a VM's port", flags: [.flag("qr", "print a QR code")],
            examples: ["share add-link web-one"], danger: "the link opens the VM's port to everybody who has it", answersJSON: true),
        LobbyCommand(
            path: "share remove-link", operands: ["<vm>", "<token>"], summary: "voids a link",
            examples: ["share remove-link web-one TOKEN"], answersJSON: true),
        LobbyCommand(
            path: "share receive-email", operands: ["<vm>", "[on|off]"], summary: "shows or sets whether a VM receives e-mail",
            flags: [.value("reply-policy", "POLICY", "all, known, owner or none")], examples: ["share receive-email web-one on"],
            answersJSON: true),
        LobbyCommand(
            path: "share access", operands: ["<allow|disallow>", "[word]..."], summary: "the older spelling of --root",
            danger: "who is allowed may do and read everything on the VM", isOpen: true),
    ]
}
