import Foundation
import TestSupport
import Testing

/// `make install`, without the programs.
@Suite struct InstallTests {
    @Test(arguments: [
        ("/usr/local", "/usr/local/lib/systemd/system", "/usr/local/lib/sysusers.d"),
        ("/usr", "/usr/lib/systemd/system", "/usr/lib/sysusers.d"), ("/opt/x", "/etc/systemd/system", "/etc/sysusers.d"),
    ])
    func theUnitsFollowThePrefix(prefix: String, units: String, accounts: String) async throws {
        let folder = NSTemporaryDirectory() + "install-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let words = ["make", "-s", "-C", TidyTests.root.path, "install-files", "PREFIX=\(prefix)", "DESTDIR=\(folder)"]
        let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
        let ended = try await ChildProcess(words, environment: environment, folder: folder).ended()
        #expect(ended.status == 0, "\(ended.all)")
        for name in ["exedev-k8s.service", "exedev-k8s@.service", "exedev-k8s-apply.service"] {
            let unit = try String(contentsOfFile: folder + units + "/" + name, encoding: .utf8)
            #expect(unit.contains("\nExecStart=\(prefix)/bin/exedev-k8s "))
            #expect(unit.contains("\nDocumentation=file:\(prefix)/share/doc/exedev-k8s/README.md\n"))
            #expect(prefix == "/usr/local" || !unit.contains("/usr/local"))
        }
        for file in ["\(units)/exedev-k8s-apply.timer", "\(accounts)/exedev-k8s.conf", "\(prefix)/share/doc/exedev-k8s/docs/state.md"] {
            #expect(FileManager.default.fileExists(atPath: folder + file), "\(file)")
        }
    }
}
