import CLibcurl
import FoundationEssentials

/// What one `whoami`, sent once, tells of the way to exe.dev and of who we are there.
package struct Introduction: Sendable {
    package struct Key: Sendable, Decodable {
        package var name: String?
        package var fingerprint: String?
        package var publicKey: String?

        enum CodingKeys: String, CodingKey {
            case name, fingerprint
            case publicKey = "public_key"
        }
    }

    package var error: ExeDevError?
    /// Nil without an answer.
    package var status: Int?
    /// By the server's clock, in seconds since 1970, to a second.
    package var date: Double?
    package var email: String?
    /// Those of the account; nil when they were not told.
    package var keys: [Key]?
}

extension ExeDevClient {
    package func introduce() async -> Introduction {
        var introduction = Introduction()
        do throws(TransportFailure) {
            let reply = try await transport.post(Array(ExeDevCommand.whoami.line.utf8), deadline: ExeDevCommand.whoami.deadline)
            introduction.status = reply.status
            introduction.date = reply.headers["date"].flatMap(moment)
            introduction.error = Classify.status(reply, .whoami, transport.credential)
            let account = try? JSONDecoder().decode(Account.self, from: Data(reply.body))
            (introduction.email, introduction.keys) = (account?.email, account?.keys)
            if introduction.error == nil, account?.email == nil {
                introduction.error = .unreadable(verb: "whoami", "no email", mayHaveHappened: false)
            }
        } catch {
            introduction.error = Classify.transport(error, .whoami)
        }
        return introduction
    }

    /// How many VMs the account's plan allows; nil where exe.dev does not tell: the JSON of `billing plan` is undocumented, and a tag-scoped key
    /// may not ask (facts/exedev.md §1.4).
    package func planLimit() async -> Int? {
        guard let text = try? await exec(.typed(["billing", "plan"])) else { return nil }
        return (try? JSONDecoder().decode(AccountPlan.self, from: Data(text.utf8)))?.limit
    }

    /// Of a date as HTTP writes it; nil for what is none.
    private func moment(_ date: String) -> Double? {
        let seconds = curl_getdate(date, nil)
        return seconds < 0 ? nil : Double(seconds)
    }

    private struct AccountPlan: Decodable {
        var limit: Int?

        enum CodingKeys: String, CodingKey { case limit = "max_vms" }
    }

    private struct Account: Decodable {
        var email: String?
        var keys: [Introduction.Key]?

        enum CodingKeys: String, CodingKey {
            case email
            case keys = "ssh_keys"
        }
    }
}
