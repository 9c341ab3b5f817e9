package import ExeDev
package import FleetCore
import K3s
package import Reconciler
package import SSH
import Shell

/// The way into single VMs for `exedev-ctl`, without a fleet file: keys and hosts' keys of the environment and of `~/.ssh`.
package struct ShellAccess: Sendable {
    private let entrance: Entrance
    private let client: SSHClient

    /// `folder`: what a relative path begins at.
    package init(_ settings: SSHSettings, folder: String, state: StateDirectory, environment: [String: String], waits: Waits) throws {
        entrance = try Entrance(
            identity: Identity(settings: settings, folder: folder, state: state, environment: environment), needsKey: true)
        client = SSHClient(loop: .shared, connectsPerMinute: 60, waiting: waits.begin)
    }

    /// Throws unless the host that answers is the VM: on exe.dev the address and the key decide whose VM that is.
    package func prove(_ vm: VM) async throws(EffectError) {
        let entry = try await entry(to: vm)
        let result: ExecResult
        do throws(SSHError) {
            result = try await client.run(
                on: entry.target, access: entry.access, command: "hostname", stdin: [], deadline: .seconds(30), outputLimit: 4096)
        } catch {
            throw Hosts.effect(error, mutates: false)
        }
        let name = String(decoding: result.stdout.filter { $0 > 32 && $0 < 127 }, as: UTF8.self)
        guard result.exitStatus == 0, HostScript.names(name, vm.name) else {
            throw EffectError(
                "the host that answered for \(vm.name) calls itself \(name.isEmpty ? "nothing" : OutsideText.line(name))",
                remedy: .askOperator(advice: "another account's key, or another VM's address: name the right key with --key"))
        }
    }

    /// `command`: of a POSIX shell; nil is the login's shell.
    package func stream(
        _ vm: VM, command: String?, terminal: SSHTerminal?, input: SSHInput, write: @escaping @Sendable (ArraySlice<UInt8>, Bool) -> Void
    ) async throws(EffectError) -> ExecResult {
        let entry = try await entry(to: vm)
        do throws(SSHError) {
            return try await client.stream(
                on: entry.target, access: entry.access, command: command, terminal: terminal, input: input, write: write)
        } catch {
            throw Hosts.effect(error, mutates: true)
        }
    }

    package func close() async { await client.closeAll() }

    private func entry(to vm: VM) async throws(EffectError) -> Entrance.Entry {
        try await entrance.entry(to: ObservedVM.Address(host: vm.sshHost, port: vm.sshPort, user: vm.sshUser))
    }
}
