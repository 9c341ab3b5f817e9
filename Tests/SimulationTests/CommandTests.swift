import Testing

@testable import Simulation

/// What each command answers, in the shapes of facts/exedev.md §1 and the SDK's types.
@Suite struct CommandTests {
    typealias Row = (line: String, status: Int, body: String)

    private static let cname = ["www.example.com": "web-one.exe.xyz", "app.example.org": "web-one.exe.xyz"]

    private func check(_ rows: [Row], _ platform: Platform) async throws {
        _ = await platform.run(["new", "--name=web-one"])
        for row in rows {
            let reply = try await platform.say(row.line)
            #expect(reply.status == row.status && reply.body.trimmingSuffix("\n") == row.body, "\(row.line): \(reply.status) \(reply.body)")
        }
    }

    private static func error(_ text: String) -> String { JSON.object([("error", .string(text))]).text }

    /// A VM's name, and what `rename` makes of it.
    @Test func names() async throws {
        try await check(
            [
                ("rename web-one", 422, Self.error("usage: rename <old> <new>")),
                ("rename none-one web-two", 422, Self.error(#"VM "none-one" not found"#)),
                ("rename web-one web-one", 422, Self.error(#"VM name "web-one" is not available"#)),
                ("rename web-one their-vm", 422, Self.error(#"VM name "their-vm" is not available"#)),
                (
                    "rename web-one web-two", 200,
                    #"{"status":"renamed","old_name":"web-one","new_name":"web-two","ssh_dest":"127.42.1.2","https_url":"https://web-two.exe.xyz"}"#
                ),
                ("restart web-one", 422, Self.error(#"VM "web-one" not found"#)),
                ("restart web-two", 200, #"{"status":"restarted","vm_name":"web-two"}"#),
                ("ls web-one", 200, #"{"vms":[]}"#),
            ], platform(foreign: ["their-vm"]))
    }

    @Test func sharing() async throws {
        let (team, none) = (
            #""team_access":true,"team_ssh":true,"team_shelley":true"#, #""team_access":false,"team_ssh":false,"team_shelley":false"#
        )
        let mail = #""email_enabled":true,"email_address":"*@web-one.exe.xyz""#
        try await check(
            [
                ("share port web-one", 200, #"{"vm_name":"web-one","port":8000,"share":"private"}"#),
                ("share port web-one 80", 200, #"{"vm_name":"web-one","port":80,"share":"private","status":"updated",\#(none)}"#),
                ("share port web-one http", 422, Self.error(#"invalid port "http""#)),
                ("share set-public web-one", 200, #"{"vm_name":"web-one","port":80,"share":"public","status":"updated",\#(none)}"#),
                ("share set-private web-one", 200, #"{"vm_name":"web-one","port":80,"share":"private","status":"updated",\#(none)}"#),
                (
                    "share add web-one Kim@Example.org --message='hello there'", 200,
                    #"{"status":"success","vm_name":"web-one","shared_with":"kim@example.org","url":"https://web-one.exe.xyz","message":"Invitation sent"}"#
                ),
                ("share add web-one", 422, Self.error("usage: share add <vm> <email|team> [--root] [--message=TEXT] [--qr]")),
                ("share add web-one kim", 422, Self.error(#"invalid email address "kim""#)),
                (
                    "share add --root web-one lee@example.org", 200,
                    #"{"status":"updated","vm_name":"web-one","shared_with":"lee@example.org","share_level":"root"}"#
                ),
                (
                    "share remove --root web-one lee@example.org", 200,
                    #"{"status":"updated","vm_name":"web-one","shared_with":"lee@example.org","share_level":"web"}"#
                ),
                ("share remove --root web-one max@example.org", 422, Self.error(#"VM "web-one" is not shared with max@example.org"#)),
                (
                    "share remove web-one lee@example.org", 200,
                    #"{"status":"success","vm_name":"web-one","message":"Access removed for lee@example.org"}"#
                ),
                ("share add web-one team", 200, #"{"status":"success","vm_name":"web-one","team_name":"simulated"}"#),
                ("share add web-one team", 200, #"{"status":"success","vm_name":"web-one","message":"Already shared with the team"}"#),
                ("share add --root web-one team", 200, #"{"status":"updated","vm_name":"web-one",\#(team)}"#),
                ("share remove --root web-one team", 200, #"{"status":"updated","vm_name":"web-one",\#(none)}"#),
                ("share remove web-one team", 200, #"{"status":"success","vm_name":"web-one","team_name":"simulated"}"#),
                ("share remove-link web-one nothing", 422, Self.error("share link not found")),
                (
                    "share receive-email web-one", 200,
                    #"{"vm_name":"web-one","email_enabled":false,"email_address":"*@web-one.exe.xyz","reply_policy":"known"}"#
                ),
                (
                    "share receive-email --reply-policy owner web-one on", 200,
                    #"{"status":"success","vm_name":"web-one",\#(mail),"reply_policy":"owner"}"#
                ),
                ("share receive-email web-one", 200, #"{"vm_name":"web-one",\#(mail),"reply_policy":"owner"}"#),
                (
                    "share receive-email web-one off", 200,
                    #"{"status":"success","vm_name":"web-one","email_enabled":false,"reply_policy":"owner"}"#
                ),
                (
                    "share receive-email --reply-policy=some web-one", 422,
                    Self.error(#"invalid reply policy "some": use all, known, owner or none"#)
                ),
                ("share access allow web-one", 404, Self.error("unknown command")),
            ], platform())
    }

    @Test func domains() async throws {
        let usage = Self.error("usage: domain ls <vm>|-a")
        let mismatch = #""vm_name":"web-one","domain":"no.example.com","expected":"web-one.exe.xyz""#
        try await check(
            [
                ("domain ls -a", 200, #"{"domains":[]}"#), ("domain ls", 422, usage), ("domain ls -a web-one", 422, usage),
                ("domain add web-one nonsense", 422, Self.error(#"invalid domain "nonsense""#)),
                (
                    "domain add web-one no.example.com", 200,
                    #"{"error":"DNS of no.example.com does not point to web-one.exe.xyz",\#(mismatch)}"#
                ),
                ("domain add web-one WWW.example.com", 200, #"{"vm_name":"web-one","domain":"www.example.com","wildcard":false}"#),
                (
                    "domain add web-one www.example.com", 422,
                    Self.error(#"domain "www.example.com" is already registered to VM "web-one""#)
                ),
                (
                    "domain add --wildcard web-one app.example.org", 200,
                    #"{"error":"_acme-challenge.example.org is not delegated to example.org.acme.exe.xyz","vm_name":"web-one","#
                        + #""domain":"app.example.org","wildcard_base":"example.org","delegation_name":"_acme-challenge.example.org","#
                        + #""delegation_target":"example.org.acme.exe.xyz"}"#
                ),
                (
                    "domain ls web-one", 200,
                    #"{"domains":[{"vm_name":"web-one","domain":"www.example.com","wildcard":false}]}"#
                ),
                ("domain rm web-one www.example.com", 200, #"{"vm_name":"web-one","domain":"www.example.com","removed":true}"#),
                (
                    "domain rm web-one www.example.com", 422,
                    Self.error(#"domain "www.example.com" not found on VM "web-one""#)
                ),
            ], platform(dns: Self.cname))
    }

    @Test func wildcards() async throws {
        let dns = [
            "app.example.org": "web-one.exe.xyz", "*.app.example.org": "web-one.exe.xyz",
            "_acme-challenge.example.org": "example.org.acme.exe.xyz", "_acme-challenge.app.example.org": "app.example.org.acme.exe.xyz",
        ]
        try await check(
            [
                (
                    "domain add --wildcard web-one app.example.org", 200,
                    #"{"vm_name":"web-one","domain":"app.example.org","wildcard":true,"wildcard_base":"example.org"}"#
                ),
                (
                    "domain add web-one '*.app.example.org'", 200,
                    #"{"vm_name":"web-one","domain":"*.app.example.org","wildcard":true,"wildcard_base":"app.example.org","pattern":true}"#
                ),
            ], platform(dns: dns))
    }

    @Test func defaults() async throws {
        let (domain, text) = (#""domain":"dev.exe","key":"new.setup-script""#, "echo 'a b'")
        try await check(
            [
                ("defaults read", 200, "{}"),
                ("defaults read dev.exe new.setup-script", 422, Self.error(#"default "dev.exe new.setup-script" not found"#)),
                ("defaults write dev.exe new.setup-script", 422, Self.error("usage: defaults write <domain> <key> <value>")),
                ("defaults write dev.exe new.setup-script \"\(text)\"", 200, #"{"status":"written",\#(domain),"value":"echo 'a b'"}"#),
                ("defaults read dev.exe new.setup-script", 200, #"{\#(domain),"value":"echo 'a b'"}"#),
                ("defaults read", 200, #"{"dev.exe":{"new.setup-script":"echo 'a b'"}}"#),
                (
                    "defaults write dev.exe new.setup-script \(String(repeating: "x", count: 10241))", 422,
                    Self.error("setup script is longer than 10 KiB")
                ),
                ("defaults delete dev.exe new.setup-script", 200, #"{"status":"deleted",\#(domain)}"#),
                ("defaults delete dev.exe new.setup-script", 422, Self.error(#"default "dev.exe new.setup-script" not found"#)),
                ("defaults delete dev.exe", 200, #"{"status":"deleted","domain":"dev.exe"}"#),
            ], platform())
    }

    @Test func teamsAndInvitations() async throws {
        let usage = Self.error("usage: team add <email> [user|admin|billing_owner]")
        try await check(
            [
                ("team", 200, #"{"team_id":"team-1","team_name":"simulated","role":"owner"}"#), ("team x", 422, Self.error("usage: team")),
                ("team usage", 200, #"{"usage":[]}"#), ("team settings", 200, #"{"vm_placement":"default","standalone":"off"}"#),
                ("team settings standalone admins-only", 200, #"{"vm_placement":"default","standalone":"admins-only"}"#),
                ("team settings vm-placement poolless", 200, #"{"vm_placement":"poolless","standalone":"admins-only"}"#),
                ("team settings vm-placement pool fast", 422, Self.error(#"pool "fast" not found"#)),
                ("team settings standalone some", 422, Self.error("usage: team settings standalone [off|admins-only|all-users]")),
                ("team rename ours", 200, #"{"team_id":"team-1","team_name":"ours","role":"owner"}"#),
                ("team add kim@example.org", 200, #"{"email":"kim@example.org","role":"user"}"#), ("team add kim", 422, usage),
                ("team add kim@example.org", 422, Self.error("kim@example.org is already a member of the team")),
                ("team role kim@example.org admin", 200, #"{"email":"kim@example.org","role":"admin"}"#),
                (
                    "team members", 200,
                    #"{"email":"o@example.com","role":"owner"}"# + "\n" + #"{"email":"kim@example.org","role":"admin"}"#
                ),
                ("team remove kim@example.org", 200, #"{"email":"kim@example.org","removed":true}"#),
                ("team remove kim@example.org", 422, Self.error("kim@example.org is not a member of the team")),
                ("invite link", 200, "https://exe.dev/invite/simulated"),
                ("invite set-reward extra-disk", 200, #"{"link":"https://exe.dev/invite/simulated","reward":"extra-disk"}"#),
                ("invite", 200, #"{"link":"https://exe.dev/invite/simulated","reward":"extra-disk"}"#),
            ], platform())
    }

    @Test func pools() async throws {
        func pool(_ name: String, _ cpus: Int, _ most: Int, _ vms: String = "") -> String {
            #"{"pool_id":"pool-1","name":"\#(name)","cpus":\#(cpus),"memory_gib":\#(cpus * 2),"region":"lax","max_vms":\#(most),"vms":[\#(vms)]}"#
        }
        let even = Self.error("--cpus must be an even number from 4 through 512")
        try await check(
            [
                ("pool new fast", 422, even), ("pool new fast --cpus=7", 422, even), ("pool new fast --cpus=2", 422, even),
                ("pool new fast --cpus=8", 200, pool("fast", 8, 200)), ("pool hosts", 200, #"{"hosts":[]}"#),
                ("pool new fast --cpus=8", 422, Self.error(#"pool name "fast" is not available"#)),
                ("new --name=web-two --pool=slow", 422, Self.error(#"pool "slow" not found"#)),
                ("ls web-two", 200, #"{"vms":[]}"#), ("pool resize fast --max-vms=1", 200, pool("fast", 8, 1)),
                (
                    "pool adopt --vm=web-one --pool=fast", 200,
                    #"{"vm_name":"web-one","pool_id":"pool-1","pool_name":"fast"}"#
                ),
                ("new --name=web-two --pool=fast", 422, Self.error(#"pool "fast" is full: 1 VMs"#)),
                ("cp web-one web-two --pool=fast", 422, Self.error(#"pool "fast" is full: 1 VMs"#)),
                ("pool rename fast swift", 200, pool("swift", 8, 1, #""web-one""#)),
                ("pool list swift --usage --range=24h", 200, #"{"pools":[\#(pool("swift", 8, 1, #""web-one""#))],"range":"24h"}"#),
                ("pool delete swift", 422, Self.error(#"pool "swift" has 1 VMs: use --force"#)),
                ("pool detach --vm=web-one", 200, #"{"vm_name":"web-one","standalone":true}"#),
                ("pool detach --vm=web-one", 422, Self.error(#"VM "web-one" is in no pool"#)),
                ("pool delete swift", 200, #"{"status":"deleted","name":"swift"}"#), ("pool list", 200, #"{"pools":[]}"#),
            ], platform())
    }

    @Test func integrations() async throws {
        func row(_ name: String, _ attachments: String = "") -> String {
            #"{"name":"\#(name)","type":"http-proxy","target":"https://a.example","attachments":[\#(attachments)]}"#
        }
        try await check(
            [
                ("integrations add tea", 422, Self.error(#"unknown integration type "tea""#)),
                (
                    "integrations add http-proxy --name=api --target=https://a.example --bearer secret --peer", 200,
                    row("api")
                ),
                ("integrations add http-proxy --name=api", 422, Self.error(#"integration name "api" is not available"#)),
                (
                    "integrations attach api web-one", 422,
                    Self.error(#"invalid attachment "web-one": use vm:NAME, tag:TAG or auto:all"#)
                ),
                ("integrations attach api tag:ci --for=1h", 200, row("api", #""tag:ci""#)),
                ("integrations rename api web", 200, row("web", #""tag:ci""#)),
                ("integrations list", 200, #"{"integrations":[\#(row("web", #""tag:ci""#))]}"#),
                ("integrations detach web auto:all", 422, Self.error(#""web" is not attached to auto:all"#)),
                ("integrations detach web tag:ci", 200, row("web")), ("integrations test web", 200, #"{"name":"web","ok":true}"#),
                ("integrations remove web", 200, #"{"name":"web","removed":true}"#),
                ("integrations test web", 422, Self.error(#"integration "web" not found"#)),
                ("integrations catalog git", 200, #"{"catalog":["github"]}"#),
            ], platform())
    }

    @Test func aMachinesOwnCommands() async throws {
        let shelley = #"{"error":"shelley_not_installed","message":"the VM's image has not opted into Shelley","#
        try await check(
            [
                ("vm-logs web-one", 200, "console of web-one"),
                ("grant-support-root web-one", 422, Self.error("usage: grant-support-root <vm> on|off")),
                ("grant-support-root none-one on", 422, Self.error(#"VM "none-one" not found"#)),
                ("grant-support-root web-one on", 200, "root access for support to web-one: on"),
                (
                    "shelley install web-one", 200,
                    #"{"vm_name":"web-one","status":"installed","backup":"/usr/local/bin/shelley.old"}"#
                ),
                ("new --name=web-two --image=ubuntu:24.04 --pool=fast", 422, Self.error(#"pool "fast" not found"#)),
                ("new --name=web-two --egress=none", 422, Self.error(#"invalid egress policy "none""#)),
                ("new --name=web-two --memory=512MB", 422, Self.error(#"invalid --memory "512MB": the minimum is 2GB"#)),
                ("new --name=web-two --cpu=1 --disk=5GB", 422, Self.error(#"invalid --disk "5GB": the minimum is 10GB"#)),
                ("resize web-one --memory=1GB", 422, Self.error(#"invalid --memory "1GB": the minimum is 2GB"#)),
                (
                    "new --name=web-two --image=boldsoftware/exeuntu", 422,
                    Self.error(#"failed to pull image "boldsoftware/exeuntu""#)
                ),
                ("ssh", 422, Self.error("usage: ssh [-l user] [user@]<vm> [command]")),
                ("cp web-one web-two --disk=10GB", 422, Self.error("disk can only grow: it has 20GB")),
                ("ls --group=colour", 422, Self.error("usage: ls [-l] [--group=none|tag|region|type] [name|pattern]")),
                ("resize web-one", 422, Self.error("nothing to resize: use --cpu, --memory or --disk")),
                (
                    "resize web-one --cpu=4 --memory 8GB", 200,
                    #"{"vm_name":"web-one","old_cpus":2,"new_cpus":4,"old_memory":4294967296,"new_memory":8589934592}"#
                ),
                ("egress web-one", 200, #"{"vm_name":"web-one","egress_policy":"all"}"#),
                ("egress web-one some", 422, Self.error(#"invalid egress policy "some""#)),
                ("egress web-one integrations", 200, #"{"vm_name":"web-one","egress_policy":"integrations"}"#),
            ], platform())
        let other = platform()
        _ = try await other.say("new --name=web-two --image=ubuntu:24.04")
        #expect(try await other.say("shelley install web-two").body.hasPrefix(shelley))
    }

    /// A VM stays where it was made: in the region of its day, or in that of its pool.
    @Test func regions() async throws {
        let platform = platform()
        let lines = [
            "new --name=web-one --memory=2048MB --disk=10GB", "pool new fast --cpus=8 --region=syd", "set-region fra", "new --name=web-two",
            "new --name=web-ten --pool=fast",
        ]
        for line in lines { #expect(try await platform.say(line).status == 200, "\(line)") }
        for (name, region) in [("web-one", "lax"), ("web-two", "fra"), ("web-ten", "syd")] {
            #expect(try await platform.say("ls \(name)").body.contains(#""region":"\#(region)""#), "\(name)")
        }
    }

    @Test(arguments: [
        ("set-region fra", 200, "Frankfurt"), ("set-region xyz", 422, "unknown region"), ("set-region", 422, "usage"),
        ("doc proxy", 200, "# proxy"), ("billing plan", 200, "max_vms"), ("billing usage", 200, "usage"), ("pool list", 200, "pools"),
        ("integrations list --available", 200, "http-proxy"), ("team vm ls", 200, "vms"), ("help all", 200, "share add-link"),
        ("browser --qr", 200, "url"), ("whoami", 200, "o@example.com"), ("ssh-key rename a", 422, "usage"),
        ("egress none1", 422, "not found"),
    ])
    func others(line: String, status: Int, says: String) async throws {
        let reply = try await platform().say(line)
        #expect(reply.status == status && reply.body.contains(says), "\(reply.body)")
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String { hasSuffix(suffix) ? String(dropLast(suffix.count)) : self }
}
