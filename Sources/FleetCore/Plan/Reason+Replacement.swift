import K3s

/// What is said of nodes that are dead, or made again.
extension Reason {
    var replacementText: String? {
        switch self {
        case .replacementRequested: "an operator wants it made again; its disk is lost"
        case .nodeDead(let evidence): "it is dead" + Self.words(evidence)
        case .imageDiffers(let made, let wish): "its image is \(made) instead of \(wish), so it is made again; its disk is lost"
        case .nodeDeadForGood(_, _, let evidence): "it is dead, and a restart of its VM did not help" + Self.words(evidence)
        case .massSilence(let count, let known):
            "\(count) of \(known) nodes cannot be reached at once, which says more of the way to them than of them; none is restarted or replaced"
        case .replacedLately(_, let evidence): "it is dead, and was made again less than an hour ago" + Self.words(evidence)
        case .imageChanged(_, _, let made, let wish): "its image is \(made) instead of \(wish), which only another VM can have"
        case .nodeStays(let name): "the fleet file asks for \(name), and there is no reason to replace it"
        default: nil
        }
    }

    private static func words(_ evidence: HostEvidence?) -> String {
        ": the cluster does not hear its kubelet" + (evidence.map { "; " + $0.text } ?? ", and exe.dev says that it does not run")
    }

    var replacementAdvice: String {
        switch self {
        case .nodeDeadForGood(let name, let role, _):
            "see why: ssh exe.dev vm-logs \(name); give it up with: exedev-k8s replace \(name) (its disk is lost), or let that be done with "
                + "policy.replace: \"\(role == .server ? "all" : "agents")\""
        case .massSilence: "see whether you reach them: ssh exe.dev ls; one that is dead is replaced with: exedev-k8s replace NODE"
        case .replacedLately(let name, _): "see what kills it: ssh exe.dev vm-logs \(name); then: exedev-k8s replace \(name)"
        case .imageChanged(let name, let role, _, _):
            "put it back; or make the node again, with an empty disk: exedev-k8s replace \(name), or "
                + "policy.replace: \"\(role == .server ? "all" : "agents")\" for all that differ"
        case .nodeStays(let name): "make it again with: exedev-k8s replace \(name)"
        default: ""
        }
    }
}
