import FleetCore
import Reconciler
import SSH
import Synchronization

/// How each host is entered: by the fleet file and exe.dev, and where the fleet file asks for it by OpenSSH's configuration.
final class Entrance: Sendable {
    typealias Entry = (target: SSHTarget, access: SSHAccess)

    private let identity: Identity
    /// Of every host; nil: OpenSSH is asked.
    private let standard: SSHAccess?
    /// How hosts prove themselves; nil: OpenSSH is asked.
    private let hostKeys: HostKeyRule?
    private let openSSH: OpenSSH
    private let defaultPort: Int?
    private let known = Mutex<[ObservedVM.Address: Entry]>([:])

    init(identity: Identity) throws {
        self.identity = identity
        defaultPort = identity.environment["EXE_DEV_SSH_PORT"].flatMap(Int.init)
        let isAsked = identity.settings.config != .unused
        let hostKeys = isAsked && identity.settings.hostKeys == .standard ? nil : try identity.hostKeys()
        self.hostKeys = hostKeys
        standard = isAsked ? nil : try hostKeys.map { SSHAccess(keys: try identity.keys(), hostKeys: $0) }
        var file: String?
        if case .file(let name) = identity.settings.config { file = identity.path(name) }
        openSSH = OpenSSH(file: file, environment: identity.environment)
    }

    func entry(to address: ObservedVM.Address) async throws(EffectError) -> Entry {
        if let standard { return (target(address, nil), standard) }
        if let entry = known.withLock({ $0[address] }) { return entry }
        do {
            let config = try await openSSH.config(of: address.host, port: address.port ?? defaultPort, user: chosenUser(address))
            let target = target(address, config)
            var access = SSHAccess(keys: try identity.keys(config), hostKeys: try hostKeys ?? identity.hostKeys(config))
            access.way = config.jump.map { openSSH.way(to: target.host, port: target.port, over: $0) }
            known.withLock { $0[address] = (target, access) }
            return (target, access)
        } catch let error as StateError {
            throw EffectError(error.message, remedy: .askOperator(advice: error.advice ?? "correct OpenSSH's configuration"))
        } catch {
            throw EffectError("\(error)", remedy: .askOperator(advice: "correct OpenSSH's configuration"))
        }
    }

    private func target(_ address: ObservedVM.Address, _ config: SSHConfig?) -> SSHTarget {
        // Every VM of exe.dev shows the key of the SSH proxy, which known_hosts lists under the proxy's name.
        SSHTarget(
            host: config?.host ?? address.host, port: config?.port ?? address.port ?? defaultPort ?? 22,
            user: chosenUser(address) ?? config?.user ?? address.user ?? "exedev", hostKeyAlias: config?.alias ?? Identity.proxy)
    }

    /// The login name that nothing replaces: one that routes (`vm+NAME`, facts/exedev.md §5), else that of the fleet file.
    private func chosenUser(_ address: ObservedVM.Address) -> String? {
        if let user = address.user, user.contains("+") { return user }
        return identity.settings.user
    }
}
