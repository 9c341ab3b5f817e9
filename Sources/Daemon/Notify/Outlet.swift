package import Live

/// Somebody outside who learns of transitions, one at a time.
package protocol Outlet: Sendable {
    /// What the log calls it. Never an address, which may be a secret.
    var name: String { get }
    /// Returns when it was taken or given up, with what is worth a word in the log.
    func deliver(_ announcement: Announcement) async -> Delivery
}

/// How it went.
package struct Delivery: Sendable, Hashable {
    /// Why it was given up; nil when it was taken.
    package var failure: String?
    /// What the other side printed.
    package var output = ""

    package init(failure: String?, output: String = "") {
        (self.failure, self.output) = (failure, output)
    }
}

/// The webhook of `--webhook`.
package struct WebhookOutlet: Outlet {
    private let webhook: Webhook

    package init(_ webhook: Webhook) { self.webhook = webhook }

    package var name: String { "webhook" }
    package func deliver(_ announcement: Announcement) async -> Delivery {
        Delivery(failure: await webhook.deliver(announcement.json))
    }
}

/// The program of `--hook`.
package struct HookOutlet: Outlet {
    private let hook: Hook

    package init(_ hook: Hook) { self.hook = hook }

    package var name: String { "hook" }
    package func deliver(_ announcement: Announcement) async -> Delivery {
        let variables = ["CLUSTER": announcement.cluster, "KIND": announcement.kind, "NODE": announcement.node ?? ""]
        let outcome = await hook.run(announcement.json, variables: variables)
        return Delivery(failure: outcome.failure, output: outcome.output)
    }
}
