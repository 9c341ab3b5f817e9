package import ExeDev
package import FleetCore

/// How exe.dev is spoken to: over HTTPS with an API token, or over SSH with a registered key. The same commands, the same errors.
package struct PlatformAccess: Sendable {
    package enum Style: String, Sendable, CaseIterable { case https, ssh }

    package let transport: any ExeDevTransport
    /// Nil over SSH.
    package let token: ExeDevToken?

    /// `style`: nil is what `EXE_DEV_TRANSPORT` says, or HTTPS. `ssh`: keys and hosts' keys, of a fleet file; relative paths begin at `folder`.
    package init(
        style: Style? = nil, tokenFile: String?, ssh: SSHSettings, folder: String, state: StateDirectory, environment: [String: String],
        waits: Waits
    ) throws {
        switch try style ?? Self.style(environment) {
        case .https:
            let token = try ExeDevToken.load(
                environment: environment, file: tokenFile, credentialsDirectory: environment["CREDENTIALS_DIRECTORY"])
            self.token = token
            transport = try CurlTransport(token: token, environment: environment)
        case .ssh:
            token = nil
            transport = try LobbyTransport(ssh, folder: folder, state: state, environment: environment, waits: waits)
        }
    }

    package static func style(_ environment: [String: String]) throws(StateError) -> Style {
        guard let text = environment["EXE_DEV_TRANSPORT"], !text.isEmpty else { return .https }
        return try style(text, name: "EXE_DEV_TRANSPORT")
    }

    package static func style(_ text: String, name: String) throws(StateError) -> Style {
        guard let style = Style(rawValue: text) else {
            throw StateError("\(name) is \(text)", advice: "write \(Style.allCases.map(\.rawValue).joined(separator: " or "))")
        }
        return style
    }
}
