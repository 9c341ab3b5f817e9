package import FleetCore
import K3s

/// Performs reads and says what came of them; it never writes.
package struct Observer: Sendable {
    package enum Observed: Sendable {
        case vms([ObservedVM])
        case host(String, ObservedHost)
        case share(String, Share)
        case answered(ShareQuestion, ShareAnswer)
        case cluster(ObservedCluster)
        /// The read could not be done; what was known stays known.
        case failed(ReadTarget, EffectError)
    }

    let world: any WorldReader

    package init(world: any WorldReader) {
        self.world = world
    }

    package func read(_ target: ReadTarget, vm: ObservedVM?) async -> Observed {
        do throws(EffectError) {
            switch (target, vm) {
            case (.vms, _): return .vms(try await world.listVMs())
            case (.host(let name), let vm?): return .host(name, .probed(try await world.probe(vm)))
            case (.share(let name), let vm?): return .share(name, try await world.readShare(of: vm))
            case (.web(let question), _): return .answered(question, await answer(to: question))
            case (.cluster, let vm?): return .cluster(.read(try await world.readCluster(on: vm)))
            case (.host, nil), (.share, nil), (.cluster, nil), (.nothing, _):
                return .failed(target, EffectError("there is no VM to read", remedy: .retry(after: nil)))
            }
        } catch {
            return Self.observed(of: error, at: target)
        }
    }

    private static func observed(of error: EffectError, at target: ReadTarget) -> Observed {
        switch (target, error.remedy) {
        case (.host(let name), .askOperator(let advice)): .host(name, .refused(error.message, advice: advice))
        case (.host(let name), .refused(.hostRefused(_, let advice))): .host(name, .loginRefused(error.message, advice: advice))
        case (.host(let name), _): .host(name, .unreachable(error.message))
        case (.cluster, _): .cluster(.unreachable(error.message))
        case (.vms, _), (.share, _), (.web, _), (.nothing, _): .failed(target, error)
        }
    }

    /// Once.
    package func answer(to question: ShareQuestion) async -> ShareAnswer {
        do throws(EffectError) {
            return .status(try await world.answer(to: question))
        } catch {
            switch error.remedy {
            case .askOperator, .refused: return .unasked(error.message)
            case .retry, .observeAgain, .nameTaken, .fenced: return .silent(error.message)
            }
        }
    }
}

extension Observation {
    /// Whether it tells something that was not known.
    @discardableResult
    package mutating func note(_ observed: Observer.Observed) -> Bool {
        switch observed {
        case .vms(let list):
            let current = Dictionary(list.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
            let former = vms
            guard current != former else { return false }
            // What was observed inside a machine says nothing of another one under its name.
            hosts = hosts.filter { former?[$0.key]?.createdAt == current[$0.key]?.createdAt }
            shares = shares.filter { former?[$0.key]?.createdAt == current[$0.key]?.createdAt }
            answers = answers.filter { former?[$0.key.vm]?.createdAt == current[$0.key.vm]?.createdAt }
            vms = current
        case .host(let name, let host):
            guard hosts[name] != host else { return false }
            hosts[name] = host
        case .share(let name, let share):
            guard shares[name] != share else { return false }
            shares[name] = share
        case .answered(let question, let answer):
            guard answers[question] != answer else { return false }
            answers[question] = answer
        case .cluster(let reading):
            guard reading != cluster else { return false }
            let well = hosts.keys.filter { node($0)?.ready == .ready }
            cluster = reading
            // What was observed inside while its node was well tells nothing of one that is not.
            for name in well where node(name).map({ $0.ready != .ready }) ?? true { hosts[name] = nil }
        case .failed: return false
        }
        return true
    }
}
