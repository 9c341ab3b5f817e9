import FleetCore
import K3s
import Reconciler

/// What exe.dev is asked to change: the account decides, and what becomes of the machines follows.
extension WorldState {
    mutating func asked(_ body: (inout WorldState) throws(AccountRefusal) -> Void) -> Swift.Result<EffectReply, EffectError> {
        do throws(AccountRefusal) {
            try body(&self)
            noteList()
            return .success(.text(""))
        } catch {
            return .failure(error.asEffectError)
        }
    }

    mutating func create(_ step: CreateVM) -> Swift.Result<EffectReply, EffectError> {
        let spec = step.vm
        var new = NewVM(name: step.node, tags: [step.ownerTag] + spec.tags)
        new.make.image = spec.image
        (new.make.cpu, new.make.memory, new.make.disk) = (String(spec.cpu), spec.memory, spec.disk)
        new.comment = spec.comment ?? ""
        var made: Machine?
        let reply = asked { world throws(AccountRefusal) in
            if world.late.contains(where: { $0.reservesName && $0.effect.subject == new.name }) { throw .nameTaken(new.name) }
            made = try world.add(new)
        }
        guard let made else { return reply }
        report(.created(step.node))
        return .success(.vm(made.observed(now: now)))
    }

    mutating func add(_ new: NewVM) throws(AccountRefusal) -> Machine {
        var (random, now) = (random, now)
        let machine = try account.create(new, createdAt: { "created-\($0)" }) { vm in
            Machine(vm, now: now, boot: random.seconds(3, 9))
        }
        self.random = random
        return machine
    }

    /// The lists call one that was stopped so for some seconds more.
    mutating func start(_ name: String) -> Swift.Result<EffectReply, EffectError> {
        let (seconds, lag) = (random.seconds(3, 9), random.seconds(2, 20))
        return asked { world throws(AccountRefusal) in
            let (now, place) = (world.now, try world.account.find(name))
            let wasStopped = try world.account.restart(name, now: now, listedAfter: lag)
            world.machines[place].boot(now: now, seconds: seconds, losesWrites: !wasStopped)
        }
    }

    /// What is sent to a host right before its VM is removed.
    mutating func logOut(_ name: String) {
        guard let index = reachable(name), machines[index].answersAs == nil else { return }
        account.logOut(machines[index].vm)
        machines[index].writeThrough { $0.hasOverlay = false }
    }

    mutating func remove(_ name: String) -> Swift.Result<EffectReply, EffectError> {
        vanish(name)
        return .success(.text(""))
    }

    mutating func tag(_ step: TagVM) -> Swift.Result<EffectReply, EffectError> {
        asked { world throws(AccountRefusal) in
            _ = try world.account.tag(step.node, step.adding)
            _ = try world.account.tag(step.node, step.removing, removing: true)
        }
    }

    /// As Live does it, and what it reads back.
    mutating func share(_ step: ShareVM) -> Swift.Result<EffectReply, EffectError> {
        let (name, share, revoking) = (step.node, step.share, step.revoking)
        var changes: [Sharing] = [.isPublic(share.isPublic)] + (revoking.map(Sharing.remove) + share.users.map { Sharing.add($0) })
        if let port = share.port { changes.append(.port(port)) }
        var vm: VirtualMachine?
        let reply = asked { world throws(AccountRefusal) in
            let isReachable = world.machine(name)?.answersSSH(now: world.now) == true
            vm = try world.account.share(name, changes, isReachable: isReachable)
        }
        guard let vm else { return reply }
        let users = vm.sharedWith.filter { share.users.contains($0) || revoking.contains($0) }
        return .success(.share(Share(port: share.port.map { _ in vm.port }, isPublic: vm.isPublic, users: users.sorted())))
    }
}

extension AccountRefusal {
    /// As Live's client classifies it (ExeDev/Classify.swift, ExeDevError.remedy).
    fileprivate var asEffectError: EffectError {
        let remedy: EffectError.Remedy =
            switch self {
            case .notFound, .notReady: .retry(after: nil)
            case .nameTaken: .nameTaken(advice: "choose another name")
            case .limitReached, .notRunning, .notPaused, .invalid: .askOperator(advice: "see what it says")
            }
        return EffectError(text, remedy: remedy)
    }
}
