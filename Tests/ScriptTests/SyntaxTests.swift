import FleetCore
import Foundation
import K3s
import Reconciler
import Shell
import Testing

@Suite struct SyntaxTests {
    static let readers = [HostScript.probe(), HostScript.readCluster(), HostScript.kubeconfig()]

    /// The script alone, and as it is sent.
    static func check(_ script: Script, _ shell: String) throws {
        for form in [script, HostScript.addressed(script, to: hostile)] {
            let file = FileManager.default.temporaryDirectory.path + "/exedev-syntax-" + UUID().uuidString
            defer { try? FileManager.default.removeItem(atPath: file) }
            try Data(form.bytes { Secrets.values[$0]! }).write(to: URL(filePath: file))
            #expect(try spawn([shell, "-n", file]) == 0)
        }
    }

    @Test(arguments: Sample.orders, ["/bin/sh", "/bin/dash"])
    func ordersParse(order: Action, shell: String) throws { try Self.check(Sample.script(order), shell) }

    @Test(arguments: ["/bin/sh", "/bin/dash"])
    func readersParse(shell: String) throws {
        for script in Self.readers { try Self.check(script, shell) }
    }
}
