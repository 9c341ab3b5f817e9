package import FoundationEssentials

package struct HTTPRequest: Sendable {
    package var method: String
    /// As sent, without the query and with its percent-encoding.
    package var path: String
    /// Names in lower case; the values of a repeated header are joined by ", ".
    package var headers: [String: String]
    package var body: Data
    /// The peer's IPv4 address, empty on a Unix socket.
    package var peer: String
    /// What stands behind the first `?`, as sent but for an `&` at its end; nil when nothing does.
    package var query: String?
}

package struct HTTPResponse: Sendable {
    package enum Ending: Sendable {
        case complete
        /// The whole length is announced and half of the body sent; then the connection is closed.
        case truncated
        /// The connection is closed without a byte.
        case dropped
        /// In chunks, while it is made; `body` is not sent.
        case streamed(HTTPStream)
    }

    package var status: Int
    package var headers: [String: String]
    /// Values of `Set-Cookie`, which is a header for each.
    package var cookies: [String] = []
    package var body: Data
    package var ending: Ending

    package init(status: Int, headers: [String: String] = [:], body: Data, ending: Ending = .complete) {
        self.status = status
        self.headers = headers
        self.body = body
        self.ending = ending
    }
}

/// A certificate, with those behind it, and its key; both in PEM.
package struct TLSIdentity: Sendable {
    package var certificate: String
    package var key: String

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}

package struct HTTPServerError: Error, Sendable, CustomStringConvertible {
    package var description: String
}
