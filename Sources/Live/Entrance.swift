import FleetCore
import Reconciler
import SSH
import Synchronization

/// How each host is entered: by the fleet file and exe.dev, and where the fleet file asks for it by OpenSSH's configuration.
final class Entrance: Sendable {
    typealias Entry = (target: SSHTarget, access: SSHAccess)

    private let identity: Identity
    /// OpenSSH is asked of each host.
    private let isAsked: Bool
    /// Of every host that OpenSSH is not asked of; nil while there is no usable key.
    private let standard = Mutex<SSHAccess?>(nil)
    /// How hosts prove themselves; nil: OpenSSH is asked.
    private let hostKeys: HostKeyRule?
    private let openSSH: OpenSSH
    private let defaultPort: Int?
    private let known = Mutex<[ObservedVM.Address: Entry]>([:])

    /// `needsKey`: throws while there is no usable key.
    init(identity: Identity, needsKey: Bool) throws {
        self.identity = identity
        defaultPort = try identity.environment["EXE_DEV_SSH_PORT"].map { text in
            guard let port = Int(text), 1...65535 ~= port else {
                throw StateError("EXE_DEV_SSH_PORT is \(text)", advice: "write a port: 22")
            }
            return port
        }
        isAsked = identity.settings.config != .unused
        let hostKeys = isAsked && identity.settings.hostKeys == .standard ? nil : try identity.hostKeys()
        self.hostKeys = hostKeys
        var file: String?
        if case .file(let name) = identity.settings.config { file = identity.path(name) }
        openSSH = OpenSSH(file: file, environment: identity.environment)
        do throws(StateError) {
            _ = try standardAccess()
        } catch {
            if needsKey { throw error }
        }
    }

    /// Why no host can be entered now; the key may have come since it was last asked for.
    func missingKey() -> StateError? {
        do throws(StateError) {
            _ = try standardAccess()
            return nil
        } catch {
            return error
        }
    }

    private func standardAccess() throws(StateError) -> SSHAccess? {
        guard !isAsked, let hostKeys else { return nil }
        if let known = standard.withLock({ $0 }) { return known }
        do {
            let access = SSHAccess(keys: try identity.keys(), hostKeys: hostKeys)
            standard.withLock { $0 = access }
            return access
        } catch let error as StateError {
            throw error
        } catch {
            throw StateError("\(error)", advice: Self.keyAdvice)
        }
    }

    private static let keyAdvice = "see ssh.keyFile of the fleet file, $EXE_DEV_SSH_KEY and $SSH_AUTH_SOCK"

    /// Throws unless the host key of a VM that is to be created could be proved.
    func canProve(newVM name: String) async throws(EffectError) {
        let (target, access) = try await entry(to: ObservedVM.Address(host: "\(name).exe.xyz", port: nil, user: nil))
        guard !access.hostKeys.canVouch(for: target) else { return }
        throw EffectError(
            "nothing vouches for the host key of \(Identity.proxy), the SSH proxy in front of every VM",
            remedy: .askOperator(
                advice: "add its fingerprint to the fleet file, ssh: {hostKeys: [\"SHA256:…\"]}, or connect once with "
                    + "`ssh \(Identity.proxy)`, which lists it in known_hosts"))
    }

    func entry(to address: ObservedVM.Address) async throws(EffectError) -> Entry {
        do throws(StateError) {
            if let access = try standardAccess() { return (target(address, nil), access) }
        } catch {
            throw EffectError(error.message, remedy: .askOperator(advice: error.advice ?? Self.keyAdvice))
        }
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
