import Foundation

@testable import HTTPServer
@testable import Simulation

extension FuzzEntry {
    /// A request to the simulator's HTTPS proxy, a line for its method and target and one for each header; the same bytes as what a VM answers.
    static let vmProxy = FuzzEntry("vm-proxy") { bytes in
        if let response = GuestWeb.response(head: decoded(bytes), body: Data(), to: "HEAD") {
            try expect(200...599 ~= response.status && response.body.count <= 64 << 20, "\(response.status)")
        }
        let request = request(bytes)
        _ = ProxyRules.token(in: request.headers)
        _ = ProxyRules.session(in: request.headers)
        let host = ProxyHost(request.headers["host"] ?? "") ?? ProxyHost("web-one.exe.xyz")
        guard let host else { throw Broken(description: "no host") }
        let target = ProxyRules.afterLogin(host, query: request.query)
        try expect(target.hasPrefix("https://\(host.text)/") && !target.hasPrefix("https://\(host.text)//"), target)
        for url in [target, ProxyRules.loginURL(host, back: request.path)] {
            try expect(url.utf8.allSatisfy { 33...126 ~= $0 }, "goes into a header: \(url)")
        }
        var onward = request
        onward.headers = ProxyRules.forwarded(request.headers, to: host, for: nil, from: "127.0.0.1")
        let told = onward.headers.keys.filter { $0.replacing("_", with: "-").hasPrefix("x-exedev-") }
        try expect(told.isEmpty && onward.headers["x-forwarded-for"] == "127.0.0.1", "\(told)")
        try expectOptions(GuestWeb.options(onward, "http://10.42.1.2:8000/", "/stem"), headers: onward.headers.count)
    }

    private static func request(_ bytes: [UInt8]) -> HTTPRequest {
        let lines = fields(bytes, at: 10).map { decoded($0) }
        let words = lines[0].split(separator: " ", maxSplits: 1).map(String.init)
        let target = (words.last ?? "/").split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            headers[parts[0].lowercased()] = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        }
        return HTTPRequest(
            method: words.first ?? "GET", path: target[0], headers: headers, body: Data(), peer: "",
            query: target.count > 1 ? target[1] : nil)
    }

    /// Nothing of a request is another option of curl, or a file that it reads.
    private static func expectOptions(_ text: String, headers: Int) throws {
        let known = [
            "silent", "http1.1", "globoff", "url", "request-target", "noproxy", "connect-timeout", "max-time", "max-filesize",
            "dump-header",
            "header", "head", "request", "data",
        ]
        let lines = fields(Array(text.utf8), at: 10).dropLast().map { decoded($0) }
        for line in lines {
            let name = line.prefix { $0 != " " }
            try expect(known.contains(String(name)) && (name == line || line.hasSuffix("\"")), "an option: \(line)")
            try expect(!line.hasPrefix("header = \"@"), "a file: \(line)")
        }
        try expect(lines.count { $0.hasPrefix("header = ") } <= headers + 4, "another header: \(text)")
    }
}
