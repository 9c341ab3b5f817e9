import Foundation
import TestSupport
import Testing

extension WireTests {
    /// exe.dev's HTTPS proxy, as the simulator plays it, in front of a web server in a VM that booted.
    @Suite struct ProxyTests {
        /// `curl` of an operator, with `options` of its own in its configuration: status, headers and body.
        private static func curl(_ wire: Wire, _ url: String, _ options: [String] = []) async throws -> String {
            let proxy = try #require(wire.environment["EXE_DEV_PROXY"])
            let authority = try #require(wire.environment["EXE_DEV_PROXY_CA"])
            let lines = ["silent", "show-error", "include", "url=\"\(url)\"", "connect-to=\"::\(proxy)\"", "cacert=\"\(authority)\""]
            let text = (lines + options).joined(separator: "\n") + "\n"
            let child = try ChildProcess(["curl", "-q", "-K", "-"], environment: wire.environment, folder: wire.folder, input: text)
            let ended = await child.ended()
            #expect(ended.status == 0, "\(url): \(ended.all)")
            return ended.out.replacing("\r\n", with: "\n")
        }

        private static func status(_ answer: String) -> String { answer.split(separator: " ").dropFirst().first.map(String.init) ?? answer }

        /// A VM whose web servers on ports 8000 and 3000 answer with what they were sent.
        private static func boot(_ wire: Wire, _ vm: String) async throws {
            let made = try await wire.exec("exedev-ctl", ["new", "--name=\(vm)", "--no-email", "--wait"])
            try #require(made.status == 0, "\(made.all)")
            let script = """
                cat > /usr/local/bin/echo-web <<'WEB'
                cr=$(printf '\\r') size=0 head=
                while IFS= read -r line; do
                    line=${line%"$cr"}
                    [ -n "$line" ] || break
                    head="$head$line|"
                    case $line in Content-Length:*) size=${line#*: } ;; esac
                done
                text="$head$(head -c "$size")"
                case $head in
                    "GET /repo.git/"*)
                        file=/srv/${head#GET /} file=${file%% *} file=${file%%[?]*}
                        [ -f "$file" ] || { printf 'HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\n\\r\\n'; exit; }
                        printf 'HTTP/1.1 200 OK\\r\\nContent-Length: %s\\r\\n\\r\\n' "$(stat -c %s "$file")"
                        cat "$file"
                        exit
                        ;;
                esac
                printf 'HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nSet-Cookie: a=1\\r\\nSet-Cookie: b=2\\r\\nConnection: close\\r\\n'
                case $head in
                    "GET /chunked"*) printf 'Transfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n2\\r\\nde\\r\\n0\\r\\n\\r\\n' ;;
                    *) printf 'Content-Length: %s\\r\\n\\r\\n%s' "${#text}" "$text" ;;
                esac
                WEB
                for port in 8000 3000; do
                    systemd-run -q systemd-socket-activate --accept --inetd -l "$port" sh /usr/local/bin/echo-web
                done
                for port in 8000 3000; do
                    for try in $(seq 300); do ss -Hltn "sport = :$port" | grep -q . && break; sleep 0.1; done
                done
                """
            let started = try await wire.inside(vm, script)
            try #require(started.status == 0, "\(started.all)")
        }

