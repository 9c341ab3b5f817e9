import Shell

/// The exit statuses of our own guards, in the operator's words.
package enum HostFailure {
    /// The host that answered is not the one that was meant.
    package static let wrongHost: Int32 = 65
    /// The login is not root and may not become it unasked.
    static let noRoot: Int32 = 83

    /// The login's shell is `nologin` or `false`: it ends with 1, says at most why on standard output, and has begun nothing of ours.
    package static func hasNoShell(_ status: Int32?, stdout: [UInt8], stderr: [UInt8]) -> Bool {
        status == 1 && stderr.isEmpty && HostScript.output(in: String(decoding: stdout, as: UTF8.self)) == nil
    }

    package static let shellAdvice = "give the login a shell (chsh -s /bin/sh on the host), or set ssh.user to a login that has one"

    /// The last words of a script that failed, at most three lines, without klog's own lines (facts/kubernetes.md, 6). What kubectl says of the
    /// cause of a drain that fails stands far from its end (5).
    package static func cause(stderr: String) -> String {
        let lines = stderr.split(whereSeparator: \.isNewline).filter { !isKlog($0) }
        let end = lines.suffix(3)
        let cause = lines.dropLast(3).first { $0.contains("Cannot evict pod") || $0.contains("annot delete Pods") }
        return ((cause.map { [$0] } ?? []) + end).map { OutsideText.line(String($0), limit: 250) }.joined(separator: " / ")
    }

    private static func isKlog(_ line: Substring) -> Bool {
        let head = line.utf8.prefix(6)
        guard head.count == 6, let kind = head.first, "EWI".utf8.contains(kind), head.last == UInt8(ascii: " ") else { return false }
        return head.dropFirst().dropLast().allSatisfy { 48...57 ~= $0 }
    }

    /// Nil when the status is not one of ours.
    package static func advice(exitStatus: Int32) -> String? {
        switch exitStatus {
        case 70: "exe.dev VMs are x86_64; is this one of them?"
        case 71: "use an image with systemd, such as exeuntu"
        case 72, 73: "use an image that has curl and tailscale, such as exeuntu"
        case 74: "give the pool a larger disk"
        case 75: "check the clocks of this machine and of the VM"
        case 76: "the VM was set up by another ledger: use that state directory, or remove the VM"
        case 77: "give the pool another vmPrefix, or remove the VM"
        case 82: "choose another clusterCIDR or serviceCIDR"
        case 85: "put the value back in the ledger and the fleet file; if \(HostPath.config) on the server was edited, put it back there"
        case 86: "put what they say into serverConfig or agentConfig, and remove them from the host"
        case HostScript.slowRoundTrip:
            "give the servers a direct way to each other in the overlay; a higher limit makes an etcd that loses its leader again and again"
        case noRoot:
            "let the login run everything by sudo without a password (NOPASSWD: ALL), or set ssh.user to one that may, such as root"
        case 84: "use an image whose /usr/local/bin can be written, such as exeuntu: k3s and its tools go there"
        case 91: "run again: it is staged once more"
        case 92: "see what became of /var/lib/rancher/k3s/server/db on the server"
        case 80: "do not go on before you know why the release's bytes differ"
        default: nil
        }
    }
}
