import ExeDev
import FleetCore
import FoundationEssentials
import Live
import Tokens

extension ControlCommand {
    static let tokenExchange = ControlCommand(
        path: "token exchange", operands: ["[token|-]"],
        summary: "makes a short exe1 token of a signed one (else of the token that is used); it ends with it",
        options: .control + [
            .value("vm", "for this VM's HTTPS proxy"), .out,
        ], examples: ["token exchange", "token exchange --vm=web-one - < token"]
    ) { arguments, session in
        let operand = try arguments.operands(upTo: 1).first
        let token = try session.token(operand, arguments)
        let vm = arguments.value("vm").map { ["--vm=\($0)"] } ?? []
        try await session.handToken(of: .typed(["exe0-to-exe1"] + vm + [token.signedText()]), hiding: token, arguments)
        return .done
    }

    static let tokenRequest = ControlCommand(
        path: "token request", operands: [], summary: "lets exe.dev make an API token (exe1); only over SSH, as the account's owner",
        options: .control + [
            .value("label", "its name"), .value("tag", "only for VMs with this tag, which VMs it creates get: advised, one a fleet"),
            .value("vm", "for this VM's HTTPS proxy"), .value("cmds", "the commands that it may run: ls,new,'share show'"),
            .value("exp", "when it ends: 30d, 1y or never"),
            .out,
        ], examples: ["token request --transport=ssh --tag=fleet-demo --exp=30d --out=token"]
    ) { arguments, session in
        _ = try arguments.operands(upTo: 0)
        let flags = ["label", "vm", "tag", "cmds", "exp"].compactMap { name in arguments.value(name).map { "--\(name)=\($0)" } }
        try await session.handToken(of: .typed(["ssh-key", "generate-api-key"] + flags), arguments)
        return .done
    }

    static let tokenRevoke = ControlCommand(
        path: "token revoke", operands: ["<name|fingerprint|token>"],
        summary: "removes the SSH key, or the API key, by which tokens are valid: all of them end",
        options: .control + [.flag("yes", "do not ask")], examples: ["token revoke old-laptop"],
        danger: "every token of this key is void, and it logs nobody in any more"
    ) { arguments, session in
        guard let name = try arguments.operands(upTo: 1).first else { throw UsageError("<name|fingerprint|token> is missing") }
        try ControlSession.refuseFile(name)
        let isToken = name == "-" || name.contains("exe0.") || name.contains("exe1.")
        let token = isToken ? try session.token(name, arguments) : nil
        guard token?.isSigned != false else {
            throw Failure(
                "an exe1 token does not tell its key", advice: "name the key: exedev-ctl ssh-key list shows all, with their fingerprints")
        }
        let key = try token?.signed().signature.publicLine ?? name
        if !arguments.has("yes") {
            try session.confirm("What token revoke \(key) does: every token of this key is void, and it logs nobody in any more.")
        }
        return try await session.send(.typed(["ssh-key", "remove", key]), arguments)
    }

    static let tokenFor = ControlCommand(
        path: "token for", operands: ["[fleet.json]"],
        summary: "prints the least permissions that a fleet file needs, and how to make the token",
        options: [], examples: ["token for fleet.json"]
    ) { arguments, session in
        let fleet = try CommandContext.readFleet(arguments.path() ?? CommandContext.standardFile, session.terminal).fleet
        // By whoami doctor tells the account's keys.
        let commands = TokenNeeds.commands(of: fleet) + ["whoami"]
        session.terminal.out(
            """
            \(commands.joined(separator: ","))

            Signed here, with a key of the account:
              \(TokenNeeds.mint(commands))
            Or made by exe.dev, for VMs with this fleet's tag alone (it cannot change tags, and sees no other VMs):
              exedev-ctl token request --transport=ssh --tag=\(fleet.cluster.tag) --exp=30d --out=token\
            \(commands.contains("rm") ? "" : "\nexedev-k8s destroy needs rm too.")
            """)
        return .done
    }
}

extension ControlSession {
    /// Prints the token in an answer, or the answer as it is where there is none.
    /// `secret`: a token that the command has, and that no answer takes any further.
    func handToken(of command: ExeDevCommand, hiding secret: ExeDevToken? = nil, _ arguments: Arguments) async throws {
        if arguments.has("json"), arguments.value("out") != nil {
            throw UsageError("--json prints the whole answer, with the token; --out writes the token alone: leave one out")
        }
        // A token that could not be kept would be lost, and would stay valid.
        if let file = arguments.value("out") { try StateDirectory.canReplace(file) }
        let client = try client(arguments, hiding: secret)
        let answer = try await terminal.attending { try await client.exec(command) }
        guard !arguments.has("json") else { return terminal.out(answer) }
        let text = (try? JSONDecoder().decode(TokenReply.self, from: Data(answer.utf8)))?.token ?? answer
        guard let token = try? ExeDevToken(text, from: "the answer") else {
            throw Failure("exe.dev answered without a token", advice: "see it whole with --json")
        }
        try hand(out: token.headerText, arguments)
    }

    private struct TokenReply: Decodable { var token: String }
}
