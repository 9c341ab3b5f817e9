import Foundation
import HTTPServer
import Spawn

/// What the HTTPS proxy shows of itself: a certificate for `*.exe.xyz`, of a CA that was made for it alone and whose key is gone.
struct ProxyCertificate {
    let state: StateDirectory

    private var folder: String { state.path + "/proxy" }
    /// What a client is to trust.
    var authority: String { folder + "/ca.pem" }

    func identity() throws -> TLSIdentity {
        if !FileManager.default.fileExists(atPath: folder) { try make() }
        return TLSIdentity(
            certificate: try String(contentsOfFile: folder + "/cert.pem", encoding: .utf8),
            key: try String(contentsOfFile: folder + "/key.pem", encoding: .utf8))
    }

    private func make() throws {
        let (files, unfinished) = (FileManager.default, folder + ".new")
        try? files.removeItem(atPath: unfinished)
        try files.createDirectory(atPath: unfinished, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        let config = """
            [req]
            distinguished_name = nobody
            [nobody]
            [ca]
            basicConstraints = critical, CA:TRUE
            keyUsage = critical, keyCertSign
            subjectKeyIdentifier = hash
            [leaf]
            basicConstraints = critical, CA:FALSE
            keyUsage = critical, digitalSignature
            extendedKeyUsage = serverAuth
            subjectAltName = DNS:*.exe.xyz

            """
        try state.write(Data(config.utf8), to: unfinished + "/config")
        func request(_ name: String, _ part: String, _ file: String, _ key: String, _ more: [String]) throws {
            let kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650", "-config", "config"]
            let words = ["req", "-x509", "-subj", "/CN=" + name, "-extensions", part, "-out", file, "-keyout", key] + kind + more
            try Subprocess.check("sh", ["-c", "cd \"$0\" && exec openssl \"$@\" 2> log", unfinished] + words)
        }
        try request("exedev-sim", "ca", "ca.pem", "ca.key", [])
        try request("*.exe.xyz", "leaf", "cert.pem", "key.pem", ["-CA", "ca.pem", "-CAkey", "ca.key"])
        try files.removeItem(atPath: unfinished + "/ca.key")
        try files.moveItem(atPath: unfinished, toPath: folder)
    }
}
