import ExeDev
import FleetCore
import FoundationEssentials
import Live
import Shell
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
        try Self.check(token, isFor: arguments.value("vm"))
        let vm = arguments.value("vm").map { ["--vm=\($0)"] } ?? []
        try await session.handToken(of: .typed(["exe0-to-exe1"] + vm + [token.signedText()]), hiding: token, arguments)
        return .done
    }

    /// What is signed for a VM is exchanged for that VM alone, and the other way round.
    static func check(_ token: ExeDevToken, isFor vm: String?) throws {
        guard token.isSigned, case let namespace = try token.signed().signature.namespace,
            namespace != vm.map(SignedToken.proxy) ?? SignedToken.lobby
        else { return }
        let wish = vm.map { "--vm=\($0) takes one that is signed for \(SignedToken.proxy(of: $0))" }
        let mint = "exedev-ctl token mint" + (vm.map { " --vm=\($0)" } ?? "") + " makes the right one"
        let other = vm == nil ? SignedToken.vm(of: namespace).map { "; --vm=\($0) exchanges this one" } : nil
        throw Failure(
            "the token of \(token.place) is signed for \(namespace); \(wish ?? "without --vm one for \(SignedToken.lobby) is taken")",
            advice: mint + (other ?? ""))
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
        if token == nil { try await session.checkUnique(name, arguments) }
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
        let file = try arguments.path() ?? CommandContext.standardFile
        guard FileManager.default.fileExists(atPath: file) else {
            throw Failure("there is no file \(file)", advice: "name a fleet file: exedev-ctl token for FILE; fleet.example.json is one")
        }
        let fleet = try CommandContext.readFleet(file, session.terminal).fleet
        // By whoami doctor tells the account's keys.
        let commands = TokenNeeds.commands(of: fleet) + ["whoami"]
        session.terminal.out(
            """
            \(commands.joined(separator: ","))

            Signed here, with a key of the account:
              \(TokenNeeds.mint(commands))
            Or made by exe.dev, for VMs with this fleet's tag alone (it cannot change tags, and sees no other VMs):
              \(TokenNeeds.request(commands, tag: fleet.cluster.tag))\
            \(commands.contains("rm") ? "" : "\nexedev-k8s destroy needs rm too.")
            """)
        return .done
    }
}

extension ControlSession {
    /// Throws when several keys have the name: exe.dev would take one of them. A token that may not list keys cannot tell.
    fileprivate func checkUnique(_ name: String, _ arguments: Arguments) async throws {
        let client = try client(arguments)
        let answer: String
        do { answer = try await terminal.attending { try await client.exec(.raw("ssh-key list")) } } catch ExeDevError.notAllowed { return }
        let same = KeyRow.all(in: answer).filter { $0.name == name }
        guard same.count > 1 else { return }
        let prints = same.compactMap(\.fingerprint).joined(separator: ", ")
        throw Failure(
            "\(same.count) keys are called \(name)", advice: "name the one that is meant by its fingerprint: \(OutsideText.line(prints))")
    }

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

/// A key in the answer of `ssh-key list`, whose shape is not documented: objects with these members, wherever they stand.
struct KeyRow: Hashable {
    var name: String
    var fingerprint: String?

    static func all(in answer: String) -> [KeyRow] { (ExeDevAnswer(answer).values ?? []).flatMap { all(in: JSONTree($0)) } }

    private static func all(in tree: JSONTree) -> [KeyRow] {
        switch tree {
        case .list(let elements): return elements.flatMap(all)
        case .object(let members):
            let text = { (key: String) in members.first { $0.key == key }.map(\.value.words) }
            if let name = text("name"), let print = text("fingerprint") { return [KeyRow(name: name, fingerprint: print)] }
            return members.flatMap { all(in: $0.value) }
        default: return []
        }
    }
}
