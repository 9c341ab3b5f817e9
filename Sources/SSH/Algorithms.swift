import CLibssh2

/// What we offer in the key exchange: by default libssh2 1.10 offers group1, arcfour and DSS too (facts/ssh.md §4).
struct Algorithms {
    static let keyExchanges = [
        "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "diffie-hellman-group16-sha512",
        "diffie-hellman-group14-sha256",
    ]
    static let ciphers = ["aes128-ctr", "aes256-ctr"]
    static let macs = ["hmac-sha2-256", "hmac-sha2-512"]
    static let withoutRSA = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]
    static let rsa = ["rsa-sha2-512", "rsa-sha2-256"]
    /// libssh2 verifies RSA host keys with SHA-2 from 1.11 on.
    static var verifiesRSA: Bool { libssh2_version(0x010b00) != nil }

    let hostKeys: [String]
    /// The key types on record for the host, if any is.
    private let recorded: [String]

    /// Asks for a key type that is on record: another key of the same host would look like a mismatch.
    init(keyTypes: [String]) {
        recorded = keyTypes
        let known = Self.withoutRSA.filter(keyTypes.contains) + (keyTypes.contains("ssh-rsa") ? Self.rsa : [])
        let all = Self.withoutRSA + Self.rsa
        let offered = (known.isEmpty ? all : known).filter { Self.verifiesRSA || !$0.hasPrefix("rsa") }
        hostKeys = offered.isEmpty ? Self.withoutRSA : offered
    }

    func apply(to session: OpaquePointer) {
        prefer(session, LIBSSH2_METHOD_HOSTKEY, hostKeys)
        prefer(session, LIBSSH2_METHOD_KEX, Self.keyExchanges)
        for method in [LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC] { prefer(session, method, Self.ciphers) }
        for method in [LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC] { prefer(session, method, Self.macs) }
    }

    private func prefer(_ session: OpaquePointer, _ method: Int32, _ names: [String]) {
        _ = libssh2_session_method_pref(session, method, names.joined(separator: ","))
    }

    /// The kinds of algorithm of which the host offers none of ours.
    func missing(in offer: AlgorithmOffer) -> [MissingAlgorithm] {
        let kinds: [(MissingAlgorithm.Kind, theirs: [String], ours: [String])] = [
            (.hostKey(recorded: recorded), offer.hostKeys, hostKeys), (.keyExchange, offer.keyExchanges, Self.keyExchanges),
            (.cipher, offer.ciphers, Self.ciphers), (.mac, offer.macs, Self.macs),
        ]
        return kinds.filter { Set($0.theirs).isDisjoint(with: $0.ours) }.map { MissingAlgorithm(kind: $0.0, offered: $0.theirs) }
    }
}

/// A kind of algorithm of which a host offers none that we know.
package struct MissingAlgorithm: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// `recorded`: the key types that known_hosts lists for the host.
        case hostKey(recorded: [String])
        case keyExchange, cipher, mac
    }

    package var kind: Kind
    /// What the host offers.
    package var offered: [String]

    package init(kind: Kind, offered: [String]) { (self.kind, self.offered) = (kind, offered) }

    var words: String { "\(noun): it offers \(offered.prefix(6).joined(separator: ", "))" }

    private var noun: String {
        switch kind {
        case .hostKey: "host key"
        case .keyExchange: "key exchange"
        case .cipher: "cipher"
        case .mac: "MAC"
        }
    }

    var advice: String {
        switch kind {
        case .hostKey(let recorded):
            let usable = Set(offered).intersection(Algorithms.withoutRSA + (Algorithms.verifiesRSA ? Algorithms.rsa : [])).sorted()
            if !usable.isEmpty {
                return "known_hosts lists only \(recorded.joined(separator: ", ")) for this host: add its key of the kind \(usable[0])"
            }
            return Set(offered).isDisjoint(with: Algorithms.rsa)
                ? "let the host have an ed25519 or ECDSA host key"
                : "libssh2 1.10 (Debian 12) cannot verify RSA host keys, 1.11 (Debian 13, Ubuntu 24.04) can; or let the host have an ed25519 key"
        case .keyExchange: return "let the host offer one of \(Algorithms.keyExchanges.joined(separator: ", ")) (KexAlgorithms of sshd)"
        case .cipher: return "let the host offer one of \(Algorithms.ciphers.joined(separator: ", ")) (Ciphers of sshd)"
        case .mac: return "let the host offer one of \(Algorithms.macs.joined(separator: ", ")) (MACs of sshd)"
        }
    }
}

/// A host's SSH_MSG_KEXINIT (RFC 4253 §7.1): what it offers, in its order.
struct AlgorithmOffer {
    let keyExchanges: [String]
    let hostKeys: [String]
    /// From us to the host; the other direction has the same in practice.
    let ciphers: [String]
    let macs: [String]

    /// Nil while the answer is not complete: lines of greeting, then the packet.
    init?(_ answer: [UInt8]) {
        var rest = answer[...]
        while !rest.starts(with: Array("SSH-".utf8)) {
            guard let end = rest.firstIndex(of: 10) else { return nil }
            rest = rest[(end + 1)...]
        }
        guard let end = rest.firstIndex(of: 10) else { return nil }
        var packet = WireReader(rest[(end + 1)...])
        // The length of the padding, the number 20 of the message, and 16 random bytes.
        guard let payload = packet.string(), payload.count > 18, payload[1] == 20 else { return nil }
        var reader = WireReader(payload[18...])
        func list() -> [String]? {
            reader.string().map { String(decoding: $0, as: UTF8.self).split(separator: ",").map(String.init) }
        }
        guard let kex = list(), let keys = list(), let ciphers = list(), list() != nil, let macs = list() else { return nil }
        (keyExchanges, hostKeys, self.ciphers, self.macs) = (kex, keys, ciphers, macs)
    }
}
