import Foundation
import Shell
import Tokens

@testable import ExeDev
@testable import Simulation

/// Answers every request alike.
private struct Echo: ExeDevTransport {
    let reply: HTTPReply

    func post(_ body: [UInt8], deadline: Duration) async throws(TransportFailure) -> HTTPReply { reply }
}

extension FuzzEntry {
    /// An answer of `/exec`: in the first line its status and its `Retry-After`, then its body.
    static let exedev = FuzzEntry("exedev") { bytes in
        let head = decoded(bytes.prefix { $0 != 10 }).split(separator: " ", maxSplits: 1).map(String.init)
        let status = head.first.flatMap { Int($0) } ?? 200
        let reply = HTTPReply(
            status: status, headers: head.count > 1 ? ["retry-after": head[1]] : [:], body: Array(bytes.drop { $0 != 10 }.dropFirst()),
            isTruncated: status == 206)
        let client = ExeDevClient(
            transport: Echo(reply: reply),
            sleep: { pause in try expect(pause >= .zero && pause <= .seconds(61), "sleeps \(pause)") }, random: { 0.5 })
        try await survives { () async throws(ExeDevError) in
            for vm in try await client.list().vms where vm.name.isEmpty || vm.sshHost.isEmpty { return "\(vm)" }
            return nil
        }
        let wanted = NewVM(name: "web-n1", image: "exeuntu", cpu: 2, memory: "4GB", disk: "20GB", tags: ["t"])
        try await survives { () async throws(ExeDevError) in try await client.create(wanted).vm.name.isEmpty ? "no name" : nil }
        try await survives { () async throws(ExeDevError) in
            _ = try await client.remove(["web-n1"])
            return nil
        }
        try await survives { () async throws(ExeDevError) in
            _ = try await client.shareShow("web-n1")
            return nil
        }
        try await survives { () async throws(ExeDevError) in
            _ = try await client.exec(.whoami)
            return nil
        }
    }

    /// An error must be able to tell what it is and what to do.
    private static func survives(_ body: () async throws(ExeDevError) -> String?) async throws {
        let broken: String?
        do throws(ExeDevError) {
            broken = try await body()
        } catch {
            try expect(!error.description.isEmpty, "an error without words")
            guard case .retry(let after?) = error.remedy else { return }
            return try expect(after >= .zero && after <= .seconds(3600), "again in \(after)")
        }
        try expect(broken == nil, broken ?? "")
    }

    static let token = FuzzEntry("token") { bytes in
        guard let token = try? ExeDevToken(decoded(bytes), from: "here") else { return }
        try expect(token.text.utf8.count <= 8192 && token.text.utf8.allSatisfy { (33...126).contains($0) }, "goes into a header")
        try expect("\(token)" == "<token>" && String(reflecting: token) == "<token>", "shows itself")
    }

    /// As the header has it, and as the payload of a token that is well formed otherwise.
    static let simulatorToken = FuzzEntry("simulator-token") { bytes in
        for text in [decoded(bytes), "exe0.\(Base64URL.encode(Data(bytes))).QQ"] {
            guard let token = try? SignedToken(text) else { continue }
            _ = (token.permissions.isValid(at: 1_800_000_000), token.signature.armored)
            try expect(token.permissions.payload.first == UInt8(ascii: "{"), "a payload that is no object")
        }
    }

    /// A typed line never crashes the lobby; what we quote arrives there as it was.
    static let lexer = FuzzEntry("lexer") { bytes in
        if let words = try? Lexer.words(of: decoded(bytes)) { _ = try? Invocation(words) }
        _ = (
            ExeDevCommand.raw(decoded(bytes)).verb, ExeDevCommand.raw(decoded(bytes)).isMutating, ExeDevCommand.raw(decoded(bytes)).deadline
        )
        let words = fields(bytes).map { decoded($0) }
        let first = words[0]
        let vm = NewVM(name: first, image: words.last ?? "", cpu: 1, memory: first, disk: first, tags: words)
        let made = ["new", "--name=\(first)", "--image=\(vm.image)", "--cpu=1", "--memory=\(first)", "--disk=\(first)"]
        let cases: [(ExeDevCommand, [String])] = [
            (.rm(words), ["rm"] + words), (.ls(pattern: first), ["ls", "-l", first]),
            (.resize(NewSize(name: first, cpu: 2, memory: first)), ["resize", "--cpu=2", "--memory=\(first)", first]),
            (.tag(first, tags: words, remove: true), ["tag", "-d", first] + words),
            (.shareAdd(first, user: vm.image), ["share", "add", first, vm.image]),
            (.new(vm), made + words.map { "--tag=\($0)" } + ["--no-email"]),
        ]
        for (command, want) in cases {
            let line = command.line
            guard let got = try? Lexer.words(of: line) else { throw Broken(description: "unbalanced: \(line)") }
            try expect(same(got, want), "\(line) becomes \(got)")
        }
    }
}
