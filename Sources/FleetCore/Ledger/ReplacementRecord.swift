import K3s

/// A node of the fleet file that is made again: its machine leaves, and another one of its name comes.
package struct Replacement: Sendable, Hashable, Codable {
    package enum Cause: String, Sendable, Hashable, Codable {
        /// An operator asked for it.
        case requested
        /// Two witnesses call it dead, and a restart did not help.
        case dead
        /// The fleet file asks for another image.
        case image
    }

    package enum Stage: String, Sendable, Hashable, Codable {
        /// The machine is on its way out.
        case leaving
        /// It is gone, and its successor is not ready yet.
        case joining
        case over
    }

    package var cause: Cause
    package var stage: Stage
    /// Seconds since 1970.
    package var begunAt: Double

    package init(_ cause: Cause, _ stage: Stage = .leaving, begunAt: Double) {
        (self.cause, self.stage, self.begunAt) = (cause, stage, begunAt)
    }
}

extension Ledger {
    /// The first step of its way out is about to be sent.
    package mutating func replacementBegun(_ node: String, _ cause: Replacement.Cause, at now: Double) {
        replacements = replacements ?? [:]
        replacements?[node] = Replacement(cause, begunAt: now)
    }

    /// Its machine is gone.
    mutating func replacementLeft(_ node: String) {
        if replacements?[node]?.stage == .leaving { replacements?[node]?.stage = .joining }
    }
}

extension FleetFacts {
    /// How far a replacement has come, as the world tells.
    mutating func learnReplacements() {
        for (name, replacement) in ledger.replacements ?? [:] {
            let record = record(name)
            switch replacement.stage {
            case .leaving:
                let isMissing = observed.vms.map { $0[name] == nil } ?? false
                if isMissing, !needsSecondList(record), observed.node(name)?.isControlPlane != true { ledger.replacementLeft(name) }
                // Somebody made the VM again; or it came back, and its removal was ended.
                guard case .present(let instance) = record else { break }
                if instance.hasStaleIdentity { ledger.replacementLeft(name) } else { ledger.replacements?[name] = nil }
            case .joining:
                guard case .present(let instance) = record, !instance.hasStaleIdentity, observed.node(name)?.ready == .ready,
                    !observed.outdated.contains(name)
                else { break }
                ledger.replacements?[name]?.stage = .over
            case .over: break
            }
            if record == nil, !isWanted(name) { ledger.replacements?[name] = nil }
        }
    }
}
