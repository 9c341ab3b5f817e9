import Foundation
import TestSupport
import Testing

extension WireTests {
    /// A person with a browser before the daemon's endpoint, behind exe.dev's HTTPS proxy.
    @Suite struct BrowserTests {
        private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()

        private struct Page: Decodable {
            var url: String
            var text: String
        }

        private static func path(of program: String) -> String? {
            let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            return folders.map { "\($0)/\(program)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        }

        /// The daemon allows one user, who opens the page of a settled fleet, clicks on "Log out", and logs in again.
        @Test func logsInSeesTheFleetAndLogsOut() async throws {
            guard let chromium = Self.path(of: "chromium"), let python = Self.path(of: "python3") else {
                return print("BrowserTests: skipped, for chromium or python3 is missing")
            }
            try await Wire.run { wire in
                try wire.write(pools: [:])
                let apply = try await wire.k8s("apply", "--yes")
                try #require(apply.status == 0, "\(apply.all)")
                #expect(try await wire.exec("exedev-ctl", ["share", "port", "wire-cp-n1", "9477"]).status == 0)
                let port = try Self.freePort()
                let tunnel = try await Self.tunnel(wire, to: port)
                defer { tunnel.signal(SIGKILL) }
                let stranger = try await Self.whileItRuns(wire, port, allowing: "usr0") { try await Self.answer(wire, 403) }
                let user = try #require(stranger.wholeMatch(of: /user (usr[0-9]+) is not allowed\n/)?.1, "\(stranger)")
                let site = "https://wire-cp-n1.exe.xyz"
                try await Self.whileItRuns(wire, port, allowing: String(user)) {
                    _ = try await Self.answer(wire, 200)
                    func browse(_ url: String, _ steps: [String]) async throws -> [Page] {
                        try await Self.browse(wire, [python, chromium], [url] + steps)
                    }
                    Self.expect(try await browse(site + "/", ["form button", "a"]), String(user))
                    // Now the proxy lets everybody in, and the daemon sends to the login page.
                    #expect(try await wire.exec("exedev-ctl", ["share", "set-public", "wire-cp-n1", "--yes"]).status == 0)
                    Self.expect(try await browse(site + "/", ["form button", "a"]), String(user))
                    let other = try await browse(site + "/__exe.dev/login?as=ann@example.com&redirect=/status", [])
                    #expect(other.map(\.url) == [site + "/status"])
                    #expect(other.first?.text.wholeMatch(of: /user usr[0-9]+ is not allowed\n/) != nil, "\(other)")
                }
            }
        }

        private static func expect(_ pages: [Page], _ user: String) {
            let site = "https://wire-cp-n1.exe.xyz"
            #expect(pages.map(\.url) == [site + "/", site + "/__exe.dev/logout", site + "/"])
            guard pages.count == 3 else { return }
            for page in [pages[0], pages[2]] {
                #expect(page.text.contains("Logged in as owner@example.com (user id \(user))"), "\(page.text)")
                #expect(page.text.contains("Fleet wire") && page.text.contains("wire-cp-n1"), "\(page.text)")
            }
            #expect(pages[1].text == "Logged out. Log in")
        }

        /// The pages that a browser without cookies comes to.
        private static func browse(_ wire: Wire, _ programs: [String], _ steps: [String]) async throws -> [Page] {
            let (script, profile) = (root.path + "/Tests/BrowserTests/drive.py", wire.folder + "/profile-" + UUID().uuidString)
            let words = [programs[0], script, programs[1], try #require(wire.environment["EXE_DEV_PROXY"]), profile] + steps
            let ended = try await ChildProcess(words, environment: wire.environment, folder: wire.folder).ended()
            #expect(ended.status == 0, "\(ended.all)")
            return try ended.out.split(separator: "\n").map { try JSONDecoder().decode(Page.self, from: Data($0.utf8)) }
        }

        // MARK: the daemon behind the proxy

        private static func whileItRuns<Value>(_ wire: Wire, _ port: UInt16, allowing user: String, _ body: () async throws -> Value)
            async throws
            -> Value
        {
            let daemon = try wire.startK8s("daemon", "--interval", "2", "--listen", "127.0.0.1:\(port)", "--allow-user", user)
            let outcome: Result<Value, any Error>
            do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
            daemon.signal(SIGTERM)
            let ended = await daemon.ended()
            #expect(ended.status == 0, "\(ended.all)")
            return try outcome.get()
        }

        /// What the page answers once it answers with this status. The fleet is settled by then.
        private static func answer(_ wire: Wire, _ status: Int) async throws -> String {
            var last = ""
            for _ in 0..<300 {
                let words = ["curl", "wire-cp-n1", "-sS", "-w", "%{http_code}"]
                last = try await wire.exec("exedev-ctl", words).all
                if last.hasSuffix("\(status)"), status != 200 || last.contains("Settled") { return String(last.dropLast(3)) }
                try await Task.sleep(for: .milliseconds(200))
            }
            Issue.record("no \(status): \(last)")
            return last
        }

        /// Port 9477 of the VM is the daemon's.
        private static func tunnel(_ wire: Wire, to port: UInt16) async throws -> ChildProcess {
            let carries = try await wire.inside(
                "wire-cp-n1",
                "systemd-run -q systemd-socket-activate -l 9477 /lib/systemd/systemd-socket-proxyd 127.0.0.1:19477")
            try #require(carries.status == 0, "\(carries.all)")
            let options = ["-N", "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:19477:127.0.0.1:\(port)"]
            return try ChildProcess(try wire.ssh(options, to: "wire-cp-n1"), environment: wire.environment, folder: wire.folder)
        }

        /// One that is free now, and below those that the kernel gives to outgoing connections.
        private static func freePort() throws -> UInt16 {
            for _ in 0..<100 {
                let (port, descriptor) = (UInt16.random(in: 20000..<32000), socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
                defer { close(descriptor) }
                var address = sockaddr_in()
                (address.sin_family, address.sin_port) = (sa_family_t(AF_INET), port.bigEndian)
                let bound = withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
                }
                if bound == 0 { return port }
            }
            throw CocoaError(.featureUnsupported)
        }
    }
}
