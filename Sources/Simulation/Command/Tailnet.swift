/// Which keys let a VM into the tailnet. Beside the reusable key of `exedev-sim env` there are, made of it, one that lets in a single VM
/// (`…-once`), one that has ended (`…-ended`), and an OAuth client's secret (`tskey-client-…`). Words of Tailscale's and Headscale's servers.
actor Tailnet {
    private let authKey: String
    private var usedBy: String?

    init(authKey: String) { self.authKey = authKey }

    /// Nil lets the VM in.
    func refusal(of given: String, tags: String?, from vm: String) -> String? {
        let key = String(given.prefix { $0 != "?" })
        switch key {
        case authKey: return nil
        case authKey + "-ended": return "authkey expired"
        case authKey + "-once":
            guard usedBy == nil || usedBy == vm else { return "invalid key: API key \(key) not valid" }
            usedBy = vm
            return nil
        case authKey.replacing("tskey-auth-", with: "tskey-client-"):
            return tags?.hasPrefix("tag:") == true ? nil : "requested tags [] are invalid or not permitted"
        // The worst case: the message repeats the key that was given.
        default: return "invalid key: API key \(key) does not exist"
        }
    }
}
