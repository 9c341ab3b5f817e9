import Foundation
import TestSupport
import Testing

extension WireTests {
    /// S14: nothing that the programs print, store or leave on a VM contains a secret, in any usual encoding.
    @Suite(.serialized) struct SecretTests {
        @Test func noSecretIsWhereItMayBeSeen() async throws {
            try await Wire.run { wire in
                try wire.write(pools: ["web": "nodes: 1, share: { port: 8080 }"])
                var outputs = try await Self.everyVerb(wire)
                let secrets = try Self.secrets(wire)
                for (name, text) in try await Self.inside(wire) { outputs[name] = text }
                for (name, text) in try Self.kept(wire, but: secrets.files) { outputs[name] = text }
                let silent = outputs.filter(\.value.isEmpty).map(\.key)
                #expect(outputs.count > 25 && silent.isEmpty, "\(outputs.count), \(silent)")
                for (name, text) in outputs {
                    for (secret, forms) in secrets.forms where forms.contains(where: { text.contains($0) }) {
                        Issue.record("\(name) has \(secret): \(text.prefix(2000))")
                    }
                }
                // The search finds what is there: the places where a secret belongs.
                let text = try String(contentsOfFile: try #require(secrets.files.first), encoding: .utf8)
                let isFound = secrets.forms.values.joined().contains { text.contains($0) }
                #expect(isFound)
            }
        }

        /// What an operator, systemd and Prometheus read, from a plan to the end of a daemon, failures included.
        private static func everyVerb(_ wire: Wire) async throws -> [String: String] {
            var outputs: [String: String] = [:]
            for words in [
                ["validate"], ["plan"], ["plan", "--json", "--scripts"], ["plan", "--out", wire.folder + "/plan.json"], ["apply", "--yes"],
                ["status", "--json"], ["history", "--json"],
            ] { outputs[words.joined(separator: " ")] = try await wire.k8s(words).all }
            try wire.write(pools: ["web": "nodes: 2, share: { port: 8080 }"])
            let daemon = try wire.startK8s("daemon", "--interval", "2", "--log", "json")
            #expect(await eventually { daemon.saidSoFar.contains(#""kind":"fleetSettled""#) }, "\(daemon.saidSoFar)")
            outputs["argv"] = try String(contentsOfFile: "/proc/\(daemon.id)/cmdline", encoding: .utf8)
            for path in ["/metrics", "/status"] { outputs[path] = try await wire.ask(path) }
            daemon.signal(SIGTERM)
            outputs["daemon"] = await daemon.ended().all
            var broken = wire
            broken.environment["EXE_DEV_API_KEY"] = (wire.environment["EXE_DEV_API_KEY"] ?? "") + "x"
            outputs["a refused token"] = try await broken.k8s("plan").all
            broken = wire
            broken.environment["TS_AUTHKEY"] = "tskey-auth-wrong-" + (wire.environment["TS_AUTHKEY"] ?? "")
            try wire.write(pools: ["web": "nodes: 3, share: { port: 8080 }"])
            let refused = try await broken.k8s("apply", "--yes", "--timeout", "20").all
            // The host printed the key, and no program of ours does.
            #expect(refused.contains("<secret tailscale-auth-key>"), "\(refused)")
            outputs["a refused auth key"] = refused
            return outputs
        }

        /// On every VM, what anyone may read there, units, logs and arguments, and the environments of what runs.
        private static func inside(_ wire: Wire) async throws -> [String: String] {
            var found: [String: String] = [:]
            for name in try wire.vms().keys {
                let questions = [
                    "units": "systemctl cat 'k3s*' tailscaled 2>/dev/null; cat /etc/systemd/system/k3s*.env; echo end",
                    "journal": "journalctl --no-pager -o export | head -c 8000000",
                    "arguments": "ps -eo args; echo end", "environments": "cat /proc/[0-9]*/environ | tr '\\0' '\\n'; echo end",
                    "files": """
                    find /etc /run /tmp /var/tmp /opt /home /usr/local -xdev -type f -perm /044 -size -2000k -exec cat {} + | tr -d '\\0'
                    echo end
                    """,
                ]
                for (question, script) in questions {
                    let answer = try await wire.inside(name, script)
                    found["\(name): \(question)"] = answer.all
                }
            }
            return found
        }

        /// Every file of the state directory and the plan, except files that hold a secret.
        private static func kept(_ wire: Wire, but secrets: [String]) throws -> [String: String] {
            let names = try #require(FileManager.default.enumerator(atPath: wire.state)).compactMap { $0 as? String }
            let files = names.map { wire.state + "/" + $0 }.filter { !secrets.contains($0) } + [wire.folder + "/plan.json"]
            var found: [String: String] = [:]
            for file in files {
                guard let data = FileManager.default.contents(atPath: file), !data.isEmpty else { continue }
                found[file] = String(decoding: data, as: UTF8.self)
            }
            return found
        }

        /// The secrets by name, each in every encoding, and the files that hold one, which only we may read.
        private static func secrets(_ wire: Wire) throws -> (forms: [String: [String]], files: [String]) {
            let folder = wire.state + "/wire"
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            let files = names.filter { $0.hasSuffix("token") }.map { "\(folder)/\($0)" }
            try #require(files.count == 2, "\(files)")
            var forms: [String: [String]] = [:]
            for file in files {
                let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
                #expect(mode == 0o600)
                forms[file] = Self.forms(of: try String(contentsOfFile: file, encoding: .utf8))
            }
            for name in ["EXE_DEV_API_KEY", "TS_AUTHKEY"] { forms[name] = Self.forms(of: try #require(wire.environment[name])) }
            // A signature alone makes a token with a payload that everybody can write.
            forms["signature"] = Self.forms(of: String(try #require(wire.environment["EXE_DEV_API_KEY"]).split(separator: ".").last!))
            let key = try String(contentsOfFile: try #require(wire.environment["EXE_DEV_SSH_KEY"]), encoding: .utf8)
            // The first line holds the kind and the public half.
            forms["private key"] = key.split(separator: "\n").dropFirst(3).dropLast().map(String.init)
            return (forms, files)
        }

        private static func forms(of secret: String) -> [String] {
            let bytes = Data(secret.utf8)
            let json = String(decoding: (try? JSONEncoder().encode(secret)) ?? Data(), as: UTF8.self).dropFirst().dropLast()
            // Base64 at each of the three places in a longer text, without the characters that its neighbours decide.
            let shifted = (0..<3).map { shift in
                String((Data(repeating: 0, count: shift) + bytes).base64EncodedString().dropFirst(shift == 0 ? 0 : 4).dropLast(4))
            }
            let hex = bytes.map { String(format: "%02x", $0) }.joined()
            let url = secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? secret
            return [secret, hex, hex.uppercased(), url, String(json)] + shifted
        }
    }
}
