import Foundation
import TestSupport
import Testing

extension WireTests {
    /// The judge of the simulator: exe.dev's official SDK (0.4.0), from PyPI.
    @Suite struct SDKTests {
        private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()

        @Test func theOfficialSDKIsAnswered() async throws {
            let venv = try await ChildProcess(
                [Self.root.path + "/scripts/sdk-venv", Self.root.path + "/.build/sdk-venv"],
                environment: ProcessInfo.processInfo.environment,
                folder: NSTemporaryDirectory()
            ).ended()
            let python = venv.out.trimmingCharacters(in: .whitespacesAndNewlines)
            guard !python.isEmpty else {
                // CI reaches PyPI, so there it is never skipped.
                try #require(ProcessInfo.processInfo.environment["CI"] == nil, "\(venv.err)")
                return print(venv.err)
            }
            try await Wire.run { wire in
                let drive = try ChildProcess(
                    [python, Self.root.path + "/Tests/SDKTests/drive.py"],
                    environment: wire.environment.merging(["SIM_STATE": wire.sim, "PYTHONDONTWRITEBYTECODE": "1"]) { $1 },
                    folder: wire.folder)
                let ended = await drive.ended()
                #expect(ended.status == 0, "\(ended.all)")
                print(String(ended.out.split(separator: "\n").last ?? ""))
            }
        }
    }
}
