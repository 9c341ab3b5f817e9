import K3s
import Shell

/// `cluster.registries`.
struct RegistriesDraft {
    var registries = Registries()
    var secrets: [SecretName: SecretReference] = [:]

    var isEmpty: Bool { registries.mirrors.isEmpty && registries.configs.isEmpty }
}

extension FleetReader {
    func registries(_ section: Field?) -> RegistriesDraft? {
        guard let section else { return nil }
        let fields = section.fields(SpecFields.registries)
        var draft = RegistriesDraft()
        for (name, field) in fields["mirrors"]?.object(known: nil) ?? [] {
            if name != "*", !Grammar.registryHost(name) { field.refuseName("is no registry such as \"docker.io\", nor \"*\"") }
            draft.registries.mirrors[name] = mirror(field)
        }
        for (host, field) in fields["configs"]?.object(known: nil) ?? [] {
            if !Grammar.registryHost(host) { field.refuseName("is no host such as \"registry.example:5000\"") }
            draft.registries.configs[host] = access(host, field, &draft.secrets)
        }
        return draft
    }

    private func mirror(_ field: Field) -> Registries.Mirror {
        let fields = field.fields(SpecFields.mirror)
        let endpoints = fields["endpoints"]?.items().compactMap {
            $0.string(where: Grammar.serverURL, or: "is no URL of a server, such as \"https://mirror.example\"")
        }
        let rewrites = fields["rewrites"]?.object(known: nil).compactMap { name, field in field.string().map { (name, $0) } }
        return Registries.Mirror(
            endpoints: endpoints ?? [], rewrites: Dictionary(rewrites ?? [], uniquingKeysWith: { first, _ in first }))
    }

    private func access(_ host: String, _ field: Field, _ secrets: inout [SecretName: SecretReference]) -> Registries.Access {
        let fields = field.fields(SpecFields.registryConfig)
        let (auth, tls) = (fields["auth"]?.fields(SpecFields.registryAuth) ?? [:], fields["tls"]?.fields(SpecFields.registryTLS) ?? [:])
        var known: Set<RegistrySecret> = []
        for kind in RegistrySecret.allCases {
            guard let secret = (auth[kind.rawValue] ?? tls[kind.rawValue]).flatMap(secret) else { continue }
            known.insert(kind)
            secrets[.registry(host, kind)] = secret
        }
        if (auth["username"] == nil) != (auth["password"] == nil) { fields["auth"]?.refuse("username and password belong together") }
        if (tls["cert"] == nil) != (tls["key"] == nil) { fields["tls"]?.refuse("cert and key belong together") }
        return Registries.Access(
            username: auth["username"]?.string(where: { !$0.isEmpty }, or: "is no login name"), secrets: known,
            skipsVerification: tls["insecureSkipVerify"]?.boolean() ?? false)
    }
}
