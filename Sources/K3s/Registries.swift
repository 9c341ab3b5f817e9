package import Shell

/// `/etc/rancher/k3s/registries.yaml`: where containerd pulls images from (docs.k3s.io/installation/private-registry, Nov 2026). k3s reads it when
/// it starts. Secrets are holes.
package struct Registries: Sendable, Hashable {
    /// By registry, `docker.io` or `*`.
    package var mirrors: [String: Mirror]
    /// By the host, with its port, that a pull goes to.
    package var configs: [String: Access]

    package init(mirrors: [String: Mirror] = [:], configs: [String: Access] = [:]) { (self.mirrors, self.configs) = (mirrors, configs) }

    package struct Mirror: Sendable, Hashable {
        /// URLs, the first that answers is taken; empty for the registry itself.
        package var endpoints: [String]
        /// Regular expressions on names of images, and what they become.
        package var rewrites: [String: String]

        package init(endpoints: [String], rewrites: [String: String]) { (self.endpoints, self.rewrites) = (endpoints, rewrites) }
    }

    /// How a registry is entered.
    package struct Access: Sendable, Hashable {
        package var username: String?
        /// Which secrets there are; their texts come from elsewhere.
        package var secrets: Set<RegistrySecret>
        package var skipsVerification: Bool

        package init(username: String?, secrets: Set<RegistrySecret>, skipsVerification: Bool) {
            (self.username, self.secrets, self.skipsVerification) = (username, secrets, skipsVerification)
        }
    }

    /// The names of all secrets, sorted.
    package var secretNames: [SecretName] {
        configs.sorted { $0.key < $1.key }.flatMap { host, access in access.secrets.sorted().map { .registry(host, $0) } }
    }
}

/// A secret of a registry, as the fleet file names it.
package enum RegistrySecret: String, Sendable, Hashable, CaseIterable, Comparable {
    case password, token
    /// PEM texts, which stand in files of their own on the host.
    case ca, cert, key

    package var isFile: Bool { self != .password && self != .token }

    package static func < (left: RegistrySecret, right: RegistrySecret) -> Bool { left.rawValue < right.rawValue }

    /// Its key in registries.yaml.
    fileprivate var yamlKey: String {
        switch self {
        case .password: "password"
        case .token: "identity_token"
        case .ca: "ca_file"
        case .cert: "cert_file"
        case .key: "key_file"
        }
    }
}

extension SecretName {
    package static func registry(_ host: String, _ secret: RegistrySecret) -> SecretName {
        SecretName(rawValue: "registry/\(host)/\(secret.rawValue)")
    }

    /// Which secret of a registry it is; nil for one of something else.
    package var registrySecret: RegistrySecret? {
        let parts = rawValue.split(separator: "/")
        return parts.count == 3 && parts[0] == "registry" ? RegistrySecret(rawValue: String(parts[2])) : nil
    }
}

extension Registries {
    /// How a secret's text stands in the script: in the YAML file in quotes, in a file as it is.
    package static func spelled(_ text: String, _ secret: RegistrySecret) -> String { secret.isFile ? text : NodeSetup.doubleQuoted(text) }

    /// A restart of k3s is due when this changes; secrets are told by their names.
    var meaning: String { words.map { $0.shown }.joined() }

    /// Puts the file and the files that it names. Nothing but a file of ours is ever taken away.
    static func script(_ registries: Registries?) -> Script {
        guard let registries else { return Script(raw: removal) }
        let files = registries.secretFiles.map { host, secret -> Script in
            "printf '%s' \(secret: .registry(host, secret)) | put \(HostPath.registryFile(host, secret)) 600"
        }
        let words = registries.words.reduce(Script(raw: "printf '%s' ")) { script, word in "\(script)\(word.script) " }
        return Script(lines: files + ["\(words)| put \(HostPath.registries) 600", others(than: registries)])
    }

    /// At the beginning of a file of ours.
    static let mark = "# Written by exedev-k8s"

    /// Takes away the files of registries that the fleet file names no more.
    private static func others(than registries: Registries) -> Script {
        let names = registries.secretFiles.map { HostPath.registryFile($0.host, $0.secret) }
        return """
            kept=\(" " + names.joined(separator: " ") + " ")
            for file in \(raw: HostPath.registryFolder)/*; do
                case $kept in *" $file "*) ;; *) rm -f "$file" ;; esac
            done
            """
    }

    /// The secrets that stand in files of their own.
    private var secretFiles: [(host: String, secret: RegistrySecret)] {
        configs.sorted { $0.key < $1.key }.flatMap { host, access in access.secrets.filter(\.isFile).sorted().map { (host, $0) } }
    }

    private static let removal = """
        if grep -q '^\(mark)' \(HostPath.registries) 2>/dev/null; then
            : > "$restart"
            rm -f \(HostPath.registries)
        fi
        rm -rf \(HostPath.registryFolder)
        """

    private enum Word {
        case text(String)
        case secret(SecretName)

        var shown: String {
            switch self {
            case .text(let text): text
            case .secret(let name): "<secret \(name)>"
            }
        }

        var script: Script {
            switch self {
            case .text(let text): "\(text)"
            case .secret(let name): "\(secret: name)"
            }
        }
    }

    private var words: [Word] {
        let quoted = NodeSetup.doubleQuoted
        var text = Self.mark + "; changes made here are undone.\n"
        if !mirrors.isEmpty { text += "mirrors:\n" }
        for (name, mirror) in mirrors.sorted(by: { $0.key < $1.key }) {
            text += "  \(quoted(name)):\n    endpoint: [" + mirror.endpoints.map(quoted).joined(separator: ", ") + "]\n"
            guard !mirror.rewrites.isEmpty else { continue }
            text += "    rewrite:\n"
            for (from, to) in mirror.rewrites.sorted(by: { $0.key < $1.key }) { text += "      \(quoted(from)): \(quoted(to))\n" }
        }
        var words: [Word] = [.text(text + (configs.isEmpty ? "" : "configs:\n"))]
        for (host, access) in configs.sorted(by: { $0.key < $1.key }) { words += Self.words(host, access) }
        return words
    }

    private static func words(_ host: String, _ access: Access) -> [Word] {
        let quoted = NodeSetup.doubleQuoted
        var words: [Word] = [.text("  \(quoted(host)):\n")]
        let (files, logins) = (access.secrets.filter(\.isFile).sorted(), access.secrets.filter { !$0.isFile }.sorted())
        if access.username != nil || !logins.isEmpty { words.append(.text("    auth:\n")) }
        if let username = access.username { words.append(.text("      username: \(quoted(username))\n")) }
        for secret in logins { words += [.text("      \(secret.yamlKey): "), .secret(.registry(host, secret)), .text("\n")] }
        if !files.isEmpty || access.skipsVerification { words.append(.text("    tls:\n")) }
        for secret in files { words.append(.text("      \(secret.yamlKey): \(quoted(HostPath.registryFile(host, secret)))\n")) }
        if access.skipsVerification { words.append(.text("      insecure_skip_verify: true\n")) }
        return words
    }
}

extension HostPath {
    package static let registries = "/etc/rancher/k3s/registries.yaml"

    static let registryFolder = "/etc/rancher/exedev/registries"

    package static func registryFile(_ host: String, _ secret: RegistrySecret) -> String {
        registryFolder + "/" + String(host.map { $0 == ":" ? "_" : $0 }) + "-\(secret.rawValue).pem"
    }
}
