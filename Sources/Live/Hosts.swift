import FleetCore
import K3s
import Reconciler
import SSH
import Shell

/// Hosts over SSH: one kept connection a VM, scripts on standard input, failures as remedies.
struct Hosts: Sendable {
    private let client: SSHClient
    private let defaultUser: String
    private let defaultPort: Int
    private let secrets: Secrets

    init(fleet: DesiredFleet, folder: String, state: StateDirectory, environment: [String: String], secrets: Secrets) throws {
        self.secrets = secrets
        defaultUser = fleet.ssh.user ?? "exedev"
        defaultPort = environment["EXE_DEV_SSH_PORT"].flatMap(Int.init) ?? 22
        let keys = try Identity.keys(fleet.ssh, folder: folder, environment: environment)
        let rule = try Identity.hostKeys(fleet.ssh, folder: folder, state: state, environment: environment)
        client = SSHClient(
            loop: .shared, keys: keys, hostKeys: rule, connectsPerMinute: fleet.limits.connectsPerMinute)
    }

    var connectionsOpened: Int { client.connectionsOpened }
    var sessionsKept: Int { client.sessionsKept }

    func close() async { await client.closeAll() }

    private func target(_ vm: ObservedVM) -> SSHTarget {
        // Every exe.dev VM shows the one key of the SSH proxy (facts/exedev.md §5): known_hosts knows it by the proxy's name.
        SSHTarget(host: vm.address.host, port: vm.address.port ?? defaultPort, user: vm.address.user ?? defaultUser, hostKeyAlias: nil)
    }

    /// Runs a script as root and returns its standard output. `mutates`: a lost answer then means that the outcome is unknown.
    /// `gate`: see `SSHClient.run`.
    func run(
        _ script: Script, on vm: ObservedVM, deadline: Double, mutates: Bool, gate: @escaping @Sendable () -> Bool = { true }
    ) async throws(EffectError) -> String {
        let bytes: [UInt8]
        do {
            bytes = try HostScript.addressed(script, to: vm.name).bytes(revealing: secrets.reveal)
        } catch {
            throw EffectError("\(error)", remedy: .askOperator(advice: "put the secret where the fleet file says it is"))
        }
        let result: ExecResult
        do throws(SSHError) {
            result = try await client.run(
                on: target(vm), command: Self.shell, stdin: bytes, deadline: .seconds(deadline), outputLimit: 8 << 20, gate: gate)
        } catch {
            throw Self.effect(error, mutates: mutates)
        }
        guard result.exitStatus == 0 else {
            // Veiled before it is cut: half a secret would not be known again.
            let errors = secrets.veiled(String(decoding: result.stderr, as: UTF8.self))
            throw Self.failed(result, String(errors.suffix(4000)))
        }
        return String(decoding: result.stdout, as: UTF8.self)
    }

    func veiled(_ text: String) -> String { secrets.veiled(text) }

    /// Root is the login user of some images, and those may lack sudo (facts/exedev.md §5).
    private static let shell = "if [ \"$(id -u)\" = 0 ]; then exec sh -eu -s; else exec sudo -n sh -eu -s; fi"

    static func prove(_ hostname: String, is vm: ObservedVM) throws(EffectError) {
        guard hostname == vm.name else {
            throw EffectError(
                "the host that answered for \(vm.name) calls itself \(hostname)", remedy: .askOperator(advice: wrongHostAdvice))
        }
    }

    private static let wrongHostAdvice =
        "exe.dev picks the VM by address and key: check that the SSH key belongs to the account of the token"

    private static func failed(_ result: ExecResult, _ errors: String) -> EffectError {
        let status = result.exitStatus ?? -1
        if status == HostFailure.wrongHost { return EffectError(lastLines(errors), remedy: .askOperator(advice: wrongHostAdvice)) }
        if let advice = HostFailure.advice(exitStatus: status, stderr: errors) {
            return EffectError(lastLines(errors), remedy: .askOperator(advice: advice))
        }
        let how = result.signal.map { "was killed by \($0)" } ?? "ended with status \(status)"
        return EffectError("the script \(how): \(lastLines(errors))", remedy: .retry(after: nil))
    }

    private static func lastLines(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).suffix(3).joined(separator: " / ")
    }

    private static func effect(_ error: SSHError, mutates: Bool) -> EffectError {
        if let advice = error.advice { return EffectError("\(error)", remedy: .askOperator(advice: advice)) }
        return EffectError("\(error)", remedy: mutates && error.outcomeUnknown ? .observeAgain : .retry(after: nil))
    }
}
