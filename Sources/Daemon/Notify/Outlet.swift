package import Live

/// A receiver of events, one at a time.
package protocol Outlet: Sendable {
    /// The name in the log. Never an address, which may be a secret.
    var name: String { get }
    /// Returns when the event was accepted or given up, with what to log.
    func deliver(_ announcement: Announcement) async -> Delivery
}

/// The result of a delivery.
package struct Delivery: Sendable, Hashable {
    /// Why it was given up; nil when it was accepted.
    package var failure: String?
    /// The output of the receiver.
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
