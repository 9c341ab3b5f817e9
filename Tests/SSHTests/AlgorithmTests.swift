import SSH
import Testing

/// The advice fits what the host offers.
@Suite(.serialized) struct AlgorithmTests {
    static let cases: [(options: String, noun: String, advice: String)] = [
        ("Ciphers aes256-gcm@openssh.com", "cipher: it offers aes256-gcm@openssh.com", "aes128-ctr"),
        ("Ciphers aes128-ctr\nMACs hmac-sha2-256-etm@openssh.com", "MAC: it offers hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"),
        (
            "KexAlgorithms sntrup761x25519-sha512@openssh.com", "key exchange: it offers sntrup761x25519-sha512@openssh.com",
            "curve25519-sha256"
        ),
    ]

    @Test(arguments: cases) func namesWhatIsNotInCommon(options: String, noun: String, advice: String) async throws {
        let sshd = try RealSSHD(options: options)
        let error = await #expect(throws: SSHError.self) { try await sshd.client().sh(sshd.target, "true") }
        #expect("\(error!)".contains(noun) && error?.advice?.contains(advice) == true, "\(error!): \(error?.advice ?? "")")
        #expect(error?.advice?.contains("rsa") == false && error?.advice?.contains("RSA") == false)
    }

    @Test func namesAnRSAHostKey() async throws {
        let sshd = try RealSSHD(hostKeyType: "rsa")
        let client = try sshd.client()
        do throws(SSHError) {
            _ = try await client.sh(sshd.target, "true")
            // libssh2 1.11 and newer.
        } catch {
            #expect("\(error)".contains("host key: it offers rsa-sha2-512") && error.advice?.contains("RSA host keys") == true, "\(error)")
        }
    }

    /// known_hosts decides which key is asked for; the host may have another.
    @Test func namesAKeyOfAnotherKindOnRecord() async throws {
        let sshd = try RealSSHD()
        let record = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA=="
        let rule = HostKeyRule.knownHosts(KnownHosts("[127.0.0.1]:\(sshd.port) ecdsa-sha2-nistp256 \(record)\n"))
        let error = await #expect(throws: SSHError.self) { try await sshd.client(rule: rule).sh(sshd.target, "true") }
        #expect("\(error!)".contains("host key: it offers ssh-ed25519"))
        #expect(
            error?.advice == "known_hosts lists only ecdsa-sha2-nistp256 for this host: add its key of the kind ssh-ed25519")
    }

    /// libssh2 1.10 cannot ask for the RSA key that is on record: the host's other key is unknown then, not changed.
    @Test func anRSAKeyOnRecordMakesNoOtherKeyWrong() async throws {
        let sshd = try RealSSHD()
        let rule = HostKeyRule.knownHosts(KnownHosts("exe.dev ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQM=\n"))
        let target = SSHTarget(host: "127.0.0.1", port: sshd.port, user: sshd.target.user, hostKeyAlias: "exe.dev")
        let error = await #expect(throws: SSHError.self) { try await sshd.client(rule: rule).sh(target, "true") }
        switch error {
        case .hostKeyUnknown(_, _, let line)?: #expect(line == (try sshd.line("exe.dev")))
        case .noCommonAlgorithm?: #expect(error?.advice?.contains("add its key of the kind") == true, "1.11 and newer")
        default: Issue.record("\(String(describing: error))")
        }
    }
}
