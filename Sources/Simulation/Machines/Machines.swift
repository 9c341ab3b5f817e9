/// What the platform needs of whatever runs its VMs.
package protocol Machines: Sendable {
    /// Makes the machine and switches it on; returns when it was started, long before SSH answers.
    /// A paused one stays off. `keys`: who logs in.
    func create(_ vm: VirtualMachine, from origin: MachineOrigin, keys: @escaping MachineKeys) async throws
    /// Only these log in from now on.
    func admit(_ keys: @escaping MachineKeys, to vm: VirtualMachine) async
    func remove(_ vm: VirtualMachine) async
    /// Pulls the plug and boots again: nothing is synced.
    func restart(_ vm: VirtualMachine) async
    /// Keeps its memory while nothing of it runs, until ``resume``.
    func pause(_ vm: VirtualMachine) async
    /// Whether its memory was lost, so that it boots.
    func resume(_ vm: VirtualMachine) async -> Bool
    /// Tells the guest its new name.
    func rename(_ vm: VirtualMachine) async
    /// Ends what is left of machines that are none of these.
    func end(allBut vms: [VirtualMachine]) async
    /// Whether the machine's sshd answers now.
    func answersSSH(_ vm: VirtualMachine) async -> Bool
    /// Nil of one that is off.
    func use(of vm: VirtualMachine) async -> MachineUse?
    /// The end of what it has printed on its console.
    func console(of vm: VirtualMachine) async -> String
}

/// The lines of the keys that log in on a machine, asked for when its turn has come: of two changes at once the later one holds.
package typealias MachineKeys = @Sendable () async -> [String]

/// What the disk of a new machine holds. One that is there already keeps its own.
package enum MachineOrigin: Sendable {
    /// `setup`: what runs once, when it boots for the first time.
    case image(setup: String?)
    case copy(of: VirtualMachine)
}

/// What a machine takes now, and what it has taken since it was switched on.
package struct MachineUse: Sendable, Hashable {
    package var cpuSeconds: Double
    package var memoryBytes: Int
    package var diskBytes: Int
    package var receivedBytes: Int
    package var sentBytes: Int
}
