import Foundation
import HTTPServer
import Spawn

/// What a guest finds at 10.42.0.1:8089: the tailnet's door and the mirror of k3s. A VM is known by its address.
struct GuestService: Sendable {
    let platform: Platform
    let machines: NspawnMachines
    let tailnet: Tailnet
    let installScript: String?

    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        switch (request.method, request.path) {
        case ("POST", "/tailscale/up"): await up(request, needsKey: true)
        case ("POST", "/tailscale/reattach"): await up(request, needsKey: false)
        case ("POST", "/tailscale/logout"): await logOut(request)
        case ("GET", "/tailscale/status"): await status(request)
        case ("GET", let path) where path.hasPrefix("/k3s/"): K3sFiles(installScript: installScript).answer(path)
        default: text(404, "not found")
        }
    }

    private struct Up: Decodable {
        var authKey: String?
        var tags: String?
    }

    private func up(_ request: HTTPRequest, needsKey: Bool) async -> HTTPResponse {
        guard let vm = await platform.vm(at: request.peer) else { return text(404, "unknown VM") }
        let given = try? JSONDecoder().decode(Up.self, from: request.body)
        if needsKey, let refusal = await tailnet.refusal(of: given?.authKey ?? "", tags: given?.tags, from: vm.name) {
            return text(403, refusal)
        }
        guard needsKey || vm.joinedTailnet else { return text(403, "invalid key") }
        do {
            let address = try await machines.joinTailnet(vm)
            let device = try await platform.noteJoined(vm.name)
            return json(.object([("ip", .string(address)), ("device", .string(device))]))
        } catch {
            return text(500, "cannot attach")
        }
    }

    private func logOut(_ request: HTTPRequest) async -> HTTPResponse {
        guard let vm = await platform.vm(at: request.peer), (try? await platform.noteLoggedOut(vm.name)) != nil else {
            return text(404, "unknown VM")
        }
        return json(.object([]))
    }

    private func status(_ request: HTTPRequest) async -> HTTPResponse {
        guard let vm = await platform.vm(at: request.peer) else { return text(404, "unknown VM") }
        guard vm.joinedTailnet else { return json(.object([("state", "NeedsLogin")])) }
        return json(.object([("state", "Running"), ("ip", .string(vm.tailnetAddress))]))
    }

    private func json(_ value: JSON) -> HTTPResponse {
        HTTPResponse(status: 200, headers: ["Content-Type": "application/json"], body: Data(value.text.utf8))
    }

    private func text(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(status: status, headers: ["Content-Type": "text/plain"], body: Data((text + "\n").utf8))
    }
}

/// The mirror of k3s's releases: the binary is a wrapper of the stand-in, with its right sum.
struct K3sFiles {
    let installScript: String?

    func answer(_ path: String) -> HTTPResponse {
        let parts = path.split(separator: "/").map { String($0).replacing("%2B", with: "+").replacing("%2b", with: "+") }
        guard parts.count == 3, K3sFiles.isRelease(parts[1]), let content = content(of: parts[2], tag: parts[1]) else {
            return HTTPResponse(status: 404, body: Data("not found\n".utf8))
        }
        return HTTPResponse(status: 200, headers: ["Content-Type": "application/octet-stream"], body: Data(content.utf8))
    }

    static func isRelease(_ tag: String) -> Bool {
        guard let match = tag.wholeMatch(of: /v1\.([0-9]+)\.[0-9]+\+k3s[0-9]+/), let minor = Int(match.1) else { return false }
        return (30...37).contains(minor)
    }

    private func content(of file: String, tag: String) -> String? {
        let binary = "#!/bin/sh\nK3S_STAND_IN_VERSION='\(tag)' exec /usr/local/libexec/exedev-sim k3s \"$@\"\n"
        switch file {
        case "k3s": return binary
        case "sha256sum-amd64.txt": return sum(binary).map { "\($0)  k3s\n" }
        case "install.sh": return installScript
        case "install.sh.sha256sum": return installScript.flatMap(sum).map { "\($0)  install.sh\n" }
        default: return nil
        }
    }

    private func sum(_ text: String) -> String? {
        guard let ended = try? Subprocess.run("sha256sum", [], input: Data(text.utf8)), ended.status == 0 else { return nil }
        return String(decoding: ended.output.prefix(64), as: UTF8.self)
    }
}
