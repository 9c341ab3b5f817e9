import Shell

/// How a host joins the tailnet, beside its key.
package struct OverlayLogin: Sendable, Hashable {
    /// As `tag:web`; an OAuth client secret needs one.
    package var tags: [String]
    /// Nil: Tailscale's own control server.
    package var controlURL: String?

    package init(tags: [String] = [], controlURL: String? = nil) { (self.tags, self.controlURL) = (tags, controlURL) }
}

/// What kind of credential a text is, by the prefixes of Tailscale (tailscale.com/kb/1215, Nov 2026). A control server of one's own has others.
package enum TailscaleKey: Sendable, Hashable {
    /// `tskey-auth-…`; ends after 90 days at most.
    case authKey
    /// `tskey-client-…`, of an OAuth client; does not end.
    case clientSecret
    /// `tskey-api-…`, which joins nothing.
    case apiToken
    case other

    package init(_ text: String) {
        self =
            text.hasPrefix("tskey-auth-")
            ? .authKey : text.hasPrefix("tskey-client-") ? .clientSecret : text.hasPrefix("tskey-api-") ? .apiToken : .other
    }
}

/// Why `tailscale up` did not let a host in, when another try would end alike. The only place that reads tailscale's words, those of
/// Tailscale and of Headscale (tailscale #9715, #17047, headscale's `PAKError`; Nov 2026).
package enum OverlayRefusal: Sendable, Hashable, CaseIterable {
    /// A single-use key that let another host in.
    case keyUsed
    /// It has ended, was revoked, or never was.
    case keyUnknown
    case keyEnded
    /// Not a key that joins machines.
    case keyKind
    /// An OAuth client secret, and no tag.
    case tagsMissing
    /// The tailnet does not know the tags, or the key may not give them.
    case tagsRefused
    /// The machine waits for an administrator of the tailnet.
    case approvalNeeded

    /// The exit status of a script whose `tailscale up` failed.
    static let status: Int32 = 78

    /// Nil: something else failed, and another try may help.
    package init?(exitStatus: Int32, stderr: String) {
        guard exitStatus == Self.status else { return nil }
        let found = Self.words.first { words, _ in words.allSatisfy(stderr.contains) }
        guard let found else { return nil }
        self = found.1
    }

    private static let words: [([String], OverlayRefusal)] = [
        (["authkey already used"], .keyUsed), (["API key", "not valid"], .keyUsed), (["authkey expired"], .keyEnded),
        (["oauth authkeys require --advertise-tags"], .tagsMissing), (["requested tags", "not permitted"], .tagsRefused),
        (["cannot be used for node auth"], .keyKind), (["API key", "does not exist"], .keyUnknown),
        (["unable to validate API key"], .keyUnknown),
        (["invalid authkey"], .keyUnknown), (["invalid key"], .keyUnknown), (["AuthKey not found"], .keyUnknown),
        (["To approve your machine"], .approvalNeeded),
    ]
}
