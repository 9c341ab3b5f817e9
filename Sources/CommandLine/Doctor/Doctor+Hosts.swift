import ExeDev
import FleetCore
import K3s
import Live
import Reconciler
import SSH

/// The way into the hosts, and between them.
extension Doctor {
    mutating func checkKeys() {
        guard let fleet = known(.sshKey) else { return }
        let did = "looked for SSH keys"
        do {
            let (keys, unused) = try login(fleet).offeredKeys()
            let found =
                keys.map(\.words).joined(separator: "; ") + (unused.isEmpty ? "" : "; not offered: \(unused.joined(separator: "; "))")
            guard !(isOverSSH && isRefused) else {
                return note(
                    .failed(
                        .sshKey, did, "exe.dev knows none of these: \(found)",
                        advice: "register one: ssh exe.dev; or name the right one with ssh.keyFile"))
            }
            let known = introduction?.keys?.compactMap(\.fingerprint)
            guard let known, !known.isEmpty, !keys.contains(where: { known.contains($0.fingerprint) }) else {
                return note(.ok(.sshKey, did, found))
            }
            note(
                .failed(
                    .sshKey, did, "none of these is on the account: \(found)",
                    advice: "add one: ssh exe.dev ssh-key add, or name the right one with ssh.keyFile"))
        } catch let error as StateError {
            note(.failed(.sshKey, did, error.message, advice: error.advice))
        } catch {
            note(.failed(.sshKey, did, "\(error)", advice: nil))
        }
    }

    mutating func checkHostKeys() async {
        guard let fleet = known(.hostKey) else { return }
        let did = "looked for what vouches for the VMs' host key"
        do {
            try await login(fleet).canProveHosts()
            note(.ok(.hostKey, did, "the host key of exe.dev's SSH proxy is known (RSA needs libssh2 1.11)"))
        } catch let error as EffectError {
            note(.failed(.hostKey, did, error.message, advice: error.advice))
        } catch {
            note(.failed(.hostKey, did, "\(error)", advice: nil))
        }
    }

    mutating func checkSecrets() {
        guard let fleet = known(.secrets) else { return }
        let did = "looked for the secrets that hosts need"
        do {
            guard let missing = try login(fleet).missingSecret else { return note(.ok(.secrets, did, "all are there")) }
            note(.failed(.secrets, did, missing.text, advice: missing.advice))
        } catch {
            note(.failed(.secrets, did, "\(error)", advice: nil))
        }
    }

    private func login(_ fleet: DesiredFleet) throws -> LoginExamination {
        LoginExamination(
            fleet, fleetFolder: CommandContext.folder(of: fleetFileName),
            state: try StateDirectory(base: CommandContext.stateBase(arguments), cluster: fleet.cluster.name), environment: environment)
    }

    /// Each host in one round trip: servers first, whose addresses the others call.
    mutating func checkHosts() async {
        guard let fleet, let world, let vms else { return note(.skipped(.hosts, "the VMs are not known")) }
        let nodes = fleet.nodes.filter { node in vms.contains { $0.name == node.name && $0.tags.contains(fleet.cluster.tag) } }
        guard !nodes.isEmpty else { return note(.skipped(.hosts, "no VM of the fleet is there")) }
        let servers = await Self.examine(nodes.filter { $0.role == .server }, vms, world, servers: [])
        var addresses: [String: String] = [:]
        for (name, result) in servers {
            if case .success(let host) = result, case .up(let address) = host.probe.overlay { addresses[name] = address }
        }
        let agents = await Self.examine(nodes.filter { $0.role == .agent }, vms, world, servers: addresses.values.sorted())
        for node in nodes { if let result = servers[node.name] ?? agents[node.name] { tellHost(node, result, addresses) } }
    }

    private struct Examined: Sendable {
        var node: String
        var result: Result<HostExamination, EffectError>
    }

    private static func examine(
        _ nodes: [DesiredNode], _ vms: [ObservedVM], _ world: LiveWorld, servers: [String]
    ) async -> [String: Result<HostExamination, EffectError>] {
        await withTaskGroup(of: Examined.self) { group in
            for vm in vms where nodes.contains(where: { $0.name == vm.name }) {
                group.addTask { Examined(node: vm.name, result: await examine(vm, world, servers: servers)) }
            }
            return await group.reduce(into: [:]) { $0[$1.node] = $1.result }
        }
    }

