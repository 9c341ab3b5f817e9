import ExeDev
import FleetCore
import FoundationEssentials
import Glibc
import K3s
import Live
import Reconciler
import SSH
import Tokens

/// The way to exe.dev, and what we may do there: the 401 and 403 checklists of its API documents (facts/exedev.md §2.3, §3.2).
extension Doctor {
    var isOverSSH: Bool { ((try? PlatformAccess.transport(environment)) ?? fleet?.transport) == .ssh }

    mutating func checkToken() {
        let did = "read the API token"
        guard !isOverSSH else {
            return note(.ok(.token, did, "exe.dev is spoken to over SSH: an SSH key speaks for us, and no token"))
        }
        let signed: SignedToken
        do {
            let token = try ExeDevToken.load(
                environment: environment, file: arguments.value("token-file"), credentialsDirectory: environment["CREDENTIALS_DIRECTORY"])
            self.token = token
            guard token.isSigned else {
                return note(.ok(.token, did, "an exe1 token of \(token.place): what it may and when it ends only exe.dev knows"))
            }
            signed = try token.signed()
        } catch {
            return note(.failed(.token, did, "\(error)", advice: "make one: exedev-ctl token for \(fleetFileName) tells how"))
        }
        let (permissions, now) = (signed.permissions, Int(SystemClock().now))
        let again = "make a new one: exedev-ctl token for \(fleetFileName) shows how"
        if signed.signature.namespace != SignedToken.lobby {
            return note(
                .failed(
                    .token, did, "it is signed for \(signed.signature.namespace)", advice: "sign one for \(SignedToken.lobby): \(again)"))
        }
        guard (try? SignatureProgram(environment: environment).isGood(signed)) ?? true else {
            return note(.failed(.token, did, "its signature is not that of its permissions: it was changed or damaged", advice: again))
        }
        if let begin = permissions.notBefore, now < begin {
            return note(.failed(.token, did, "it is not valid before \(TokenMoment.words(begin, now: now))", advice: "wait, or \(again)"))
        }
        let end = permissions.expires.map { "ends \(TokenMoment.words($0, now: now))" } ?? "never ends"
        if let moment = permissions.expires, now >= moment { return note(.failed(.token, did, "it has ended: \(end)", advice: again)) }
        let found = "an exe0 token of \(token?.place ?? ""), signed by \(fingerprint(Array(signed.signature.publicKey))), \(end)"
        if let warning = TokenCheck(permissions: permissions).warning(now: Double(now)) {
            return note(.warning(.token, did, warning, advice: again))
        }
        note(.ok(.token, did, found))
    }

