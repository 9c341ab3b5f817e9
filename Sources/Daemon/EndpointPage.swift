import FleetCore
import HTTPServer
import Live
import Shell

/// Who asks through exe.dev's HTTPS proxy, by the headers that it sets (facts/exedev.md §7, doc:proxy).
struct ProxyLogin: Sendable, Hashable {
    var userID: String?
    var email: String?
    /// The `ctx` of the token that let in, JSON as it is written.
    var context: String?

    static let login = "/__exe.dev/login"
    static let logout = "/__exe.dev/logout"

    init(_ request: HTTPRequest) {
        func header(_ name: String) -> String? { request.headers[name].flatMap { $0.isEmpty ? nil : OutsideText.line($0) } }
        (userID, email, context) = (header("x-exedev-userid"), header("x-exedev-email"), header("x-exedev-token-ctx"))
    }

    /// Nil where nobody came through the proxy.
    var words: String? {
        guard let userID else { return nil }
        return "\(email ?? "user \(userID)") (user id \(userID))" + (context.map { ", token context \($0)" } ?? "")
    }
}

/// The answer of `/whoami`; what is nil is left out.
struct LoginDocument: Encodable {
    var userID: String?
    var email: String?
    var context: String?
    var loginURL = ProxyLogin.login
    var logoutURL = ProxyLogin.logout

    init(_ login: ProxyLogin) { (userID, email, context) = (login.userID, login.email, login.context) }
}

extension HTTPRequest {
    /// A person with a browser, who can log in.
    var isOfBrowser: Bool { method == "GET" && headers["accept"]?.contains("text/html") == true }

    /// To exe.dev's login page, and back here.
    var toLogin: HTTPResponse {
        let back = path.utf8.map { byte -> String in
            let isPlain = byte < 128 && (byte == 47 || Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
        return .plain(302, "log in first", ["Location": "\(ProxyLogin.login)?redirect=\(back.joined())"])
    }
}

extension StatusDocument {
    /// The page of a browser: the fleet in a table, who is logged in, the way out.
    func page(for login: ProxyLogin) -> HTTPResponse {
        let rows = nodes.map { node in
            "<tr>"
                + [node.name, node.pool, node.vm, node.node, node.version, node.code?.rawValue ?? "settled", node.text]
                .map { "<td>\(Self.escaped($0))</td>" }.joined() + "</tr>"
        }
        let who =
            login.words.map { words in
                "<form method=\"post\" action=\"\(ProxyLogin.logout)\">Logged in as \(Self.escaped(words)). <button>Log out</button></form>"
            } ?? "<p>Not through exe.dev's proxy. <a href=\"\(ProxyLogin.login)?redirect=/\">Log in</a></p>"
        let text = """
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><title>\(Self.escaped(cluster))</title>
            <h1>Fleet \(Self.escaped(cluster))</h1>
            <p>\(settled ? "Settled" : "Not settled")\(time.map { ", as of \(Self.escaped($0))" } ?? "")\(paused.map { ", \(Self.escaped($0))" } ?? "").</p>
            <table><tr><th>node<th>pool<th>VM<th>Node<th>k3s<th>reason<th></tr>
            \(rows.joined(separator: "\n"))
            </table>
            <p><a href="/status">status</a> <a href="/metrics">metrics</a></p>
            \(who)
            </html>

            """
        return .make(200, "text/html; charset=utf-8", text, ["Content-Security-Policy": "default-src 'none'; form-action 'self'"])
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }
}
