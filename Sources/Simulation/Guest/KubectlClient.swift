import Foundation
import Glibc
import HTTPServer

/// The admin's way in. The key stands where the real file has the client's private key.
enum Kubeconfig {
    static let file = "/etc/rancher/k3s/k3s.yaml"

    static func text(certificate: String, key: String) -> String {
        func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
        return """
            apiVersion: v1
            clusters:
            - cluster:
                certificate-authority-data: \(base64(certificate))
                server: https://127.0.0.1:6443
              name: default
            contexts:
            - context:
                cluster: default
                user: default
              name: default
            current-context: default
            kind: Config
            preferences: {}
            users:
            - name: default
              user:
                client-certificate-data: \(base64("admin"))
                client-key-data: \(base64(key))

            """
    }

    /// Nil when it cannot be read.
    static func key() -> String? {
        for line in (GuestHost.read(file) ?? "").split(whereSeparator: \.isNewline) {
            let pair = line.trimmingCharacters(in: .whitespaces).split(separator: " ").map(String.init)
            if pair.first == "client-key-data:", pair.count == 2 {
                return Data(base64Encoded: pair[1]).map { String(decoding: $0, as: UTF8.self) }
            }
        }
        return nil
    }
}

/// `kubectl`: asks the server on this very machine.
enum KubectlClient {
    struct Call: Codable {
        var arguments: [String]
        var input: String
        var isRetry = false
    }

    static func run(_ arguments: [String]) throws -> Int32 {
        guard let key = Kubeconfig.key() else {
            throw GuestFailure(
                "error: error loading config file \"\(Kubeconfig.file)\": open \(Kubeconfig.file): no such file or directory")
        }
        let began = GuestHost.now
        let readsInput = arguments.contains("-f") && arguments.contains("-")
        let input = readsInput ? String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self) : ""
        var call = Call(arguments: arguments, input: input)
        while true {
            let answer = try ask(call, key)
            call.isRetry = true
            if let patience = answer.isEvicting, patience == 0 || GuestHost.now - began < patience {
                usleep(500_000)
                continue
            }
            FileHandle.standardOutput.write(Data(answer.output.utf8))
            FileHandle.standardError.write(Data(answer.error.utf8))
            return answer.status
        }
    }

    private static func ask(_ call: Call, _ key: String) throws -> Kubectl.Answer {
        let body = String(decoding: try JSONEncoder().encode(call), as: UTF8.self)
        guard let reply = try? GuestHost.http("http://127.0.0.1:6443/kubectl", user: "admin:" + key, body: body, seconds: 30) else {
            throw GuestFailure("The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?")
        }
        guard reply.status == 200 else { throw GuestFailure("error: You must be logged in to the server (\(reply.body))") }
        return try JSONDecoder().decode(Kubectl.Answer.self, from: Data(reply.body.utf8))
    }
}
