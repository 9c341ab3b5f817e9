/// What the platform needs of whatever runs its VMs.
package protocol Machines: Sendable {
    /// Makes the machine and switches it on; returns when it was started, long before SSH answers.
    func create(_ vm: VirtualMachine) async throws
    func remove(_ vm: VirtualMachine) async
    /// Pulls the plug and boots again: nothing is synced.
    func restart(_ vm: VirtualMachine) async
    /// Keeps its memory while nothing of it runs, until ``resume``.
    func pause(_ vm: VirtualMachine) async
    func resume(_ vm: VirtualMachine) async
    /// Ends what is left of machines that are none of these.
    func end(allBut vms: [VirtualMachine]) async
    /// Whether the machine's sshd answers now.
    func answersSSH(_ vm: VirtualMachine) async -> Bool
}
