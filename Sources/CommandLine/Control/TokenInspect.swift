import ExeDev
import FleetCore
import FoundationEssentials
import Live
import SSH
import Tokens

extension ControlCommand {
    static let tokenInspect = ControlCommand(
        path: "token inspect", operands: ["[token|-]"],
        summary: "says who signed a token, what it may, when it ends, and which commands a fleet needs and it lacks",
        options: .control + [.path("file", "the fleet file to compare it with (fleet.json, if there is one)")],
        examples: ["token inspect", "token inspect - < token", "token inspect --token-file=token --file=fleet.json"]
    ) { arguments, session in
        let operand = try arguments.operands(upTo: 1).first
        let token = try session.token(operand, arguments)
        let file = arguments.value("file") ?? CommandContext.standardFile
        let isAsked = arguments.value("file") != nil
        let fleet =
            isAsked || FileManager.default.fileExists(atPath: file) ? try CommandContext.readFleet(file, session.terminal).fleet : nil
        let report = try TokenReport(token, fleet: fleet, now: Int(SystemClock().now), SignatureProgram(environment: session.environment))
        session.terminal.out(arguments.has("json") ? report.prettyJSON : report.text)
        return report.problems.isEmpty ? .done : .failed
    }
}

/// What is known of a token.
struct TokenReport: Encodable {
    var kind: String
    var signedBy: String?
    var namespace: String?
    var commands: [String]?
    var notBefore: String?
    var ends: String?
    var context: String?
    /// What the fleet needs and the token may not run.
    var lacks: [String]?
    /// Why it will not do; empty when it will, as far as can be known.
    var problems: [String] = []

    init(_ token: ExeDevToken, fleet: DesiredFleet?, now: Int, _ program: SignatureProgram) throws {
        guard token.isSigned else {
            kind = "exe1: opaque. What it may run and when it ends only exe.dev knows; exedev-ctl whoami tries it"
            return
        }
        let signed = try token.signed()
        let (permissions, signature) = (signed.permissions, signed.signature)
        kind = "exe0: permissions that an SSH key has signed"
        signedBy = "\(signature.keyKind) \(fingerprint(Array(signature.publicKey)))"
        namespace = signature.namespace
        let isOfLobby = signature.namespace == SignedToken.lobby
        // A VM's proxy runs no commands.
        let isOfVM = SignedToken.vm(of: signature.namespace) != nil
        commands = isOfVM ? nil : permissions.commands
        context = permissions.context
        notBefore = permissions.notBefore.map { TokenMoment.words($0, now: now) }
        ends = permissions.expires.map { TokenMoment.words($0, now: now) } ?? "never"
        if !isOfLobby, !isOfVM {
            problems.append(
                "nothing takes tokens for \(signature.namespace): exe.dev's are for \(SignedToken.lobby), a VM's for v0@VM.exe.xyz")
        }
        if try !program.isGood(signed) { problems.append("the signature is not that key's: the token is damaged or forged") }
        if let begin = permissions.notBefore, now < begin { problems.append("it is not valid yet") }
        if let end = permissions.expires, now >= end { problems.append("it has ended") }
        guard let fleet else { return }
        guard isOfLobby else {
            problems.append("it is for \(signature.namespace.dropFirst(3)), not for exe.dev itself, which a fleet needs")
            return
        }
        lacks = TokenNeeds.commands(of: fleet).filter { !permissions.allows($0) }
        if let lacks, !lacks.isEmpty { problems.append("the fleet \(fleet.cluster.name) needs \(lacks.joined(separator: ", ")) too") }
    }

    var text: String {
        let rows: [(String, String?)] = [
            ("token", kind), ("signed by", signedBy), ("for", namespace), ("may run", commands?.joined(separator: ", ")),
            ("valid from", notBefore),
            ("ends", ends), ("ctx", context),
        ]
        let lines = rows.compactMap { row in row.1.map { "\(row.0):".padded(to: 12) + $0 } }
        return (lines + problems.map { "problem:".padded(to: 12) + $0 }).joined(separator: "\n")
    }
}
