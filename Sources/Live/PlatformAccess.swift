package import ExeDev
package import FleetCore

/// How exe.dev is spoken to: over HTTPS with an API token, or over SSH with a registered key. The same commands, the same errors.
package struct PlatformAccess: Sendable {
    package let transport: any ExeDevTransport
    /// Nil over SSH.
    package let token: ExeDevToken?
    /// Nil over HTTPS.
    package let lobby: LobbyTransport?

    /// `hiding`: another token, which no answer takes any further. `chosen`: by an option; `wish`: by a fleet file, where `EXE_DEV_TRANSPORT` says nothing. `ssh`: keys and hosts' keys, of a fleet file; relative paths begin at `folder`.
    package init(
        chosen: Transport? = nil, wish: Transport? = nil, tokenFile: String?, hiding secret: ExeDevToken? = nil, ssh: SSHSettings,
        folder: String, state: StateDirectory,
        environment: [String: String],
        waits: Waits
    ) throws {
        switch try chosen ?? Self.transport(environment) ?? wish ?? .https {
        case .https:
            let token = try ExeDevToken.load(
                environment: environment, file: tokenFile, credentialsDirectory: environment["CREDENTIALS_DIRECTORY"])
            (self.token, lobby) = (token, nil)
            transport = try CurlTransport(token: token, hiding: secret, environment: environment)
        case .ssh:
            let lobby = try LobbyTransport(ssh, folder: folder, state: state, environment: environment, waits: waits)
            (token, self.lobby, transport) = (nil, lobby, lobby)
        }
    }

    /// Nil where the environment does not say.
    package static func transport(_ environment: [String: String]) throws(StateError) -> Transport? {
        guard let text = environment["EXE_DEV_TRANSPORT"], !text.isEmpty else { return nil }
        return try transport(text, name: "EXE_DEV_TRANSPORT")
    }

    package static func transport(_ text: String, name: String) throws(StateError) -> Transport {
        guard let transport = Transport(rawValue: text) else {
            throw StateError("\(name) is \(text)", advice: "write \(Transport.allCases.map(\.rawValue).joined(separator: " or "))")
        }
        return transport
    }
}