    private static func examine(
        _ vm: ObservedVM, _ world: LiveWorld, servers: [String]
    ) async -> Result<HostExamination, EffectError> {
        do throws(EffectError) { return .success(try await world.examine(vm, servers: servers)) } catch { return .failure(error) }
    }

    private mutating func tellHost(_ node: DesiredNode, _ result: Result<HostExamination, EffectError>, _ servers: [String: String]) {
        let name = node.name
        switch result {
        case .failure(let error):
            note(
                .failed(
                    .hosts, "logged in to \(name)", "\(name): \(error.message)",
                    advice: error.advice ?? "exedev-ctl ls \(name) shows whether it runs"))
        case .success(let host):
            let probe = host.probe
            tellK3s(node, probe)
            tellOverlay(name, probe)
            tellAPI(node, host, servers)
        }
    }

    private mutating func tellK3s(_ node: DesiredNode, _ probe: HostProbe) {
        let (name, did) = (node.name, "logged in to \(node.name)")
        guard HostScript.names(probe.hostname, name) else {
            return note(
                .failed(.hosts, did, "\(name): \(probe.hostname) answered", advice: "another VM's key or address: see ssh.keyFile"))
        }
        let (unit, state) = node.role == .server ? ("k3s", probe.server) : ("k3s-agent", probe.agent)
        guard let version = probe.binaryVersion else {
            return note(.warning(.hosts, did, "\(name): k3s is not installed", advice: "apply installs it"))
        }
        guard let state, state.active != "active" else {
            return note(.ok(.hosts, did, "\(name): k3s \(version), systemd \(probe.systemd)"))
        }
        note(
            .failed(
                .hosts, did, "\(name): \(unit) is \(state.active) (\(state.sub))\(state.enabled ? "" : " and disabled")",
                advice: "exedev-ctl ssh \(name) journalctl -u \(unit); apply starts it"))
    }

    private mutating func tellOverlay(_ name: String, _ probe: HostProbe) {
        let did = "asked tailscale on \(name)"
        switch probe.overlay {
        case .up(let address) where probe.isLockedOut:
            note(
                .failed(
                    .overlay, did, "\(name): \(address), but the tailnet does not trust its key",
                    advice: "sign it: tailscale lock sign (Tailnet Lock)"))
        case .up(let address): note(.ok(.overlay, did, "\(name): \(address)"))
        case .needsLogin: note(.failed(.overlay, did, "\(name): not logged in", advice: "apply logs it in; is the auth key still valid?"))
        case .missing: note(.warning(.overlay, did, "\(name): tailscale does not run yet", advice: "apply starts it"))
        }
    }

    /// Local calls tell k3s's trouble from the overlay's.
    private mutating func tellAPI(_ node: DesiredNode, _ host: HostExamination, _ servers: [String: String]) {
        let did = "called port 6443 from \(node.name)"
        if node.role == .server {
            let answers = host.api["127.0.0.1"] == true
            return note(
                answers
                    ? .ok(.apiServer, did, "\(node.name): the API answers on the server itself")
                    : .failed(
                        .apiServer, did, "\(node.name): the API does not answer on the server itself",
                        advice: "journalctl -u k3s there; apply starts a k3s that is down"))
        }
        guard !servers.isEmpty else { return note(.skipped(.apiServer, "\(node.name): no server's overlay address is known")) }
        let silent = servers.filter { host.api[$0.value] != true }.keys.sorted()
        guard !silent.isEmpty else { return note(.ok(.apiServer, did, "\(node.name): reaches every server over the overlay")) }
        note(
            .failed(
                .apiServer, did, "\(node.name): does not reach \(silent.joined(separator: ", ")) over the overlay",
                advice:
                    "if the API answers on the server itself, the tailnet's ACL keeps TCP 6443 from it, or one of the two is offline: tailscale ping"
            ))
    }
}
