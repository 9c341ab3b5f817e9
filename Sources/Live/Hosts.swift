import FleetCore
import K3s
import Reconciler
import SSH
import Shell
import Synchronization

/// Runs scripts on hosts over SSH: one open connection for each VM, scripts on standard input, failures with remedies.
struct Hosts: Sendable {
    private let client: SSHClient
    private let entrance: Entrance
    private let secrets: Secrets
    let prober: ShareProber
    private let targets = Targets()

    /// The targets of the hosts so far, by VM.
    private final class Targets: Sendable {
        let byName = Mutex<[String: SSHTarget]>([:])
    }

    init(
        fleet: DesiredFleet, folder: String, state: StateDirectory, environment: [String: String], secrets: Secrets, waits: Waits,
        needsKey: Bool
    ) throws {
        self.secrets = secrets
        // The variables of the fleet file's secrets are for nobody else, OpenSSH included.
        let others = environment.filter { !secrets.variables.contains($0.key) }
        let identity = Identity(settings: fleet.ssh, folder: folder, state: state, environment: others)
        entrance = try Entrance(identity: identity, needsKey: needsKey)
        prober = ShareProber(identity: identity, waits: waits)
        client = SSHClient(loop: .shared, connectsPerMinute: fleet.limits.connectsPerMinute, waiting: waits.begin)
    }

    func credentials(mayWrite: Bool) -> Credentials {
        var credentials = secrets.credentials(mayWrite: mayWrite)
        if credentials.missing == nil, let error = entrance.missingKey() {
            credentials.missing = .credentialMissing(error.message, advice: error.advice ?? "")
        }
        return credentials
    }
    var connectionsOpened: Int { client.connectionsOpened }
    var sessionsKept: Int { client.sessionsKept }

    /// Closes the connection of a VM that was removed.
    func forget(_ name: String) async {
        if let target = targets.byName.withLock({ $0.removeValue(forKey: name) }) { await client.close(target) }
    }

    func close() async { await client.closeAll() }

    /// Throws unless the host key of a VM that is to be created could be proved: it would stand there and nobody could enter it.
    func canProve(newVM name: String) async throws(EffectError) { try await entrance.canProve(newVM: name) }

    /// Runs a script as root and returns its standard output. `mutates`: without an answer the outcome is unknown.
    /// `token`: under what a change was decided. `aside`, `gate`: see `SSHClient.run`. `answersSecrets`: they are what is asked for, so they stay in the answer.
    func run(
        _ script: Script, on vm: ObservedVM, under token: FencingToken? = nil, deadline: Double, mutates: Bool, aside: Bool = false,
        answersSecrets: Bool = false,
        gate: @escaping @Sendable () -> Bool = { true }
    ) async throws(EffectError) -> String {
        let result = try await execute(
            script, on: vm, under: token, deadline: deadline, mutates: mutates, aside: aside, limit: Self.outputLimit, gate: gate)
        guard let output = HostScript.output(in: text(result, answersSecrets)) else {
            throw EffectError("\(vm.name) did not print what the script prints", remedy: mutates ? .observeAgain : .retry(after: nil))
        }
        return output
    }

    /// The same of a script that prints bytes, on a connection of its own: all that was printed.
    func bytes(
        of script: Script, on vm: ObservedVM, under token: FencingToken?, deadline: Double, limit: Int,
        gate: @escaping @Sendable () -> Bool
    ) async throws(EffectError) -> [UInt8] {
        try await execute(script, on: vm, under: token, deadline: deadline, mutates: true, aside: true, limit: limit, gate: gate).stdout
    }

