import FleetCore
import K3s
import Reconciler

/// exe.dev's HTTPS proxy in front of the VMs, and what listens behind it.
extension WorldState {
    /// Seconds from when a node is in the cluster until pods listen on its shared port.
    static let webAfter = 8.0
    static let page = "/healthz"

    func answer(to question: ShareQuestion, _ fault: Fault.Kind?) -> Result<Int, EffectError> {
        if fault == .unreachable || fault == .refused, let refusal = Self.refusal(.unreachable) { return .failure(refusal) }
        guard let machine = machine(question.vm) else { return .failure(Self.refused) }
        // Who must log in is sent there.
        if question.isPublic, !machine.vm.isPublic { return .success(307) }
        if let webOutage, now < webOutage { return .success(502) }
        guard machine.listens(now: now) else { return .success(502) }
        return .success(question.probe.path == Self.page ? 200 : 404)
    }

    /// Somebody ends what listens on a VM's shared port; for good, or until it is begun again.
    mutating func endWeb(of name: String, _ isDown: Bool = true) {
        if let index = at(name) { machines[index].isWebDown = isDown }
    }
}

extension Machine {
    fileprivate func listens(now: Double) -> Bool {
        guard !isStopped, !isWebDown, let registered = unit?.registeredAt else { return false }
        return now >= registered + WorldState.webAfter
    }
}
