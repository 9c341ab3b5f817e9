package import ExeDev
package import FleetCore
package import K3s
package import Reconciler
import SSH

/// What `doctor` asks of the world beside what the loop does.
extension LiveWorld {
    package func introduce() async -> Introduction { await client.introduce() }

    /// `servers`: overlay addresses whose API it shall call.
    package func examine(_ vm: ObservedVM, servers: [String]) async throws(EffectError) -> HostExamination {
        let output = try await hosts.run(HostScript.examine(servers: servers), on: vm, deadline: 60, mutates: false)
        return try Self.reading { () throws(ReadingError) in try HostExamination.parse(output) }
    }

    /// Bytes of the longest command that the fleet's VMs need.
    package static func longestCommand(of fleet: DesiredFleet) -> Int {
        fleet.nodes.map { node in
            let vm = node.vm
            var new = NewVM(
                name: node.name, image: vm.image, cpu: vm.cpu, memory: vm.memory, disk: vm.disk, tags: [fleet.cluster.tag] + vm.tags)
            new.comment = vm.comment
            return ExeDevCommand.new(new).line.utf8.count
        }.max() ?? 0
    }
}

/// Our SSH keys and what vouches for hosts, without a token and without any host.
package struct LoginExamination {
    private let identity: Identity
    private let secrets: Secrets

    /// `fleetFolder`: of the fleet file.
    package init(_ fleet: DesiredFleet, fleetFolder: String, state: StateDirectory, environment: [String: String]) {
        identity = Identity(settings: fleet.ssh, folder: fleetFolder, state: state, environment: environment)
        secrets = Secrets(
            state: state, overlayKey: OverlayKey(overlay: fleet.cluster.overlay, folder: fleetFolder, environment: environment),
            registries: fleet.cluster.registrySecrets, token: nil)
    }

    /// Why hosts could not be sent what they need of this machine; nil when all is there.
    package var missingSecret: Reason? { secrets.credentials(mayWrite: false).missing }

    /// The keys that are offered to hosts, in words and with their fingerprints, and why others are not.
    package func offeredKeys() throws -> (keys: [(words: String, fingerprint: String)], unused: [String]) {
        let ring = try identity.keys()
        return (ring.keys.map { ($0.words, $0.publicFingerprint) }, ring.unused)
    }

    /// Throws unless the host key of a new VM could be proved.
    package func canProveHosts() async throws {
        try await Entrance(identity: identity, needsKey: false).canProve(newVM: "doctor")
    }
}