        private static func sign(_ wire: Wire, _ vm: String, _ more: String...) async throws -> String {
            let ended = try await wire.exec("exedev-ctl", ["token", "mint", "--vm", vm, "--exp=1h"] + more)
            try #require(ended.status == 0, "\(ended.all)")
            return ended.out.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        @Test func whoIsLetInAndWhatTheVMIsTold() async throws {
            try await Wire.run { wire in
                try await Self.boot(wire, "web-one")
                let site = "https://web-one.exe.xyz"
                let refused = try await Self.curl(wire, site + "/")
                #expect(Self.status(refused) == "401" && refused.contains(#"{"error":"authentication required"}"#), "\(refused)")
                let forged = ["X-ExeDev-UserID: usr666", "X_ExeDev_Email: evil@example.com", "X-Forwarded-For: 10.9.8.7"]
                let mine = try await wire.exec(
                    "exedev-ctl", ["curl", "web-one/a?b=c+d&e=%2F", "-sS", "-X", "PUT", "--data", "body"] + forged.flatMap { ["-H", $0] })
                #expect(
                    mine.status == 0 && mine.out.hasPrefix("PUT /a?b=c+d&e=%2F HTTP/1.1|") && mine.out.hasSuffix("|body"), "\(mine.all)")
                let told = mine.out.lowercased()
                #expect(
                    [
                        "|host: web-one.exe.xyz|", "|x-exedev-email: owner@example.com|", "|x-exedev-userid: usr",
                        "|x-forwarded-proto: https|",
                        "|x-forwarded-for: 127.0.0.1|", "|x-forwarded-host: web-one.exe.xyz|",
                    ].allSatisfy(told.contains), "\(told)")
                #expect(
                    ["666", "evil", "10.9.8.7", "x-exedev-authorization", "token-ctx", "exe0."].allSatisfy { !told.contains($0) }, "\(told)"
                )

                let token = try await Self.sign(wire, "web-one", "--ctx", #"{"role": "deploy"}"#)
                for header in ["X-Exedev-Authorization", "Authorization"] {
                    let answer = try await Self.curl(wire, site + "/", ["header=\"\(header): Bearer \(token)\""])
                    #expect(
                        Self.status(answer) == "200" && answer.lowercased().contains(#"|x-exedev-token-ctx: {"role": "deploy"}|"#),
                        "\(answer)")
                    #expect(answer.contains("set-cookie: a=1\n") || answer.contains("Set-Cookie: a=1\n"), "\(answer)")
                }
                let cut = token.dropLast(8) + "AAAAAAAA"
                for bad in [try await Self.sign(wire, "web-two"), wire.environment["EXE_DEV_API_KEY"]!, String(cut), "exe1.nothing"] {
                    let answer = try await Self.curl(wire, site + "/", ["header=\"X-Exedev-Authorization: Bearer \(bad)\""])
                    #expect(Self.status(answer) == "401" && answer.contains("invalid token"), "\(answer)")
                }
                try await Self.expectPorts(wire, token)
                try await Self.expectGitCredential(wire)
                try await Self.expectWhatIsNotThere(wire, token)
            }
        }

        /// Each port for who has access; the shared one alone can be public.
        private static func expectPorts(_ wire: Wire, _ token: String) async throws {
            let (site, pass) = ("https://web-one.exe.xyz", ["header=\"X-Exedev-Authorization: Bearer \(token)\""])
            #expect(status(try await curl(wire, site + ":3000/", pass)) == "200")
            #expect(status(try await curl(wire, site + ":2999/", pass)) == "404")
            #expect(try await curl(wire, site + ":3000/chunked", pass).hasSuffix("\n\nabcde"))
            let empty = try await curl(wire, site + ":4000/", pass)
            #expect(status(empty) == "502" && empty.contains("nothing answers on port 4000"), "\(empty)")
            #expect(try await wire.exec("exedev-ctl", ["share", "set-public", "web-one", "--yes"]).status == 0)
            let open = try await curl(wire, site + "/")
            #expect(status(open) == "200" && !open.lowercased().contains("x-exedev-"), "\(open)")
            #expect(status(try await curl(wire, site + ":8000/")) == "200")
            #expect(status(try await curl(wire, site + ":3000/")) == "401")
            #expect(status(try await curl(wire, site + "/", ["header=\"X-Exedev-Authorization: Bearer exe1.x\""])) == "401")
            #expect(try await wire.exec("exedev-ctl", ["share", "port", "web-one", "3000"]).status == 0)
            #expect(status(try await curl(wire, site + ":8000/")) == "401")
            #expect(status(try await curl(wire, site + "/")) == "200")
            #expect(try await wire.exec("exedev-ctl", ["share", "set-private", "web-one"]).status == 0)
            #expect(status(try await curl(wire, site + "/")) == "401")
        }

