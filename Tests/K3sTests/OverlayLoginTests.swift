import K3s
import Testing

/// What is made of tailscale's words, which only `OverlayRefusal` reads.
@Suite struct OverlayLoginTests {
    @Test(arguments: [
        ("backend error: invalid key: API key kAbc not valid", OverlayRefusal.keyUsed), ("backend error: authkey already used", .keyUsed),
        ("backend error: authkey expired", .keyEnded),
        ("backend error: invalid key: API key does not exist", .keyUnknown),
        ("backend error: invalid key: unable to validate API key", .keyUnknown), ("backend error: invalid authkey", .keyUnknown),
        ("register request: key type cannot be used for node auth", .keyKind),
        ("oauth authkeys require --advertise-tags", .tagsMissing),
        ("backend error: requested tags [tag:a tag:b] are invalid or not permitted", .tagsRefused),
        ("\nTo approve your machine, visit (as admin):\n\n\thttps://login.tailscale.com/admin\n", .approvalNeeded),
    ])
    func knowsWhatNoRetryMends(words: String, refusal: OverlayRefusal) {
        #expect(OverlayRefusal(exitStatus: 78, stderr: "Some banner\n\(words)\ntailscale up failed") == refusal)
        #expect(OverlayRefusal(exitStatus: 1, stderr: words) == nil, "another command's words")
    }

    @Test(arguments: ["", "tailscale up failed", "fetch control key: Get \"https://x/key\": EOF", "the overlay has no address"])
    func leavesToARetryWhatItDoesNotKnow(words: String) { #expect(OverlayRefusal(exitStatus: 78, stderr: words) == nil) }

    @Test(arguments: [
        ("tskey-auth-k1-x", TailscaleKey.authKey), ("tskey-client-k1-x", .clientSecret), ("tskey-api-k1-x", .apiToken),
        ("hskey-auth-x", .other), ("0123abcd", .other), ("", .other),
    ])
    func knowsAKeyByItsPrefix(text: String, kind: TailscaleKey) { #expect(TailscaleKey(text) == kind) }
}
