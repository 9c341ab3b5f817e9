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
    /// Which wish of an operator it fulfils: the time of that wish, as it was given.
    package var wish: Double?

    package init(_ cause: Cause, _ stage: Stage = .leaving, begunAt: Double, wish: Double? = nil) {
        (self.cause, self.stage, self.begunAt, self.wish) = (cause, stage, begunAt, wish)
    }
}

extension Ledger {
    mutating func keep(_ replacement: Replacement, of node: String) {
        replacements = replacements ?? [:]
        replacements?[node] = replacement
    }

    /// Its machine is gone.
    mutating func replacementLeft(_ node: String) {
        if replacements?[node]?.stage == .leaving { replacements?[node]?.stage = .joining }
    }
}

extension FleetFacts {
    /// A step is about to be sent: it may be the first one of a replacement, or make again what was gone already.
    package mutating func noteReplacement(_ action: Action, because reason: Reason?, at now: Double) {
        if action.kind == .createVM, let wish = replacing.removeValue(forKey: action.node) {
            ledger.keep(Replacement(.requested, .joining, begunAt: now, wish: wish), of: action.node)
        }
        guard let cause = reason?.replacementCause, beginsReplacement(with: action) else { return }
        ledger.keep(Replacement(cause, begunAt: now, wish: replacing.removeValue(forKey: action.node)), of: action.node)
    }

    /// How far a replacement has come, as the world tells.
    mutating func learnReplacements() {
        for (name, replacement) in ledger.replacements ?? [:] {
            let record = record(name)
            // What an operator asks for while it is on its way out is done by that.
            if replacement.stage == .leaving, let wish = replacing.removeValue(forKey: name) {
                ledger.replacements?[name]?.cause = .requested
                ledger.replacements?[name]?.wish = wish
            }
            switch replacement.stage {
            case .leaving:
                let isMissing = observed.vms.map { $0[name] == nil } ?? false
                if isMissing, !needsSecondList(record), observed.node(name)?.isControlPlane != true { ledger.replacementLeft(name) }
                // Somebody made the VM again; or it came back, and its removal was ended.
                guard case .present(let instance) = record else { break }
                if instance.hasStaleIdentity { ledger.replacementLeft(name) } else { ledger.replacements?[name] = nil }
            case .joining:
                // Two lists had left it out.
                if case .leaving(let instance, _) = record, let at = observed.vms?[name]?.createdAt, at == instance.createdAt {
                    ledger.replacements?[name]?.stage = .leaving
                }
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
