package import FleetCore
import K3s

/// Performs looks and says what came of them; it never writes.
package struct Observer: Sendable {
    package enum Sight: Sendable {
        case vms([ObservedVM])
        case host(String, ObservedHost)
        case cluster(ObservedCluster)
        /// The look could not be done; what was known stays known.
        case failed(Look, EffectError)
    }

    let world: any WorldReader

    package init(world: any WorldReader) {
        self.world = world
    }

    package func look(_ look: Look, vm: ObservedVM?) async -> Sight {
        do throws(EffectError) {
            switch (look, vm) {
            case (.vms, _): return .vms(try await world.listVMs())
            case (.host(let name), let vm?): return .host(name, .probed(try await world.probe(vm)))
            case (.cluster, let vm?): return .cluster(.read(try await world.readCluster(on: vm)))
            case (.host, nil), (.cluster, nil), (.nothing, _):
                return .failed(look, EffectError("there is no VM to look at", remedy: .retry(after: nil)))
            }
        } catch {
            return Self.sight(of: error, at: look)
        }
    }

    private static func sight(of error: EffectError, at look: Look) -> Sight {
        switch (look, error.remedy) {
        case (.host(let name), .askOperator(let advice)): .host(name, .refused(error.message, advice: advice))
        case (.host(let name), _): .host(name, .unreachable(error.message))
        case (.cluster, _): .cluster(.unreachable(error.message))
        case (.vms, _), (.nothing, _): .failed(look, error)
        }
    }
}

extension Observation {
    /// What a sight tells that was not known.
    package enum Difference: Sendable, Equatable {
        case nothing, everything
        /// Of these nodes and VMs alone.
        case nodes([String])
    }

    @discardableResult
    package mutating func note(_ sight: Observer.Sight) -> Difference {
        switch sight {
        case .vms(let list): return note(list)
        case .host(let name, let host):
            guard hosts[name] != host else { return .nothing }
            hosts[name] = host
            return .nodes([name])
        case .cluster(let cluster): return note(cluster)
        case .failed: return .nothing
        }
    }

    private mutating func note(_ list: [ObservedVM]) -> Difference {
        let former = vms ?? [:]
        let changed = list.filter { former[$0.name] != $0 }
        let current = Dictionary(list.map { (NodeName($0.name), $0) }, uniquingKeysWith: { first, _ in first })
        if changed.isEmpty, vms?.count == current.count { return .nothing }
        // What was seen inside a machine says nothing of another one under its name.
        hosts = hosts.filter { former[$0.key]?.createdAt == current[$0.key]?.createdAt }
        defer { vms = current }
        return vms == nil ? .everything : .nodes(changed.map { $0.name } + former.keys.filter { current[$0] == nil }.map(\.text))
    }

    private mutating func note(_ reading: ObservedCluster) -> Difference {
        let difference = difference(to: reading)
        if difference != .nothing { cluster = reading }
        return difference
    }

    private func difference(to reading: ObservedCluster) -> Difference {
        guard case .read(var former) = cluster, case .read(var current) = reading else {
            return cluster == reading ? .nothing : .everything
        }
        var changed: [(before: NodeReading?, now: NodeReading?)] = []
        if reading.hasSameNodes(as: cluster) {
            for (before, now) in zip(former.nodes, current.nodes) where before != now { changed.append((before, now)) }
        } else {
            for now in current.nodes where node(now.name) != now { changed.append((node(now.name), now)) }
            let names = Set(current.nodes.map { $0.name })
            for before in former.nodes where !names.contains(before.name) { changed.append((before, nil)) }
        }
        if changed.contains(where: { $0.before?.isControlPlane == true || $0.now?.isControlPlane == true }) { return .everything }
        (former.nodes, current.nodes) = ([], [])
        if former != current { return .everything }
        return changed.isEmpty ? .nothing : .nodes(changed.compactMap { ($0.now ?? $0.before)?.name })
    }
}