        /// What git is given lets it in, as a password.
        private static func expectGitCredential(_ wire: Wire) async throws {
            let given = try await wire.exec(
                "exedev-ctl", ["git-credential", "get"], input: "protocol=https\nhost=web-one.exe.xyz\npath=repo.git\n\n")
            let password = try #require(given.out.split(separator: "\n").first { $0.hasPrefix("password=") }, "\(given.all)").dropFirst(9)
            let answer = try await curl(wire, "https://web-one.exe.xyz/info/refs", ["user=\"exedev:\(password)\""])
            #expect(status(answer) == "200" && answer.lowercased().contains("|x-exedev-email: owner@example.com|"), "\(answer)")
            let wrong = try await curl(wire, "https://web-one.exe.xyz/info/refs", ["user=\"exedev:mine\""])
            #expect(status(wrong) == "401" && wrong.contains("Basic realm="), "\(wrong)")
        }

        private static func expectWhatIsNotThere(_ wire: Wire, _ token: String) async throws {
            let pass = ["header=\"X-Exedev-Authorization: Bearer \(token)\""]
            let (text, large) = (wire.folder + "/text", wire.folder + "/large")
            try String(repeating: "0123456789", count: 30000).write(toFile: text, atomically: false, encoding: .utf8)
            let long = try await curl(wire, "https://web-one.exe.xyz/", pass + ["data=\"@\(text)\"", "header=\"Expect:\""])
            #expect(long.hasPrefix("HTTP/1.1 200") && long.hasSuffix("|" + String(repeating: "0123456789", count: 30000)))
            let head = try await curl(wire, "https://web-one.exe.xyz/", pass + ["head"])
            #expect(status(head) == "200" && head.contains("Content-Length: ") && !head.contains("Content-Length: 0\n"), "\(head)")
            try Data(count: 17 << 20).write(to: URL(filePath: large))
            #expect(try await curl(wire, "https://web-one.exe.xyz/", pass + ["upload-file=\"\(large)\""]).contains("413"))
            #expect(status(try await curl(wire, "https://nobody-1.exe.xyz/", pass)) == "404")
            #expect(try await wire.exec("exedev-ctl", ["pause", "web-one"]).status == 0)
            let paused = try await curl(wire, "https://web-one.exe.xyz/", pass)
            #expect(status(paused) == "502" && paused.contains("not running"), "\(paused)")
        }

