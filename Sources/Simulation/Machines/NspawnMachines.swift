import Dispatch
import Foundation
import Glibc
import Spawn

/// VMs as systemd-nspawn containers in network namespaces of their own.
final class NspawnMachines: Machines {
    let state: StateDirectory
    let image: RootImage
    private let executable: String
    // Waiting for a program blocks a thread of this queue, never one of Swift's cooperative pool.
    private let queue = DispatchQueue(label: "machines", attributes: .concurrent)
    private let running: Routes
    private let turns = Turns()

    init(state: StateDirectory, image: RootImage, executable: String, relay: Relay) {
        self.state = state
        self.image = image
        self.executable = executable
        running = Routes(relay)
    }

    func create(_ vm: VirtualMachine) async throws {
        try await turns.alone(with: vm.name) {
            try await script("prepare", vm.name, "\(vm.index)", vm.address, directory(of: vm), image.path, state.keys)
            try await start(vm)
            await running.add(vm)
        }
    }

    func remove(_ vm: VirtualMachine) async {
        await turns.alone(with: vm.name) {
            await running.remove(vm)
            try? await script("remove", vm.name, "\(vm.index)", directory(of: vm))
        }
    }

    func restart(_ vm: VirtualMachine) async {
        await turns.alone(with: vm.name) {
            try? await script("reset", vm.name)
            // A VM that was powered off has no supervisor; a running supervisor holds a lock and stays.
            try? await start(vm)
        }
    }

    func pause(_ vm: VirtualMachine) async {
        await turns.alone(with: vm.name) { try? await script("freeze", vm.name, "1") }
    }

    func resume(_ vm: VirtualMachine) async {
        await turns.alone(with: vm.name) { try? await script("freeze", vm.name, "0") }
    }

    func end(allBut vms: [VirtualMachine]) async { try? await script("sweep", state.vms, names: vms.map(\.name)) }

    func answersSSH(_ vm: VirtualMachine) async -> Bool {
        let namespace = state.gateway
        return await onQueue {
            let result = Handover<Bool>()
            let thread = Thread {
                guard (try? NetworkNamespace.enter(namespace)) != nil else { return result.put(false) }
                result.put(Sockets.answers(address: vm.address, port: 22))
            }
            thread.start()
            return result.take()
        }
    }

    /// Gives the VM its `tailscale0` and returns its address on the tailnet.
    func joinTailnet(_ vm: VirtualMachine) async throws -> String {
        try await script("join", vm.name, "\(vm.index)", vm.tailnetAddress)
        return vm.tailnetAddress
    }

    private func start(_ vm: VirtualMachine) async throws {
        try await script("start", vm.name, directory(of: vm), executable, "\(vm.index)")
    }

    private func directory(of vm: VirtualMachine) -> String { "\(state.vms)/\(vm.name)" }

    private func script(_ verb: String, _ arguments: String..., names: [String] = []) async throws {
        let state = state
        try await onQueue {
            Result { try Subprocess.check("sh", [state.script, verb, state.id] + arguments + names) }
        }.get()
    }

    private func onQueue<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }
}

/// Runs one operation at a time per VM name. `rm` frees a name at once, so a `new` may reuse it while the old VM is still being removed,
/// and the VM's folder and network carry that name too.
private actor Turns {
    /// The waiting tasks by name; an entry exists while an operation runs.
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    nonisolated func alone<Failure>(with name: String, _ body: () async throws(Failure) -> Void) async throws(Failure) {
        await take(name)
        do throws(Failure) {
            try await body()
        } catch {
            await give(name)
            throw error
        }
        await give(name)
    }

    private func take(_ name: String) async {
        guard waiting[name] != nil else { return waiting[name] = [] }
        await withCheckedContinuation { waiting[name]?.append($0) }
    }

    private func give(_ name: String) {
        guard waiting[name]?.isEmpty == false else { return waiting[name] = nil }
        waiting[name]?.removeFirst().resume()
    }
}

/// The VMs that the relay serves. The actor sets the relay's routes itself, so that of two concurrent changes the later one wins.
private actor Routes {
    private let relay: Relay
    private var routes: [Relay.Route] = [] {
        didSet { relay.set(routes: routes) }
    }

    init(_ relay: Relay) { self.relay = relay }

    func add(_ vm: VirtualMachine) {
        routes = routes.filter { $0.name != vm.name } + [Relay.Route(name: vm.name, listen: vm.sshAddress, target: vm.address)]
    }

    func remove(_ vm: VirtualMachine) { routes.removeAll { $0.name == vm.name } }
}
