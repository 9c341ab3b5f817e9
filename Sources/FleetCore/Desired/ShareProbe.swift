/// What each VM of a pool is to answer behind exe.dev's HTTPS proxy: `share.probe`. Kept apart from `Share`, which exe.dev stores.
package struct ShareProbe: Sendable, Hashable {
    /// From its slash on, a query included.
    package var path: String
    package var status: Int

    package init(path: String, status: Int) { (self.path, self.status) = (path, status) }
}

/// One VM asked for its `share.probe`.
package struct ShareQuestion: Sendable, Hashable {
    package var vm: String
    package var probe: ShareProbe
    /// Nobody has to log in.
    package var isPublic: Bool

    package init(vm: String, probe: ShareProbe, isPublic: Bool) { (self.vm, self.probe, self.isPublic) = (vm, probe, isPublic) }

    /// Made of the name alone, as the namespace of a VM's token is: no token goes where a list of VMs points to.
    package var url: String { "https://\(vm).exe.xyz\(probe.path)" }
}

extension ShareQuestion: Comparable {
    package static func < (left: ShareQuestion, right: ShareQuestion) -> Bool {
        (left.vm, left.probe.path, left.probe.status, left.isPublic ? 1 : 0)
            < (right.vm, right.probe.path, right.probe.status, right.isPublic ? 1 : 0)
    }
}

extension NodeWish {
    /// Nil where the pool has no probe.
    package var question: ShareQuestion? {
        guard let probe, let share else { return nil }
        return ShareQuestion(vm: name, probe: probe, isPublic: share.isPublic)
    }
}
