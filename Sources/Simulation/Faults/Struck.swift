/// What has gone wrong so far, as those ask who must make allowance for it.
extension WorldState {
    /// A process died and its last write of the ledger was lost.
    var hadDamage: Bool { struck.contains { $0.kind == .crashAndDamage } }

    var hadEdit: Bool { struck.contains { if case .edit = $0.kind { true } else { false } } }

    var hadRival: Bool { struck.contains { $0.kind == .rival } }

    var hadClockJump: Bool { struck.contains(where: \.kind.isClockJump) }

    /// Things came about that the ledger does not tell: another machine's, or those of a write that was lost.
    var hidesFromTheLedger: Bool { struck.contains(where: \.kind.hidesFromTheLedger) }

    /// After it a run may end in good faith although there is something to do.
    var wasMisled: Bool { struck.contains(where: \.kind.misleads) }
}
