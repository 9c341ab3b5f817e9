import Foundation
import Glibc
import HTTPServer
import Spawn

/// `exedev-sim serve`: everything that lives as long as the simulator does. The machines live longer.
struct Serve {
    let state: StateDirectory
    let installScript: String?

    func run() async throws {
        let settings = try state.open()
        let lock = open(state.path + "/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw Subprocess.Failure(description: "another serve uses \(state.path)") }
        try state.write(Data("\(getpid())\n".utf8), to: state.process)
        let image = RootImage()
        try image.build()
        try Subprocess.check("sh", [state.script, "gateway", state.id])
        let relay = Relay(into: state.gateway, port: settings.sshPort)
        try relay.start()
        let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
        let machines = NspawnMachines(state: state, image: image, executable: executable, relay: relay)
        let platform = platform(settings, machines)
        await platform.resume()
        let lobby = LobbyServer(state: state)
        try listen(settings, platform, machines, lobby: try lobby.makeSecret())
        if settings.lobbyPort != nil { try lobby.start(settings, keys: await platform.logins) }
        try state.write(Data("ready\n".utf8), to: state.ready)
        print("exedev-sim: serving http://127.0.0.1:\(settings.httpPort)/exec")
        fflush(nil)
        let sampling = Task {
            while true {
                try await Task.sleep(for: .seconds(60))
                await platform.sample()
            }
        }
        defer { sampling.cancel() }
        try await watchFaults(relay)
    }

    private func platform(_ settings: Settings, _ machines: NspawnMachines) -> Platform {
        let (state, lobby) = (state, LobbyServer(state: state))
        return Platform(
            state.read(Platform.State.self, at: state.table) ?? Platform.State(), machines: machines, sshPort: Int(settings.sshPort),
            owner: Platform.Owner(email: "owner@example.com", publicKey: settings.publicKey),
            keys: state.read(KeyRegister.self, at: state.register), foreignNames: { state.lines(state.foreignNames) },
            dns: { state.aliases }, save: { try state.write($0, to: state.table) },
            saveKeys: { keys in
                try state.write(keys, to: state.register)
                try lobby.admit(keys.logins)
            })
    }

    private func listen(_ settings: Settings, _ platform: Platform, _ machines: NspawnMachines, lobby: String) throws {
        let signatures = Signatures(state: state)
        let service = ExecService(platform: platform, state: state, signatures: signatures, lobby: lobby)
        let outside = try Sockets.listen(address: "127.0.0.1", port: settings.httpPort)
        _ = try HTTPServer(listeningOn: outside, bodyLimit: 65536) { await service.answer($0) }
        let guests = GuestService(
            platform: platform, machines: machines, tailnet: Tailnet(authKey: settings.tailscaleKey), installScript: installScript)
        let inside = try NetworkNamespace.listener(in: state.gateway, address: "10.42.0.1", port: 8089)
        _ = try HTTPServer(listeningOn: inside, bodyLimit: 65536) { await guests.answer($0) }
        guard let port = settings.proxyPort else { return }
        let web = GuestWeb(state: state)
        try web.open()
        let proxy = VMProxy(platform: platform, signatures: signatures, guests: web)
        let https = try Sockets.listen(address: "127.0.0.1", port: port)
        let identity = try ProxyCertificate(state: state).identity()
        _ = try HTTPServer(listeningOn: https, bodyLimit: VMProxy.bodyLimit, tls: identity) { await proxy.answer($0) }
    }

    /// Until the process is told to end: SIGTERM and SIGINT have their default effect, the machines are not our children.
    private func watchFaults(_ relay: Relay) async throws {
        var known = SSHFaults()
        while true {
            let wanted = state.read(Faults.self, at: state.faults)?.ssh ?? SSHFaults()
            if wanted != known { relay.set(faults: wanted) }
            known = wanted
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