        /// Those that exe.dev makes, and those of keys that are for one VM or one tag.
        @Test func tokensOfOtherKeys() async throws {
            try await Wire.run { wire in
                try await Self.boot(wire, "web-one")
                func ctl(_ words: String...) async throws -> String {
                    let ended = try await wire.exec("exedev-ctl", words)
                    #expect(ended.status == 0, "\(words): \(ended.all)")
                    return ended.out.trimmingCharacters(in: .whitespacesAndNewlines)
                }
                func answer(_ token: String) async throws -> String {
                    let pass = ["header=\"X-Exedev-Authorization: Bearer \(token)\""]
                    return Self.status(try await Self.curl(wire, "https://web-one.exe.xyz/", pass))
                }
                let owner = wire.folder + "/owner"
                let commands = "ssh-key add,ssh-key remove,ssh-key generate-api-key,exe0-to-exe1"
                _ = try await ctl("token", "mint", "--cmds", commands, "--out", owner)

                let signed = try await Self.sign(wire, "web-one", "--ctx=7")
                let exchange = ["token", "exchange", "-", "--vm=web-one", "--token-file", owner]
                let short = try await wire.exec("exedev-ctl", exchange, input: signed).out.trimmingCharacters(in: .newlines)
                #expect(short.hasPrefix("exe1."))
                #expect(try await answer(short) == "200")
                let kept = try await wire.exec("exedev-ctl", exchange, input: signed.dropLast(8) + "AAAAAAAA")
                #expect(kept.status == 1 && kept.all.contains("invalid token"), "\(kept.all)")
                #expect(try await answer(try await Self.apiKey(wire, owner, "--vm=web-one")) == "200")
                #expect(try await answer(try await Self.apiKey(wire, owner, "--tag=a")) == "401", "it is for the lobby")

                for (scope, status) in [("--vm=web-one", "200"), ("--tag=a", "401")] {
                    let key = wire.folder + "/key" + scope
                    let words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "key" + scope, "-f", key]
                    let made = try await ChildProcess(words, environment: wire.environment, folder: wire.folder).ended()
                    #expect(made.status == 0, "\(made.all)")
                    let line = try String(contentsOfFile: key + ".pub", encoding: .utf8).trimmingCharacters(in: .newlines)
                    let own = try await Self.sign(wire, "web-one", "--key", key)
                    #expect(try await answer(own) == "401", "the key is not registered")
                    _ = try await ctl("exec", "ssh-key add \(scope) \(line)", "--token-file", owner)
                    #expect(try await answer(own) == status, "\(scope)")
                    if scope == "--tag=a" { _ = try await ctl("tag", "web-one", "a") }
                    #expect(try await answer(own) == "200", "\(scope)")
                    _ = try await ctl("exec", "ssh-key remove key\(scope)", "--token-file", owner)
                    #expect(try await answer(own) == "401", "it ends with its key")
                }
            }
        }

        private static func apiKey(_ wire: Wire, _ owner: String, _ scope: String) async throws -> String {
            struct Answer: Decodable { var token: String }
            let ended = try await wire.exec("exedev-ctl", ["exec", "ssh-key generate-api-key \(scope)", "--token-file", owner])
            return try JSONDecoder().decode(Answer.self, from: Data(ended.out.utf8)).token
        }

        /// git itself, which asks its helper once the proxy has refused it.
        @Test func gitClones() async throws {
            try await Wire.run { wire in
                try await Self.boot(wire, "web-one")
                func run(_ script: String, _ words: String...) async throws -> ChildProcess.Ended {
                    try await ChildProcess(["sh", "-euc", script, "sh"] + words, environment: wire.environment, folder: wire.folder).ended()
                }
                let made = try await run(
                    """
                    cd "$1" && git init -q work && cd work && echo kept > file && git add file
                    git -c user.name=a -c user.email=a@example.com commit -qm first
                    git clone -q --bare . ../repo.git && git -C ../repo.git update-server-info
                    """, wire.folder)
                try #require(made.status == 0, "\(made.all)")
                let copied = try await wire.exec("exedev-ctl", ["scp", "-r", wire.folder + "/repo.git", "web-one:/tmp/repo.git"])
                try #require(copied.status == 0, "\(copied.all)")
                #expect(try await wire.inside("web-one", "mv /tmp/repo.git /srv/").status == 0)
                // git has no --connect-to: the port is the proxy's, and the Host header what it would be at exe.dev.
                let clone = """
                    port=${EXE_DEV_PROXY##*:}
                    git -c http.curloptResolve="web-one.exe.xyz:$port:127.0.0.1" -c http.extraHeader='Host: web-one.exe.xyz' \
                        -c http.sslCAInfo="$EXE_DEV_PROXY_CA" -c credential.helper="$2" clone -q "https://web-one.exe.xyz:$port/repo.git" "$1"
                    """
                wire.environment["GIT_TERMINAL_PROMPT"] = "0"
                let refused = try await run(clone, wire.folder + "/none", "")
                #expect(refused.status != 0 && refused.err.contains("could not read Username"), "\(refused.all)")
                let cloned = try await run(clone, wire.folder + "/clone", "!\(wire.programs)/exedev-ctl git-credential")
                #expect(cloned.status == 0, "\(cloned.all)")
                #expect(FileManager.default.contents(atPath: wire.folder + "/clone/file") == Data("kept\n".utf8))
            }
        }

        /// With cookies and no token, as a browser comes.
        @Test func loginAndLogout() async throws {
            try await Wire.run { wire in
                try await Self.boot(wire, "web-one")
                let (site, jar) = ("https://web-one.exe.xyz", wire.folder + "/jar")
                let browser = ["cookie=\"\(jar)\"", "cookie-jar=\"\(jar)\"", "header=\"Accept: text/html\""]
                let away = try await Self.curl(wire, site + "/page?x=1", browser)
                #expect(Self.status(away) == "302" && away.contains(": \(site)/__exe.dev/login?redirect=/page%3Fx%3D1\n"), "\(away)")
                let followed = try await Self.curl(wire, site + "/page?x=1", browser + ["location"])
                let page = try #require(followed.components(separatedBy: "\n\n").last).lowercased()
                #expect(page.hasPrefix("get /page?x=1 http/1.1|") && page.contains("|x-exedev-email: owner@example.com|"), "\(followed)")
                #expect(!page.contains("exe-proxy-session"), "the proxy's cookie is not the VM's")
                #expect(Self.status(try await Self.curl(wire, site + "/", ["cookie=\"\(jar)\""])) == "200")
                let elsewhere = try await Self.curl(wire, site + "/__exe.dev/login?redirect=//evil.example/", browser)
                #expect(elsewhere.contains(": \(site)/\n"), "\(elsewhere)")
                // A cookie that is kept longer than its session.
                let kept = try await Self.cookie(wire, site)
                #expect(Self.status(try await Self.curl(wire, site + "/", ["cookie=\"\(kept)\""])) == "200")
                #expect(Self.status(try await Self.curl(wire, site + "/__exe.dev/logout", ["cookie=\"\(kept)\""])) == "405")
                let out = try await Self.curl(wire, site + "/__exe.dev/logout", ["cookie=\"\(kept)\"", "request=\"POST\""])
                #expect(Self.status(out) == "200" && out.contains("Max-Age=0"), "\(out)")
                #expect(Self.status(try await Self.curl(wire, site + "/", ["cookie=\"\(kept)\""])) == "401")
                #expect(Self.status(try await Self.curl(wire, site + "/", browser)) == "200", "the other session goes on")
                try await Self.expectOthers(wire, site)
            }
        }

        /// Somebody else, before and after the VM is shared with them.
        private static func expectOthers(_ wire: Wire, _ site: String) async throws {
            let cookie = try await ["cookie=\"\(cookie(wire, site, "?as=ann@example.com"))\""]
            let stranger = try await curl(wire, site + "/", cookie)
            #expect(status(stranger) == "403" && stranger.contains("ann@example.com has no access"), "\(stranger)")
            #expect(try await wire.exec("exedev-ctl", ["share", "add", "web-one", "ann@example.com"]).status == 0)
            let guest = try await curl(wire, site + "/", cookie)
            #expect(status(guest) == "200" && guest.lowercased().contains("|x-exedev-email: ann@example.com|"), "\(guest)")
            #expect(status(try await curl(wire, site + ":3000/", cookie)) == "403", "the shared port alone")

            // By a link: who has come by it stays in when it goes.
            struct Link: Decodable { var token, url: String }
            let made = try await wire.exec("exedev-ctl", ["share", "add-link", "web-one", "--yes"])
            try #require(made.status == 0, "\(made.all)")
            let link = try JSONDecoder().decode(Link.self, from: Data(made.out.utf8))
            let bob = try await ["cookie=\"\(self.cookie(wire, site, "?as=bob@example.com"))\""]
            let carol = try await ["cookie=\"\(self.cookie(wire, site, "?as=carol@example.com"))\""]
            #expect(status(try await curl(wire, site + "/", bob)) == "403")
            #expect(status(try await curl(wire, link.url)) == "401", "a link is for who is logged in")
            #expect(status(try await curl(wire, link.url, bob)) == "200")
            let shown = try await wire.exec("exedev-ctl", ["share", "show", "web-one"])
            #expect(shown.out.contains("bob@example.com") && shown.out.contains(#""use_count":1"#), "\(shown.all)")
            #expect(try await wire.exec("exedev-ctl", ["share", "remove-link", "web-one", link.token]).status == 0)
            #expect(status(try await curl(wire, link.url, carol)) == "403")
            #expect(status(try await curl(wire, site + "/", bob)) == "200")
        }

        private static func cookie(_ wire: Wire, _ site: String, _ query: String = "") async throws -> String {
            let answer = try await curl(wire, site + "/__exe.dev/login" + query)
            let line = try #require(answer.split(separator: "\n").first { $0.lowercased().hasPrefix("set-cookie: ") }, "\(answer)")
            return line.dropFirst("set-cookie: ".count).split(separator: ";").first.map(String.init) ?? ""
        }
    }
}
