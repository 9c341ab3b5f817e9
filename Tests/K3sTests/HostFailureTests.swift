import K3s
import Testing

/// What an operator reads of a script that failed.
@Suite struct HostFailureTests {
    /// Texts of kubectl 1.34 (facts/kubernetes.md, 4 to 6).
    private static let blocked = """
        error when evicting pods/"web-1" -n "shop" (will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget.
        evicting pod shop/web-1
        evicting pod shop/web-1
        There are pending nodes to be drained:
         demo-web-n1
        error: error when evicting pods/"web-1" -n "shop": global timeout reached: 5m0s
        """
    private static let refused = """
        E1128 10:00:00.000001 4711 memcache.go:265] "Unhandled Error" err="couldn't get current server API group list"
        E1128 10:00:00.000002 4711 memcache.go:265] "Unhandled Error" err="couldn't get current server API group list"
        The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?
        """

    @Test func namesTheCauseOfADrainThatFailed() {
        let cause = HostFailure.cause(stderr: Self.blocked)
        #expect(cause.hasPrefix(#"error when evicting pods/"web-1" -n "shop""#) && cause.contains("disruption budget"), "\(cause)")
        #expect(cause.hasSuffix("global timeout reached: 5m0s"), "\(cause)")
    }

    @Test func leavesOutWhatKlogSays() {
        #expect(
            HostFailure.cause(stderr: Self.refused)
                == "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?")
    }

    @Test func foldsWhatALoginPrints() {
        #expect(HostFailure.cause(stderr: "a\u{1b}[31m\nb\r\n\nc\nd") == "b / c / d")
        #expect(HostFailure.cause(stderr: "") == "")
        #expect(HostFailure.cause(stderr: "Error: no klog\nE12 neither") == "Error: no klog / E12 neither")
    }

    /// `nologin` with its words, which an administrator may change, and `false`; a script of ours and a sudo that fail are neither.
    @Test(arguments: [
        (1, "This account is currently not available.\n", "", true), (1, "", "", true), (1, "=== exedev-k8s output\n", "", false),
        (1, "", "sudo: a password is required\n", false), (127, "", "", false),
    ])
    func knowsALoginWithoutAShell(status: Int32, stdout: String, stderr: String, isSo: Bool) {
        #expect(HostFailure.hasNoShell(status, stdout: Array(stdout.utf8), stderr: Array(stderr.utf8)) == isSo)
    }

    /// A profile that prints, and a shell that prints before the script could.
    @Test func aScriptsOwnOutputBeginsAtItsMark() {
        #expect(HostScript.output(in: "welcome\n=== exedev-k8s output\na\nb\n") == "a\nb\n")
        #expect(HostScript.output(in: "=== exedev-k8s output\n=== exedev-k8s output\nb") == "=== exedev-k8s output\nb")
        #expect(HostScript.output(in: "=== exedev-k8s output") == "")
        #expect(HostScript.output(in: "welcome\n") == nil && HostScript.output(in: "x === exedev-k8s output\n") == nil)
    }
}
