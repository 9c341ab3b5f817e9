/// What a ledger is worth after its disk or its clock failed.
extension Ledger {
    /// Of a ledger whose last write was lost: of what may have been done since and left no trace that can be observed the worst is assumed.
    /// `now`: seconds since 1970.
    package func doubted(at now: Double) -> Ledger {
        var ledger = self
        ledger.nodes = nodes.mapValues { $0.doubted(at: now) }
        if nodes.values.contains(where: { $0.instance?.isServer == true }) { ledger.serverChangedAt = now }
        return ledger
    }

    /// What was written by a clock that has been set back since was no later than now.
    package mutating func comeBack(to now: Double) {
        for (name, record) in nodes where record.isLater(than: now) { nodes[name] = record.comeBack(to: now) }
        if let takenAt = snapshot?.takenAt { snapshot?.takenAt = min(takenAt, now) }
        serverChangedAt = serverChangedAt.map { min($0, now) }
        for (name, replacement) in replacements ?? [:] { replacements?[name]?.begunAt = min(replacement.begunAt, now) }
        for (name, attempt) in attempts {
            guard let failedAt = attempt.failedAt, failedAt > now else { continue }
            attempts[name]?.notBefore -= failedAt - now
            attempts[name]?.failedAt = now
        }
    }
}

extension NodeRecord {
    fileprivate func doubted(at now: Double) -> NodeRecord {
        var record = self
        record.change { instance in
            if instance.configuration != .notRecorded { instance.configuration = .unknown }
            (instance.startedAt, instance.poweredOnAt, instance.commandSentAt) = (now, now, now)
            // Somebody may have used the node again meanwhile.
            instance.maintenance = instance.maintenance.map { _ in Maintenance() }
            if instance.sharing != .notSet { instance.sharing = .uncertain(grants: instance.sharing.grants) }
        }
        // The file may have asked for it again meanwhile, and pods may have come back.
        if case .leaving(let instance, let stage) = record, stage != .returning { record = .leaving(instance, .begun) }
        return record
    }

    fileprivate func isLater(than now: Double) -> Bool {
        let times = [
            request?.sentAt, instance?.startedAt, instance?.poweredOnAt, instance?.commandSentAt, instance?.drain?.triedAt, removedAt,
            instance?.resize?.doneAt, instance?.otherSizeSince,
        ]
        return times.contains { $0.map { $0 > now } ?? false }
    }

    fileprivate func comeBack(to now: Double) -> NodeRecord {
        var record = self
        record.change { instance in
            instance.startedAt = instance.startedAt.map { min($0, now) }
            instance.poweredOnAt = instance.poweredOnAt.map { min($0, now) }
            instance.commandSentAt = instance.commandSentAt.map { min($0, now) }
            if let doneAt = instance.resize?.doneAt { instance.resize?.doneAt = min(doneAt, now) }
            instance.otherSizeSince = instance.otherSizeSince.map { min($0, now) }
            instance.drain = instance.drain.map {
                DrainProgress(since: min($0.since, now), triedAt: min($0.triedAt, now), hindrance: $0.hindrance)
            }
        }
        switch record {
        case .requested(var request):
            request.sentAt = min(request.sentAt, now)
            request.previous = request.previous?.comeBack(to: now)
            return .requested(request)
        case .gone(let gone): return .gone(RemovedInstance(createdAt: gone.createdAt, removedAt: min(gone.removedAt, now)))
        case .present, .leaving: return record
        }
    }
}
