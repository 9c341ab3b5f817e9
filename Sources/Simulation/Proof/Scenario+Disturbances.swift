import FleetCore

/// What others did before a process begins.
extension WorldState {
    /// Somebody makes a VM of that name.
    mutating func rebuild(_ name: String, tags: [String]) {
        _ = asked { world throws(AccountRefusal) in _ = try world.add(NewVM(name: name, tags: tags)) }
    }

    /// Somebody made a server of it by hand: it learns, then votes.
    mutating func promote(_ name: String) {
        guard let index = at(name), let api = apiServer else { return }
        let founder = machines[api.machine].name
        if clusters[api.cluster].etcd == nil { clusters[api.cluster].etcd = Etcd(founder: founder, now: now) }
        do throws(ClusterModel.Refusal) {
            try clusters[api.cluster].etcd!.join(name, up: serversUp(api.cluster), now: now)
        } catch {
            preconditionFailure("the scenario cannot be had: \(error)")
        }
        machines[index].write(now: now) { $0.serverData = api.cluster }
        _ = clusters[api.cluster].change(name) { $0.labels["node-role.kubernetes.io/control-plane"] = "true" }
        now += Etcd.promotion
        settle()
    }

    /// Somebody stopped k3s there, so long ago that the cluster knows it.
    mutating func stopK3s(on name: String) { silence(name) { $0.unit = nil } }

    mutating func stop(_ name: String) { silence(name) { $0.stop() } }

    mutating func freeze(_ name: String) { silence(name) { $0.freeze() } }

    mutating func kill(_ name: String) { silence(name) { $0.kill() } }

    /// Its kubelet says nothing any more, and its host answers.
    mutating func mute(_ name: String) { silence(name) { $0.silentUntil = 1e15 } }

    private mutating func silence(_ name: String, _ body: (inout Machine) -> Void) {
        guard let index = at(name) else { return }
        body(&machines[index])
        noteList()
        now += ClusterModel.patience + 5
        settle()
    }

    /// Somebody ran `kubectl delete node`; its kubelet does not register again by itself (facts/k3s.md §6.4).
    mutating func deleteNode(_ name: String) {
        guard let api = apiServer else { return }
        _ = clusters[api.cluster].deleteNode(name)
    }

    /// exe.dev routes its address to somebody else's host.
    mutating func answer(_ name: String, as other: String) {
        guard let index = at(name) else { return }
        machines[index].answersAs = other
    }

    /// It bears the mark of another cluster inside.
    mutating func belong(_ name: String, to clusterID: String) {
        guard let index = at(name) else { return }
        machines[index].write(now: now) { $0.clusterID = clusterID }
    }
}