    mutating func checkEndpoint() {
        guard !isOverSSH else { return note(.skipped(.endpoint, "exe.dev is spoken to over SSH")) }
        let endpoint = environment["EXE_DEV_ENDPOINT"] ?? "https://exe.dev/exec"
        let host = endpoint.split(separator: "/").dropFirst().first.map { String($0.split(separator: ":")[0]) } ?? ""
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, nil, &list)
        defer { if let list { freeaddrinfo(list) } }
        let did = "resolved \(host)"
        guard code == 0 else {
            return note(
                .failed(
                    .endpoint, did, "the name \(host) has no address: \(String(cString: gai_strerror(code)))",
                    advice: "see /etc/resolv.conf, and $EXE_DEV_ENDPOINT if it is set"))
        }
        note(.ok(.endpoint, did, "\(endpoint)" + (environment["EXE_DEV_ENDPOINT"] == nil ? "" : " (of $EXE_DEV_ENDPOINT)")))
    }

    mutating func checkAPI() async {
        guard token != nil || isOverSSH else { return note(.skipped(.api, "there is no API token")) }
        do {
            let state = try StateDirectory(base: CommandContext.stateBase(arguments), cluster: fleet?.cluster.name ?? "doctor")
            let access = try PlatformAccess(
                wish: fleet?.transport, tokenFile: arguments.value("token-file"), ssh: fleet?.ssh ?? .ofControl(arguments),
                folder: CommandContext.folder(of: fleetFileName), state: state, environment: environment, waits: waits)
            let client = ExeDevClient(transport: access.transport, waiting: waits.begin)
            let began = SystemClock().uptime
            let introduction = await client.introduce()
            self.introduction = introduction
            if introduction.error == nil { planLimit = await client.planLimit() }
            let took = Int((SystemClock().uptime - began) * 1000)
            let did = "sent whoami"
            switch introduction.error {
            case nil: note(.ok(.api, did, "exe.dev answered in \(took) ms: \(introduction.email ?? "")"))
            case .notAllowed?:
                note(
                    .warning(
                        .api, did, "exe.dev knows the token, which may not run whoami (403)",
                        advice: "nothing is wrong; with whoami among its cmds doctor can tell more"))
            case .tokenRefused?: note(.failed(.api, did, "\(introduction.error!)", advice: refusedAdvice))
            case let error?:
                note(.failed(.api, did, "\(error)", advice: error.remedy.advice ?? "try again; if it stays so, see https://exe.dev"))
            }
        } catch {
            note(.failed(.api, "opened the way to exe.dev", "\(error)", advice: "correct $EXE_DEV_ENDPOINT"))
        }
    }

    /// The 401 checklist: what could be told here was told by the checks before.
    private var refusedAdvice: String {
        if isOverSSH { return "register it: ssh exe.dev; or name another one with ssh.keyFile or $EXE_DEV_SSH_KEY" }
        if findings.contains(where: { $0.check == DoctorCheck.token.rawValue && $0.outcome == .failed }) { return "see token, above" }
        guard let signed = try? token?.signed() else {
            return "the key behind it was removed, or it ended: make a new one with exedev-ctl token request"
        }
        return
            "is the key \(fingerprint(Array(signed.signature.publicKey))) on the account? ssh exe.dev ssh-key list; if it is, mint again: the payload must be "
            + "signed byte for byte"
    }

    /// exe.dev does not know who we are (401).
    var isRefused: Bool { if case .tokenRefused? = introduction?.error { true } else { false } }

    mutating func checkClock() {
        guard let date = introduction?.date else { return note(.skipped(.clock, "exe.dev told no time")) }
        let skew = Int(SystemClock().now - date)
        let did = "compared this clock with exe.dev's"
        guard abs(skew) > 30 else { return note(.ok(.clock, did, "this clock differs by \(abs(skew)) s at most")) }
        let finding = "this clock is \(abs(skew)) s \(skew > 0 ? "ahead" : "behind")"
        note(.warning(.clock, did, finding, advice: "set it (timedatectl set-ntp true): exp and nbf of tokens are judged by exe.dev's"))
    }

    mutating func checkAccount() {
        guard let keys = introduction?.keys else { return note(.skipped(.account, "exe.dev told no SSH keys")) }
        let did = "looked for the token's key among the account's"
        guard !isOverSSH, let signed = try? token?.signed() else {
            return note(
                .ok(.account, did, "SSH keys on the account: \(keys.count)" + (isOverSSH ? "" : "; nothing says whose the token is")))
        }
        let line = signed.signature.publicLine
        let print = fingerprint(Array(signed.signature.publicKey))
        if let key = keys.first(where: { $0.fingerprint == print || $0.publicKey?.hasPrefix(line) == true }) {
            return note(.ok(.account, did, "the token's key is on the account\(key.name.map { " (\($0))" } ?? "")"))
        }
        note(
            .failed(.account, did, "the token's key \(print) is not on the account", advice: "add it: ssh exe.dev ssh-key add \"\(line)\""))
    }

    mutating func checkPermissions() {
        guard let fleet = known(.permissions) else { return }
        guard !isOverSSH else {
            if isRefused { return note(.skipped(.permissions, "exe.dev does not know the SSH key")) }
            return note(.ok(.permissions, "nothing", "a registered SSH key may run every command"))
        }
        let did = "compared the token's commands with what the fleet file needs"
        let needed = TokenNeeds.commands(of: fleet)
        if token?.isSigned == true, (try? token?.signed()) == nil { return note(.skipped(.permissions, "the token cannot be read")) }
        guard let signed = try? token?.signed() else {
            let advice = "exe.dev answers 403 to what it may not: it needs \(needed.joined(separator: ", "))"
            return note(
                token == nil
                    ? .skipped(.permissions, "there is no API token")
                    : .warning(.permissions, did, "what an exe1 token may cannot be read", advice: advice))
        }
        let lacking = needed.filter { !signed.permissions.allows($0) }
        guard lacking.isEmpty else {
            return note(
                .failed(
                    .permissions, did, "the token may not run \(lacking.joined(separator: ", "))",
                    advice: TokenNeeds.mint(needed)))
        }
        note(
            .ok(
                .permissions, did,
                "it may run \(needed.joined(separator: ", "))" + (signed.permissions.allows("rm") ? "" : "; destroy would need rm too")))
    }

    mutating func checkLimits() {
        guard let fleet = known(.limits) else { return }
        let (bytes, most) = (LiveWorld.longestCommand(of: fleet), ExeDevCommand.mostBytes)
        let found = "its longest command has \(bytes) bytes of \(most); exe.dev ends one after 30 s, and lists what it did all the same"
        note(
            bytes <= most
                ? .ok(.limits, "measured the fleet's commands", found)
                : .failed(.limits, "measured the fleet's commands", found, advice: "shorten comments and tags"))
    }

    mutating func checkQuota() async {
        guard let fleet = known(.quota) else { return }
        guard let world = openWorld(.quota) else { return }
        do {
            let vms = try await world.reader.listVMs()
            self.vms = vms
            let ours = vms.filter { $0.tags.contains(fleet.cluster.tag) }
            let quota = VMQuota(of: fleet, vms)
            let (did, wanted) = ("counted VMs with ls", max(quota.total, fleet.limits.maxVMs))
            let plan = planLimit.map { "the \($0) of the account's plan" } ?? "the \(VMQuota.usual) of the usual plan"
            let found = "\(vms.count) VMs, \(ours.count) of this fleet; \(quota.coming) to create, limits.maxVMs is \(fleet.limits.maxVMs)"
            guard wanted <= planLimit ?? VMQuota.usual else {
                return note(
                    .warning(
                        .quota, did, found + ": more than \(plan)",
                        advice: "see that the plan allows \(wanted): exedev-ctl billing plan"))
            }
            note(.ok(.quota, did, found))
        } catch {
            note(.failed(.quota, "listed the VMs", error.message, advice: error.advice))
        }
    }

    /// Opened once; nil, and said, where that fails.
    mutating func openWorld(_ check: DoctorCheck) -> LiveWorld? {
        if let world { return world }
        do {
            context = try CommandContext.open(arguments, file: fleetFileName, waits: waits, needsKey: false) { _ in }
            return world
        } catch {
            note(.skipped(check, "\(error)"))
            return nil
        }
    }
}
