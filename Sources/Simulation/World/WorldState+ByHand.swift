import FleetCore
import K3s

/// What people, and other programs, change behind the back of this one.
extension WorldState {
    /// Somebody turns the sharing of a VM round, and takes access from everybody.
    mutating func shareByHand(_ name: String) {
        guard let index = at(name) else { return }
        machines[index].vm.isPublic.toggle()
        machines[index].vm.port += 1
        machines[index].vm.access.users = []
    }

    /// Somebody removes a VM of ours and makes one of their own by its name.
    mutating func rebuildByOthers(_ name: String) {
        report(.failed(name))
        vanish(name)
        rebuild(name, tags: ["theirs"])
        guard let index = at(name) else { return }
        machines[index].theirsSince = now
    }

    /// Its kubelet comes and goes for some minutes from now on.
    mutating func flap(_ name: String) {
        settle()
        if let index = at(name) { machines[index].flapsUntil = now + Machine.flapping }
    }

    /// Somebody writes something else there.
    mutating func commentByHand(_ name: String) {
        if let index = at(name) { machines[index].vm.comment = "do not touch" }
    }

    /// Somebody edits k3s's configuration on a host, and its unit, and does not start it again.
    mutating func editConfiguration(of name: String) {
        guard let index = at(name), machines[index].disk.setup != nil else { return }
        machines[index].write(now: now) { disk in
            disk.setup?.extra["kubelet-arg"] = .list(["v=9"])
            disk.changedFiles = ["/etc/systemd/system/k3s.service"]
        }
        machines[index].sync()
    }

    /// Somebody stops k3s; for a while the cluster does not know it.
    mutating func haltK3s(on name: String, disables: Bool = false) {
        guard let index = at(name) else { return }
        settle()
        machines[index].unit = nil
        if disables { machines[index].writeThrough { $0.enabled = nil } }
    }

    /// A rule of the tailnet keeps a machine's pods from those of another one.
    mutating func partition(_ name: String, from peer: String) {
        guard let index = at(name), let other = machine(peer) else { return }
        machines[index].writeThrough { $0.lostPeer = other.overlayAddress }
    }

    /// Somebody turns Tailnet Lock on and signs all keys but one.
    mutating func lockOut(_ name: String) {
        guard let index = at(name) else { return }
        machines[index].isLockedOut = true
    }

    /// Somebody gives k3s arguments in a file of their own.
    mutating func configure(_ name: String, by file: String) {
        guard let index = at(name) else { return }
        machines[index].writeThrough { $0.foreignFiles = [file] }
    }
}
