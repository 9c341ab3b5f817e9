import Foundation
import Shell

@testable import Simulation

/// Machines that only exist as names; sshd answers on those that are told to.
actor PaperMachines: Machines {
    private(set) var running: Set<String> = []
    /// The host names that guests have, by the names of their machines.
    private(set) var hostNames: [String: String] = [:]
    private(set) var copies: [String: String] = [:]
    /// Who logs in, and what runs at the first boot.
    private(set) var keys: [String: [String]] = [:]
    private(set) var setups: [String: String] = [:]
    /// The memory of paused ones is lost.
    var isCold = false
    private var use: MachineUse?
    private let answers: Bool
    /// Holds up every `create` until it is opened.
    private let gate: Gate?

    init(answers: Bool = true, gate: Gate? = nil) { (self.answers, self.gate) = (answers, gate) }

    func create(_ vm: VirtualMachine, from origin: MachineOrigin, keys: @escaping MachineKeys) async {
        await gate?.pass()
        if !vm.isPaused { running.insert(vm.machine) }
        hostNames[vm.machine] = vm.name
        switch origin {
        case .image(let setup): setups[vm.machine] = setup
        case .copy(let source): copies[vm.machine] = source.machine
        }
        await admit(keys, to: vm)
    }

    func admit(_ keys: @escaping MachineKeys, to vm: VirtualMachine) async { self.keys[vm.machine] = await keys() }

    func remove(_ vm: VirtualMachine) {
        running.remove(vm.machine)
        hostNames[vm.machine] = nil
    }

    func restart(_ vm: VirtualMachine) {}
    func pause(_ vm: VirtualMachine) { running.remove(vm.machine) }

    func resume(_ vm: VirtualMachine) -> Bool {
        running.insert(vm.machine)
        return isCold
    }

    func rename(_ vm: VirtualMachine) { hostNames[vm.machine] = vm.name }
    func end(allBut vms: [VirtualMachine]) { running.formIntersection(vms.map(\.machine)) }
    func answersSSH(_ vm: VirtualMachine) -> Bool { answers }
    func use(of vm: VirtualMachine) -> MachineUse? { use }
    func console(of vm: VirtualMachine) -> String { "console of \(vm.machine)\n" }

    func loseMemory() { isCold = true }
    func uses(_ use: MachineUse) { self.use = use }
}

/// Closed at first; once it is open, everybody passes.
actor Gate {
    private(set) var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func pass() async {
        guard !isOpen else { return }
        await withCheckedContinuation { waiting.append($0) }
    }

    func open() {
        isOpen = true
        waiting.forEach { $0.resume() }
        waiting = []
    }
}

/// A clock that a test sets.
final class PaperClock: @unchecked Sendable {
    // Safe: `time` is touched only under the lock.
    private let lock = NSLock()
    private var time = 1_800_000_000.0

    var now: Double { lock.withLock { time } }
    func advance(_ seconds: Double) { lock.withLock { time += seconds } }
}

func platform(
    _ machines: PaperMachines = PaperMachines(), foreign: Set<String> = [], dns: [String: String] = [:], clock: PaperClock = PaperClock(),
    owner: String = "k"
) -> Platform {
    Platform(
        Platform.State(), machines: machines, sshPort: 2242, owner: Platform.Owner(email: "o@example.com", publicKey: owner),
        foreignNames: { foreign }, dns: { dns }, now: { clock.now }, save: { _ in })
}

extension Platform {
    /// A line as somebody types it.
    func say(_ line: String, tag: String? = nil) async throws -> Reply { await run(try Lexer.words(of: line), tag: tag) }
}
