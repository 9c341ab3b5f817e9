package import FleetCore
package import K3s
import Shell

/// Why an effect or a read failed, in one line, with what to do about it. The loop reads the remedy and nothing else.
package struct EffectError: Error, Sendable, CustomStringConvertible {
    package enum Remedy: Sendable, Hashable {
        /// Nothing happened; the same may be tried again, after so many seconds if the other side said so.
        case retry(after: Double?)
        /// It may have happened: never resend, read again.
        case observeAgain
        case askOperator(advice: String)
        /// The VM name is taken: by our own request, if there was one without an answer; else the operator is to choose another.
        case nameTaken(advice: String)
        /// For this reason, which only the operator can change: by a rule of ours before anything was sent, or by the host.
        case refused(Reason)
        /// Nothing was done: the host has obeyed this fencing number, which is above ours. Everything is read and decided again.
        case fenced(by: Int)
    }

    package var message: String
    package var remedy: Remedy

    package init(_ message: String, remedy: Remedy) {
        (self.message, self.remedy) = (OutsideText.line(message), remedy)
    }

    /// What the operator can do; nil when nothing has to be done.
    package var advice: String? {
        switch remedy {
        case .askOperator(let advice), .nameTaken(let advice): advice
        case .refused(let reason): reason.advice.isEmpty ? nil : reason.advice
        case .retry, .observeAgain, .fenced: nil
        }
    }

    init(refused reason: Reason) { self.init(reason.text, remedy: .refused(reason)) }

    package var description: String { message }
}

/// What may be read. `plan` and `status` are given nothing else, so they cannot write.
package protocol WorldReader: Sendable {
    /// Every VM that the account shows, in one request.
    func listVMs() async throws(EffectError) -> [ObservedVM]
    func probe(_ vm: ObservedVM) async throws(EffectError) -> HostProbe
    /// How exe.dev's proxy shows the VM, with everybody who has access.
    func readShare(of vm: ObservedVM) async throws(EffectError) -> Share
    /// The status with which it answers its `share.probe` behind exe.dev's HTTPS proxy. `askOperator`: it could not be asked.
    func answer(to question: ShareQuestion) async throws(EffectError) -> Int
    /// The whole cluster, read on a server in one round trip.
    func readCluster(on vm: ObservedVM) async throws(EffectError) -> ClusterReading
    /// What this machine has of the secrets that hosts need.
    func credentials() -> Credentials
}

extension WorldReader {
    /// For a world whose doors need no key.
    package func credentials() -> Credentials { Credentials() }
}

/// What may be changed.
package protocol WorldWriter: WorldReader {
    /// Sends `new` once. The answer is the VM as the platform described it.
    func create(_ step: CreateVM) async throws(EffectError) -> ObservedVM
    func tag(_ step: TagVM) async throws(EffectError)
    func comment(_ step: CommentVM) async throws(EffectError)
    func start(_ step: StartVM) async throws(EffectError)
    /// What of it exe.dev wants to approve first.
    func resize(_ step: ResizeVM) async throws(EffectError) -> DiskApproval?
    func restart(_ step: RestartVM) async throws(EffectError)
    func remove(_ step: RemoveVM) async throws(EffectError)
    /// Takes the host out of the overlay network, if it can still be asked, right before its VM is removed. Throws only when the host refuses
    /// because a later holder of the Lease has been there.
    func logOut(_ vm: ObservedVM) async throws(EffectError)
    /// Sets sharing and reads it back.
    func share(_ step: ShareVM) async throws(EffectError) -> Share
    /// Takes or renews the cluster's Lease, on its server.
    func holdLease(on vm: ObservedVM, _ claim: LeaseClaim) async throws(EffectError) -> LeaseAnswer
    func releaseLease(on vm: ObservedVM) async throws(EffectError)
    /// Runs the script of an action on a host and returns what it printed.
    func run(_ action: Action, on vm: ObservedVM) async throws(EffectError) -> String
    /// The same hands for one change, which ask for its ticket whenever it has waited for its turn and is about to leave.
    func fenced(by ticket: Fence.Ticket) -> any WorldWriter
}

extension WorldWriter {
    /// For a world whose `remove` does it.
    package func logOut(_ vm: ObservedVM) async throws(EffectError) {}

    /// For hands that let nothing wait.
    package func fenced(by ticket: Fence.Ticket) -> any WorldWriter { self }
}

/// The disk of the ledger and of the audit log.
package protocol Memory: Sendable {
    /// Durable when it returns.
    func save(_ ledger: Ledger) throws
    /// Called right before the action is sent, durable when it returns. When it throws, the action is not sent.
    func intend(_ action: Action, because: Reason, facts: FleetFacts) throws
    /// The operator's hold on the fleet, as the disk has it now. Asked for before anything is begun.
    func pause() -> FleetPause?
}

extension Memory {
    /// Keeps no audit log.
    package func intend(_ action: Action, because: Reason, facts: FleetFacts) throws {}

    /// Nobody can hold it.
    package func pause() -> FleetPause? { nil }
}

/// One instant on both clocks: what is remembered beyond this process is told by `wall`, everything else by `uptime`, which never jumps.
struct Moment: Sendable {
    var wall: Double
    var uptime: Double

    init(_ clock: any WallClock) { (wall, uptime) = (clock.now, clock.uptime) }
}

package protocol WallClock: Sendable {
    /// Seconds since 1970.
    var now: Double { get }
    /// Seconds on the monotonic clock, which goes on while the machine sleeps.
    var uptime: Double { get }
    func sleep(seconds: Double) async throws
}