    private func execute(
        _ script: Script, on vm: ObservedVM, under token: FencingToken?, deadline: Double, mutates: Bool, aside: Bool, limit: Int,
        gate: @escaping @Sendable () -> Bool
    ) async throws(EffectError) -> ExecResult {
        let bytes = try sent(script, to: vm, under: token)
        let (target, access) = try await entrance.entry(to: vm.address)
        targets.byName.withLock { $0[vm.name] = target }
        let result: ExecResult
        do throws(SSHError) {
            result = try await client.run(
                on: target, access: access, command: HostScript.loginCommand, stdin: bytes, endsInput: false,
                deadline: .seconds(deadline), outputLimit: limit, aside: aside, gate: gate)
        } catch {
            throw Self.effect(error, mutates: mutates)
        }
        guard result.exitStatus == 0 else {
            if HostFailure.hasNoShell(result.exitStatus, stdout: result.stdout, stderr: result.stderr) {
                throw EffectError(
                    "the login shell of \(target.user) on \(vm.name) runs nothing", remedy: .askOperator(advice: HostFailure.shellAdvice))
            }
            // Secrets are replaced before the text is cut: half a secret would not be recognized.
            throw Self.failed(result, String(secrets.redaction.text(result.stderr).suffix(4000)))
        }
        guard !result.truncated else {
            throw EffectError("\(vm.name) printed more than \(limit >> 20) MiB", remedy: mutates ? .observeAgain : .retry(after: nil))
        }
        return result
    }

    private func sent(_ script: Script, to vm: ObservedVM, under token: FencingToken?) throws(EffectError) -> [UInt8] {
        do {
            return try HostScript.addressed(script, to: vm.name, under: token).bytes(revealing: secrets.reveal)
        } catch {
            throw EffectError("\(error)", remedy: .askOperator(advice: "put the secret where the fleet file says it is"))
        }
    }

    private func text(_ result: ExecResult, _ answersSecrets: Bool) -> String {
        answersSecrets ? String(decoding: result.stdout, as: UTF8.self) : secrets.redaction.text(result.stdout)
    }

    private static let outputLimit = 8 << 20

    static func prove(_ hostname: String, is vm: ObservedVM) throws(EffectError) {
        guard HostScript.names(hostname, vm.name) else {
            throw EffectError(
                "the host that answered for \(vm.name) calls itself \(hostname)", remedy: .askOperator(advice: wrongHostAdvice))
        }
    }

    private static let wrongHostAdvice = Reason.hostMisrouted(vm: "", hostname: "").advice

    private static let keyAdvice =
        "name the key that exe.dev knows with ssh.keyFile or $EXE_DEV_SSH_KEY, or register this one with: ssh exe.dev ssh-key add; "
        + "if ssh.user is set, see that it is the VM's login"

    private static func failed(_ result: ExecResult, _ errors: String) -> EffectError {
        let (status, cause) = (result.exitStatus ?? -1, HostFailure.cause(stderr: errors))
        if status == HostFailure.wrongHost { return EffectError(cause, remedy: .askOperator(advice: wrongHostAdvice)) }
        if let newest = HostFailure.newest(exitStatus: status, stdout: String(decoding: result.stdout, as: UTF8.self)) {
            return EffectError(cause, remedy: .fenced(by: newest))
        }
        if let refusal = OverlayRefusal(exitStatus: status, stderr: errors) {
            return EffectError(cause, remedy: .refused(.overlayRefused(refusal, words: cause)))
        }
        if let advice = HostFailure.advice(exitStatus: status) { return EffectError(cause, remedy: .askOperator(advice: advice)) }
        let how = result.signal.map { "was killed by \($0)" } ?? "ended with status \(status)"
        return EffectError("the script \(how): \(cause)", remedy: .retry(after: nil))
    }

    static func effect(_ error: SSHError, mutates: Bool) -> EffectError {
        if case .authenticationRefused = error {
            return EffectError("\(error)", remedy: .refused(.hostRefused("\(error)", advice: keyAdvice)))
        }
        if let advice = error.advice { return EffectError("\(error)", remedy: .askOperator(advice: advice)) }
        return EffectError("\(error)", remedy: mutates && error.outcomeUnknown ? .observeAgain : .retry(after: nil))
    }
}
