import Foundation

@testable import SSH

extension FuzzEntry {
    private static let key = Array("a host's key".utf8)

    /// Whatever stands above it, a revocation counts.
    static let knownHosts = FuzzEntry("known-hosts") { bytes in
        let text = decoded(bytes)
        let line = "@revoked * ssh-ed25519 \(Data(key).base64EncodedString())"
        for hosts in [KnownHosts(text), KnownHosts(text + "\n" + line + "\n")] {
            for (host, port) in [("h.exe.xyz", 22), ("10.0.0.1", 2222)] {
                _ = hosts.keyTypes(host: host, port: port)
                _ = hosts.verdict(host: host, port: port, key: [])
            }
        }
        let verdict = KnownHosts(text + "\n" + line).verdict(host: "h.exe.xyz", port: 22, key: key)
        try expect(verdict == .revoked, "a revoked key is \(verdict)")
    }

    /// A key file, or the bytes inside of one.
    static let privateKey = FuzzEntry("private-key") { bytes in
        let wrapped = "-----BEGIN OPENSSH PRIVATE KEY-----\n\(Data(bytes).base64EncodedString())\n-----END OPENSSH PRIVATE KEY-----\n"
        for text in [decoded(bytes), wrapped] {
            guard case .privateKey(let key)? = try? KeyFile(text: text, file: "f") else { continue }
            try expect(!key.original.isEmpty, "a key without a public half")
            _ = Array("challenge".utf8).withUnsafeBufferPointer { key.sign($0) }
        }
    }

    /// What an ssh-agent answers when it is asked for its keys, and for a signature.
    static let agent = FuzzEntry("agent") { bytes in
        for key in SSHAgent.keys(in: bytes, socket: "/nowhere").usable { try expect(!key.blob.isEmpty, "an empty key") }
        _ = SSHAgent.signature(in: bytes)
        _ = UserKey.offered(bytes)
    }

    /// What a host says before the key exchange.
    static let offer = FuzzEntry("algorithm-offer") { bytes in
        guard let offer = AlgorithmOffer(bytes) else { return }
        for missing in Algorithms(keyTypes: []).missing(in: offer) { try expect(!missing.advice.isEmpty, "no advice") }
    }
}
