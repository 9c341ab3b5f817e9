import K3s

/// Asks exe.dev for a VM. The ownership tag is set in the same call.
package struct CreateVM: Step {
    package static let kind = StepKind.createVM
    package static let words = "create VM"
    /// Names are unique at exe.dev, and a lost `new` may still be carried out.
    package static let mayRepeat = false

    package let node: String
    package let vm: VMSpec
    package let ownerTag: String

    package init(node: String, vm: VMSpec, ownerTag: String) { (self.node, self.vm, self.ownerTag) = (node, vm, ownerTag) }

    package var detail: String { "\(vm.cpu) cpu, \(vm.memory), \(vm.image)" }
    package var target: StepTarget { .platform }
    package var takes: LimitName? { .maxVMs }

    package func change(_ observed: Observation, record: NodeRecord?) -> Change {
        Change(before: observed.vmWords(node), after: detail)
    }

    package func before(_ ledger: inout Ledger, now: Double) { ledger.vmRequested(node, vm, at: now) }

    package func after(_ ledger: inout Ledger, _ outcome: StepOutcome, now: Double) { ledger.vmCreated(node) }

    package func show(_ outcome: StepOutcome, in observed: inout Observation) {
        if case .created(let vm) = outcome { observed.note(vm) }
    }

    /// What was observed inside a machine of that name was inside another one.
    package func stale(after end: StepEnd, _ observed: Observation) -> [StaleObservation] {
        switch end {
        case .done: [.host, .vmListUnderWay]
        case .failed(let isUnknown): isUnknown ? [.vms] : []
        }
    }
}
