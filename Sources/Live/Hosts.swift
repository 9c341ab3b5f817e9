import FleetCore
import K3s
import Reconciler
import SSH
import Shell
import Synchronization

/// Runs scripts on hosts over SSH: one open connection for each VM, scripts on standard input, failures with remedies.
struct Hosts: Sendable {
    private let client: SSHClient
    private let fileUser: String?
    private let defaultPort: Int
    private let secrets: Secrets
    private let targets = Targets()

    /// The targets of the hosts so far, by VM.
    private final class Targets: Sendable {
        let byName = Mutex<[String: SSHTarget]>([:])
    }

    init(fleet: DesiredFleet, folder: String, state: StateDirectory, environment: [String: String], secrets: Secrets, waits: Waits) throws {
        self.secrets = secrets
        fileUser = fleet.ssh.user
        defaultPort = environment["EXE_DEV_SSH_PORT"].flatMap(Int.init) ?? 22
        let keys = try Identity.keys(fleet.ssh, folder: folder, environment: environment)
        let rule = try Identity.hostKeys(fleet.ssh, folder: folder, state: state, environment: environment)
        client = SSHClient(
            loop: .shared, keys: keys, hostKeys: rule, connectsPerMinute: fleet.limits.connectsPerMinute, waiting: waits.begin)
    }

    var connectionsOpened: Int { client.connectionsOpened }
    var sessionsKept: Int { client.sessionsKept }

    /// Closes the connection of a VM that was removed.
    func forget(_ name: String) async {
        if let target = targets.byName.withLock({ $0.removeValue(forKey: name) }) { await client.close(target) }
    }

    func close() async { await client.closeAll() }

    private func target(_ vm: ObservedVM) -> SSHTarget {
        // Every exe.dev VM shows the key of the SSH proxy (facts/exedev.md §5), which known_hosts lists under the proxy's name.
        SSHTarget(host: vm.address.host, port: vm.address.port ?? defaultPort, user: user(of: vm), hostKeyAlias: nil)
    }

    /// The login name of the fleet file, else that of exe.dev. A name that routes (`vm+NAME`, facts/exedev.md §5) is never replaced.
    private func user(of vm: ObservedVM) -> String {
        if let user = vm.address.user, user.contains("+") { return user }
        return fileUser ?? vm.address.user ?? "exedev"
    }

    /// Runs a script as root and returns its standard output. `mutates`: without an answer the outcome is unknown.
    /// `aside`, `gate`: see `SSHClient.run`.
    func run(
        _ script: Script, on vm: ObservedVM, deadline: Double, mutates: Bool, aside: Bool = false,
        gate: @escaping @Sendable () -> Bool = { true }
    ) async throws(EffectError) -> String {
        let bytes: [UInt8]
        do {
            bytes = try HostScript.addressed(script, to: vm.name).bytes(revealing: secrets.reveal)
        } catch {
            throw EffectError("\(error)", remedy: .askOperator(advice: "put the secret where the fleet file says it is"))
        }
        let target = target(vm)
        targets.byName.withLock { $0[vm.name] = target }
        let result: ExecResult
        do throws(SSHError) {
            result = try await client.run(
                on: target, command: Self.shell, stdin: bytes, deadline: .seconds(deadline), outputLimit: Self.outputLimit, aside: aside,
                gate: gate)
        } catch {
            throw Self.effect(error, mutates: mutates)
        }
        guard result.exitStatus == 0 else {
            // Secrets are replaced before the text is cut: half a secret would not be recognized.
            throw Self.failed(result, String(secrets.redaction.text(result.stderr).suffix(4000)))
        }
        guard !result.truncated else {
            throw EffectError(
                "\(vm.name) printed more than \(Self.outputLimit >> 20) MiB", remedy: mutates ? .observeAgain : .retry(after: nil))
        }
        guard let output = HostScript.output(in: secrets.redaction.text(result.stdout)) else {
            throw EffectError("\(vm.name) did not print what the script prints", remedy: mutates ? .observeAgain : .retry(after: nil))
        }
        return output
    }

    private static let outputLimit = 8 << 20

    /// Some images log in as root and may lack sudo (facts/exedev.md §5).
    private static let shell = "if [ \"$(id -u)\" = 0 ]; then sh -eu -s; else sudo -n sh -eu -s; fi"

    static func prove(_ hostname: String, is vm: ObservedVM) throws(EffectError) {
        guard hostname == vm.name else {
            throw EffectError(
                "the host that answered for \(vm.name) calls itself \(hostname)", remedy: .askOperator(advice: wrongHostAdvice))
        }
    }

    private static let wrongHostAdvice =
        "exe.dev picks the VM by address and key: check that the SSH key belongs to the account of the token"

    private static func failed(_ result: ExecResult, _ errors: String) -> EffectError {
        let (status, cause) = (result.exitStatus ?? -1, HostFailure.cause(stderr: errors))
        if status == HostFailure.wrongHost { return EffectError(cause, remedy: .askOperator(advice: wrongHostAdvice)) }
        if let advice = HostFailure.advice(exitStatus: status) { return EffectError(cause, remedy: .askOperator(advice: advice)) }
        let how = result.signal.map { "was killed by \($0)" } ?? "ended with status \(status)"
        return EffectError("the script \(how): \(cause)", remedy: .retry(after: nil))
    }

    private static func effect(_ error: SSHError, mutates: Bool) -> EffectError {
        if let advice = error.advice { return EffectError("\(error)", remedy: .askOperator(advice: advice)) }
        return EffectError("\(error)", remedy: mutates && error.outcomeUnknown ? .observeAgain : .retry(after: nil))
    }
}
