import Foundation
import Glibc

/// The tailnet's door, as observed from a guest.
private let tailnet = "http://10.42.0.1:8089/tailscale"
private let interface = "tailscale0"

/// `tailscaled`: keeps the interface while it runs and remembers the login over reboots.
struct Tailscaled {
    static let processFile = "/run/tailscale/tailscaled.pid"

    static var isRunning: Bool {
        guard let text = GuestHost.read(processFile), let process = pid_t(text) else { return false }
        return kill(process, 0) == 0
    }

    func run() async throws -> Int32 {
        try GuestHost.write("\(getpid())", to: Tailscaled.processFile)
        if TailscaleLogin.load()?.isWanted == true {
            _ = try? GuestHost.http(tailnet + "/reattach", body: "{}")
        }
        signal(SIGTERM, SIG_IGN)
        let ends = DispatchSource.makeSignalSource(signal: SIGTERM)
        await withCheckedContinuation { continuation in
            ends.setEventHandler { continuation.resume() }
            ends.resume()
            GuestHost.notify("READY=1")
        }
        // The interface lives no longer than its daemon.
        GuestHost.ip("link", "delete", interface)
        unlink(Tailscaled.processFile)
        return 0
    }
}

/// What survives a reboot of the guest.
struct TailscaleLogin: Codable {
    static let file = "/var/lib/tailscale/login.json"

    var address: String
    var hostname: String
    /// As the tailnet calls it: with a number behind it where another device has the name.
    var device: String?
    var isWanted: Bool

    static func load() -> TailscaleLogin? {
        GuestHost.read(file).flatMap { try? JSONDecoder().decode(TailscaleLogin.self, from: Data($0.utf8)) }
    }

    func store() throws {
        try GuestHost.write(String(decoding: JSONEncoder().encode(self), as: UTF8.self), to: TailscaleLogin.file)
    }
}

/// The command line `tailscale`.
enum Tailscale {
    static func run(_ arguments: [String]) throws -> Int32 {
        if arguments.first == "version" {
            GuestProgram.say("1.90.6")
            return 0
        }
        guard Tailscaled.isRunning else {
            throw GuestFailure("failed to connect to local tailscaled; it doesn't appear to be running (sudo systemctl start tailscaled ?)")
        }
        switch arguments.first {
        case "up": try up(Array(arguments.dropFirst()))
        case "down": try down()
        case "logout": try logOut()
        case "ip": GuestProgram.say(try address())
        case "lock" where arguments.dropFirst().first == "status": lockStatus()
        case "status" where arguments.contains("--json"): GuestProgram.say(try statusDocument())
        case "status": GuestProgram.say("\(try address())  \(TailscaleLogin.load()?.hostname ?? "")  owner@  linux  -")
        case "set": break
        default: throw GuestFailure("tailscale: unknown subcommand: \(arguments.first ?? "")")
        }
        return 0
    }

    private static func address() throws -> String {
        guard let login = TailscaleLogin.load() else { throw GuestFailure("no current Tailscale IPs; state: NeedsLogin") }
        guard login.isWanted, GuestHost.addresses(of: interface).contains(login.address) else {
            throw GuestFailure("no current Tailscale IPs; state: Stopped")
        }
        return login.address
    }

    private static func up(_ flags: [String]) throws {
        func value(_ name: String) -> String? { flags.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) } }
        let known = [
            "--reset", "--auth-key", "--hostname", "--accept-dns", "--accept-routes", "--advertise-tags", "--login-server", "--timeout",
        ]
        for flag in flags where !known.contains(flag.split(separator: "=").first.map(String.init) ?? "") {
            throw GuestFailure("flag provided but not defined: \(flag)")
        }
        let (hostname, tags) = (value("--hostname") ?? "", value("--advertise-tags") ?? "")
        if let server = value("--login-server"), server != tailnet {
            throw GuestFailure("fetch control key: Get \"\(server)/key?v=113\": no such host")
        }
        let answer: (status: Int, body: String)
        if let key = value("--auth-key") {
            let text = try key.hasPrefix("file:") ? keyFile(String(key.dropFirst(5))) : key
            if text.hasPrefix("tskey-client-"), tags.isEmpty { throw GuestFailure("oauth authkeys require --advertise-tags") }
            let body = JSON.object([("authKey", .string(text)), ("hostname", .string(hostname)), ("tags", .string(tags))])
            answer = try GuestHost.http(tailnet + "/up", body: body.text)
        } else {
            answer = try GuestHost.http(tailnet + "/reattach", body: "{}")
        }
        struct Joined: Decodable {
            var ip: String
            var device: String
        }
        guard answer.status == 200, let joined = try? JSONDecoder().decode(Joined.self, from: Data(answer.body.utf8)) else {
            throw GuestFailure("backend error: " + answer.body.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        try TailscaleLogin(address: joined.ip, hostname: hostname, device: joined.device, isWanted: true).store()
    }

    /// Locked out while a file says so.
    private static func lockStatus() {
        guard GuestHost.read("/var/lib/tailscale/locked-out") != nil else { return GuestProgram.say("Tailnet Lock is NOT enabled.") }
        GuestProgram.say("Tailnet Lock is ENABLED.\n")
        GuestProgram.say("This node is LOCKED OUT by tailnet-lock, and action is required to establish connectivity.")
    }

    private static func statusDocument() throws -> String {
        let (address, login) = (try address(), TailscaleLogin.load())
        return """
            {
              "BackendState": "Running",
              "Self": {
                "HostName": "\(login?.hostname ?? "")",
                "DNSName": "\(login?.device ?? login?.hostname ?? "").tail0.ts.net.",
                "TailscaleIPs": [
                  "\(address)"
                ]
              }
            }
            """
    }

    /// The device leaves the tailnet, and its address with it.
    private static func logOut() throws {
        guard TailscaleLogin.load() != nil else { return }
        guard try GuestHost.http(tailnet + "/logout", body: "{}").status == 200 else { throw GuestFailure("logout: no answer") }
        GuestHost.ip("link", "delete", interface)
        unlink(TailscaleLogin.file)
    }

    private static func keyFile(_ path: String) throws -> String {
        guard let text = GuestHost.read(path) else { throw GuestFailure("open \(path): no such file or directory") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func down() throws {
        guard var login = TailscaleLogin.load() else { return }
        login.isWanted = false
        try login.store()
        GuestHost.ip("link", "delete", interface)
    }
}
