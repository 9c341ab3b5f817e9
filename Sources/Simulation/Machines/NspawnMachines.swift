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

    func create(_ vm: VirtualMachine, from origin: MachineOrigin, keys: @escaping MachineKeys) async throws {
        var (source, setup) = ("", "")
        switch origin {
        case .image(let script): setup = script ?? ""
        case .copy(let vm): source = directory(of: vm)
        }
        try await turns.alone(with: vm.machine) {
            try await script(
                "prepare", vm.machine, "\(vm.index)", vm.address, directory(of: vm), image.path, state.keys, vm.name, source, setup)
            try await write(await keys(), for: vm)
            if !vm.isPaused { try await start(vm) }
            await running.add(vm)
        }
    }

    func admit(_ keys: @escaping MachineKeys, to vm: VirtualMachine) async {
        await turns.alone(with: vm.machine) { try? await write(await keys(), for: vm) }
    }

    /// Beside them that of exe.dev itself, for `ssh` through `/exec`.
    private func write(_ keys: [String], for vm: VirtualMachine) async throws {
        let own = try String(contentsOfFile: state.proxyKey + ".pub", encoding: .utf8)
        try await script("admit", vm.machine, directory(of: vm), (keys + [own]).joined(separator: "\n"))
    }

    func remove(_ vm: VirtualMachine) async {
        await turns.alone(with: vm.machine) {
            await running.remove(vm)
            try? await script("remove", vm.machine, "\(vm.index)", directory(of: vm))
        }
    }

    func restart(_ vm: VirtualMachine) async {
        await turns.alone(with: vm.machine) {
            try? await script("reset", vm.machine)
            // A VM that was powered off has no supervisor; a running supervisor holds a lock and stays.
            try? await start(vm)
        }
    }

    func pause(_ vm: VirtualMachine) async {
        await turns.alone(with: vm.machine) { try? await script("freeze", vm.machine, "1") }
    }

    func resume(_ vm: VirtualMachine) async -> Bool {
        var isCold = false
        await turns.alone(with: vm.machine) {
            isCold = (try? await script("supervised", vm.machine, directory(of: vm))) == nil
            if isCold { try? await start(vm) }
            // A cgroup that was left frozen would freeze the new machine too.
            try? await script("freeze", vm.machine, "0")
        }
        return isCold
    }

    func rename(_ vm: VirtualMachine) async {
        await turns.alone(with: vm.machine) {
            try? await script("rename", vm.machine, vm.name, directory(of: vm))
            await running.rename(vm)
        }
    }

    /// What it reads from its disk and writes there cannot be told from the host's own.
    func use(of vm: VirtualMachine) async -> MachineUse? {
        let (script, id, directory) = (state.script, state.id, directory(of: vm))
        let ended = await onQueue { try? Subprocess.run("sh", [script, "use", id, vm.machine, directory], quiet: true) }
        let figures =
            ended.map { String(decoding: $0.output, as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap { Double($0) } } ?? []
        guard ended?.status == 0, figures.count == 5 else { return nil }
        return MachineUse(
            cpuSeconds: figures[0] / 1_000_000, memoryBytes: Int(figures[1]), diskBytes: Int(figures[2]) * 1024,
            receivedBytes: Int(figures[3]), sentBytes: Int(figures[4]))
    }

    func console(of vm: VirtualMachine) async -> String {
        let file = directory(of: vm) + "/console.log"
        return await onQueue { String(decoding: (FileManager.default.contents(atPath: file) ?? Data()).suffix(8192), as: UTF8.self) }
    }

    func end(allBut vms: [VirtualMachine]) async { try? await script("sweep", state.vms, names: vms.map(\.machine)) }

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
        try await script("join", vm.machine, "\(vm.index)", vm.tailnetAddress)
        return vm.tailnetAddress
    }

    private func start(_ vm: VirtualMachine) async throws {
        try await script("start", vm.machine, directory(of: vm), executable, "\(vm.index)")
    }

    private func directory(of vm: VirtualMachine) -> String { "\(state.vms)/\(vm.machine)" }

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

/// Runs one operation at a time per name of a machine. `rm` frees it at once, so a `new` may reuse it while the old VM is still being removed,
/// and the VM's folder and network carry it too.
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
        routes = routes.filter { $0.listen != vm.sshAddress } + [Relay.Route(name: vm.name, listen: vm.sshAddress, target: vm.address)]
    }

    /// Not one that is gone by now.
    func rename(_ vm: VirtualMachine) {
        if routes.contains(where: { $0.listen == vm.sshAddress }) { add(vm) }
    }

    func remove(_ vm: VirtualMachine) { routes.removeAll { $0.listen == vm.sshAddress } }
}
