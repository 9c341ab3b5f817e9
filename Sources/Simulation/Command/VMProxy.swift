import Foundation
import HTTPServer

/// exe.dev's HTTPS proxy in front of the VMs' web servers (facts/exedev.md §7). Whoever opens its login page is the account's owner, or whom they
/// say.
actor VMProxy {
    static let bodyLimit = 16 << 20

    private let platform: Platform
    private let signatures: Signatures
    private let guests: GuestWeb
    /// By the cookie's value.
    private var sessions: [String: Session] = [:]

    /// It is for one VM: its cookie is none for another.
    private struct Session {
        var vm: String
        var visitor: Visitor
    }

    init(platform: Platform, signatures: Signatures, guests: GuestWeb) {
        self.platform = platform
        self.signatures = signatures
        self.guests = guests
    }

    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        guard let host = ProxyHost(request.headers["host"] ?? "") else { return .refusal(404, "the Host header is not VM.exe.xyz") }
        var vm = await platform.vm(named: host.vm, tag: nil)
        if request.path.hasPrefix("/__exe.dev/"), vm != nil { return own(request, host) }
        let isBrowser = ["GET", "HEAD"].contains(request.method) && request.headers["accept"]?.contains("text/html") == true
        let pass = await pass(request.headers, to: vm)
        if case .visitor(let visitor) = pass, !visitor.isOwner, let link = ProxyRules.link(query: request.query),
            let joined = try? await platform.admit(visitor, to: host.vm, by: link)
        {
            vm = joined
        }
        switch ProxyRules.decide(host, vm, pass, isBrowser: isBrowser, now: Date().timeIntervalSince1970) {
        case .toLogin:
            let path = request.path + (request.query.map { "?" + $0 } ?? "")
            return HTTPResponse(status: 302, headers: ["Location": ProxyRules.loginURL(host, back: path)], body: Data())
        case .refuse(let status, let text): return .refusal(status, text)
        case .forward(let port, let visitor):
            guard let vm else { return .refusal(404, AccountRefusal.notFound(host.vm).text) }
            guard request.headers["upgrade"] == nil else { return .refusal(501, "the simulator's proxy carries no WebSockets") }
            var onward = request
            onward.headers = ProxyRules.forwarded(request.headers, to: host, for: visitor, from: request.peer)
            return await guests.answer(onward, at: vm.address, port: port)
                ?? .refusal(502, "nothing answers on port \(port) of VM \"\(vm.name)\"")
        }
    }

    private func pass(_ headers: [String: String], to vm: VirtualMachine?) async -> ProxyRules.Pass {
        guard let vm else { return .none }
        if let text = ProxyRules.token(in: headers) {
            guard let claim = await platform.claim(text, on: vm) else { return .void }
            guard let signed = claim.signed else { return .visitor(claim.visitor) }
            return await signatures.isGood(signed) ? .visitor(claim.visitor) : .void
        }
        guard let session = ProxyRules.session(in: headers).flatMap({ sessions[$0] }), session.vm == vm.name else { return .none }
        return .visitor(session.visitor)
    }

    // MARK: the proxy's own pages

    private func own(_ request: HTTPRequest, _ host: ProxyHost) -> HTTPResponse {
        let methods = [ProxyRules.login: ["GET", "HEAD"], ProxyRules.logout: ["POST"]]
        guard let allowed = methods[request.path] else { return .refusal(404, "not found") }
        guard allowed.contains(request.method) else {
            return .refusal(405, "method not allowed", ["Allow": allowed.joined(separator: ", ")])
        }
        return request.path == ProxyRules.login ? logIn(request, host) : logOut(request, host)
    }

    private func logIn(_ request: HTTPRequest, _ host: ProxyHost) -> HTTPResponse {
        guard let visitor = ProxyRules.newcomer(query: request.query, owner: platform.ownerAsVisitor) else {
            return .refusal(400, "that is no address")
        }
        let session = UUID().uuidString
        sessions[session] = Session(vm: host.vm, visitor: visitor)
        let target = ProxyRules.afterLogin(host, query: request.query)
        var response = HTTPResponse(status: 302, headers: ["Location": target, "Cache-Control": "no-store"], body: Data())
        response.cookies = ["\(ProxyRules.cookie)=\(session); Path=/; Secure; HttpOnly; SameSite=Lax"]
        return response
    }

    /// A page that stays: one that led back would log in again.
    private func logOut(_ request: HTTPRequest, _ host: ProxyHost) -> HTTPResponse {
        if let session = ProxyRules.session(in: request.headers), sessions[session]?.vm == host.vm { sessions[session] = nil }
        let page =
            "<!doctype html>\n<title>exe.dev</title>\n<p>Logged out. <a href=\"\(ProxyRules.loginURL(host, back: "/"))\">Log in</a></p>\n"
        let headers = ["Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"]
        var response = HTTPResponse(status: 200, headers: headers, body: Data(page.utf8))
        response.cookies = ["\(ProxyRules.cookie)=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"]
        return response
    }
}

extension Platform {
    nonisolated var ownerAsVisitor: Visitor { Visitor(userID: Owner.userID(of: owner.email), email: owner.email) }

    func admit(_ visitor: Visitor, to name: String, by link: String) throws -> VirtualMachine {
        let use = Sharing.useLink(link, by: visitor.email, at: stamp)
        return try change { account throws(AccountRefusal) in try account.share(name, [use], isReachable: true) }
    }

    func claim(_ token: String, on vm: VirtualMachine) -> ProxyRules.Claim? {
        ProxyRules.claim(token, on: vm, register, owner: ownerAsVisitor, now: Int(Date().timeIntervalSince1970))
    }
}

extension HTTPResponse {
    fileprivate static func refusal(_ status: Int, _ text: String, _ headers: [String: String] = [:]) -> HTTPResponse {
        var all = headers.merging(["Content-Type": "application/json", "Cache-Control": "no-store"]) { given, _ in given }
        // git asks its credential helper only when it reads of a way to log in.
        if status == 401 { all["WWW-Authenticate"] = "Basic realm=\"exe.dev\"" }
        return HTTPResponse(status: status, headers: all, body: Data(Reply.failure(status, text).body.utf8))
    }
}
