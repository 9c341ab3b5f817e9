import Dispatch
import Foundation
import HTTPServer
import Spawn

/// The VMs' web servers, each asked by a `curl` in the gateway's network namespace.
struct GuestWeb: Sendable {
    private static let answerLimit = 64 << 20

    let state: StateDirectory

    private var folder: String { state.path + "/proxy-requests" }

    /// Also removes what an earlier `serve` was at.
    func open() throws {
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    /// Nil when nothing answers, or not within a minute, or not HTTP.
    func answer(_ request: HTTPRequest, at address: String, port: Int) async -> HTTPResponse? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: try? ask(request, "http://\(address):\(port)/")) }
        }
    }

    private func ask(_ request: HTTPRequest, _ url: String) throws -> HTTPResponse? {
        let stem = folder + "/" + UUID().uuidString
        defer { for end in [".curl", ".body", ".head"] { try? FileManager.default.removeItem(atPath: stem + end) } }
        if !request.body.isEmpty { try state.write(request.body, to: stem + ".body") }
        try state.write(Data(Self.options(request, url, stem).utf8), to: stem + ".curl")
        let ended = try Subprocess.run("nsenter", ["--net=/run/netns/" + state.gateway, "curl", "-q", "-K", stem + ".curl"])
        guard ended.status == 0, let head = FileManager.default.contents(atPath: stem + ".head") else { return nil }
        return Self.response(head: String(decoding: head, as: UTF8.self), body: ended.output, to: request.method)
    }

    /// What curl does, as a file: headers may be secrets.
    static func options(_ request: HTTPRequest, _ url: String, _ stem: String) -> String {
        let target = request.path + (request.query.map { "?" + $0 } ?? "")
        // Without a value curl leaves out a header of its own; with a semicolon it sends one that is empty.
        let own = ["accept", "user-agent", "content-type", "expect"].filter { request.headers[$0] == nil }.map { $0 + ":" }
        let given = request.headers.sorted { $0.key < $1.key }.map { $0.value.isEmpty ? $0.key + ";" : "\($0.key): \($0.value)" }
        var lines: [(String, String?)] = [
            ("silent", nil), ("http1.1", nil), ("globoff", nil), ("url", url), ("request-target", target), ("noproxy", "*"),
            ("connect-timeout", "5"), ("max-time", "60"), ("max-filesize", "\(answerLimit)"), ("dump-header", stem + ".head"),
        ]
        lines += (own + given).map { ("header", $0) }
        switch request.method {
        case "HEAD": lines.append(("head", nil))
        case let method:
            lines.append(("request", method))
            if !request.body.isEmpty {
                lines.append(("data-binary", "@" + stem + ".body"))
            } else if !["GET", "OPTIONS", "TRACE"].contains(method) {
                lines.append(("data", ""))
            }
        }
        return lines.map { name, value in name + (value.map { " = " + quoted($0) } ?? "") + "\n" }.joined()
    }

    /// A line break would begin another option.
    private static func quoted(_ text: String) -> String {
        "\"" + text.filter { $0.asciiValue.map { $0 > 31 } ?? !$0.isNewline }.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            + "\""
    }

    /// `head`: what curl writes of it, with what an interim answer and trailers add.
    static func response(head: String, body: Data, to method: String) -> HTTPResponse? {
        let blocks = head.replacing("\r\n", with: "\n").split(separator: "\n\n").filter { $0.hasPrefix("HTTP/") }
        guard let lines = blocks.last?.split(separator: "\n"),
            let status = lines[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) }),
            (200...599).contains(status)
        else { return nil }
        var response = HTTPResponse(status: status, body: body)
        var length: Int?
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            let (name, value) = (parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces))
            if name == "content-length" { length = Int(value) }
            if name == "set-cookie" {
                response.cookies.append(value)
            } else if ProxyRules.isReturned(name) {
                response.headers[name] = response.headers[name].map { $0 + ", " + value } ?? value
            }
        }
        // Only its length is sent.
        if method == "HEAD", let length { response.body = Data(count: min(max(length, 0), answerLimit)) }
        return response
    }
}
