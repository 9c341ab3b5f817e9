import FleetCore
import FoundationEssentials
import Glibc
import K3s
import Live
import Reconciler

extension Verb {
    static let kubeconfig = Verb(
        name: "kubeconfig", summary: "write the cluster's kubeconfig (0600) or merge it into one, pointing at the server's overlay address",
        operands: "[options]",
        options: Arguments.Option.common + [
            .path("out", "the file to write or to merge into (default: standard output)"),
            .value("context", "the name of its cluster, user and context there (default: the cluster's name)"),
            .value("server", "the URL to write instead of the overlay address, e.g. of an SSH tunnel"),
        ]
    ) { arguments, terminal in
        _ = try arguments.operands(upTo: 0)
        let context = try CommandContext.open(arguments, terminal)
        let name = arguments.value("context") ?? context.fleet.cluster.name
        guard isName(name) else { throw UsageError("--context takes letters, digits and - . _ @") }
        let result = try await context.observe(context.ledger(terminal), inspects: false)
        let facts = FleetFacts(fleet: context.fleet, observed: result.observed, ledger: result.ledger, now: SystemClock().now)
        guard let control = facts.controlPlane.endpoint, let vm = result.observed.vms?[control.name] else {
            throw unreachable(facts, isLost: try context.state.lacksLedger())
        }
        let raw = try await context.world.kubeconfig(on: vm)
        await context.world.close()
        let text = rewritten(raw, server: arguments.value("server") ?? "https://\(control.address):6443", name: name)
        guard let file = arguments.value("out") else {
            terminal.out(text.hasSuffix("\n") ? String(text.dropLast()) : text)
            return .done
        }
        let old = try StateDirectory.read(file).map { String(decoding: $0, as: UTF8.self) }
        let new = try old.map { old throws(Failure) in try KubeconfigMerge.merge(text, into: old, file: file) } ?? text
        try StateDirectory.replace(resolvingLinks(file), with: Array(new.utf8))
        terminal.say("wrote \(file); use it with: kubectl --kubeconfig \(file) --context \(name) get nodes")
        return .done
    }

    /// Why there is no server to ask. A lost ledger knows no cluster, and `apply` would not find it again.
    static func unreachable(_ facts: FleetFacts, isLost: Bool) -> Failure {
        if let mismatch = facts.controlPlane.mismatch { return Failure(mismatch.text, advice: mismatch.advice) }
        let isFound = facts.observed.vms?.values.contains { $0.tags.contains(facts.fleet.cluster.tag) } == true
        guard isLost, isFound else { return Failure(facts.controlPlane.reason.text, advice: "run apply first") }
        return Failure(
            "the state directory knows no cluster, and exe.dev lists VMs of this fleet",
            advice: "use the state directory that set it up; if that is lost, exedev-k8s recover rebuilds it")
    }

    /// A name that needs no quotes in YAML.
    private static func isName(_ text: String) -> Bool {
        text.first.map { $0.isASCII && $0.isLetter } == true
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._@".contains($0)) }
    }

    /// Keeps a symbolic link: a kubeconfig often is one.
    private static func resolvingLinks(_ file: String) -> String {
        guard let path = realpath(file, nil) else { return file }
        defer { free(path) }
        return String(cString: path)
    }

    /// k3s writes the name `default` everywhere and its own loopback address (facts/k3s.md §8.1).
    static func rewritten(_ text: String, server: String, name: String) -> String {
        text.utf8.split(separator: 10, omittingEmptySubsequences: false).map { Substring($0) }.map { line -> String in
            let indent = String(line.prefix { $0 == " " || $0 == "-" })
            let rest = line.dropFirst(indent.count)
            if rest.hasPrefix("server: ") { return indent + "server: " + server }
            for key in ["name: ", "cluster: ", "user: ", "current-context: "] where rest == key + "default" { return indent + key + name }
            return String(line)
        }.joined(separator: "\n")
    }
}
