/// What is said of the sizes of VMs.
extension Reason {
    var sizeText: String? {
        switch self {
        case .sizeDiffers: "its VM has another size"
        case .sizeAwaitsRestart: "its new size counts from its VM's next restart on"
        case .sizeUnconfirmed: "exe.dev's list to show its size: one may be old"
        case .diskNotShrinkable(let change): "its disk is \(change.from) instead of \(change.to), and disks only grow"
        case .diskAwaitsApproval(let change, let approval): "exe.dev has to approve its disk of \(change.to)" + approval.words
        case .resizeIneffective(let changes):
            "it was resized, and exe.dev still tells "
                + changes.map { "\($0.field) \($0.from) instead of \($0.to)" }.joined(separator: ", ")
        default: nil
        }
    }

    var sizeAdvice: String {
        switch self {
        case .diskNotShrinkable(let change): "put disk back to \(change.from)"
        case .diskAwaitsApproval: "exe.dev answers the request by itself; it is settled once the list shows the disk, or put disk back"
        case .resizeIneffective: "see what it is: exedev-ctl ls -l; resize and restart it by hand, or put back what it has"
        default: ""
        }
    }
}

extension DiskApproval {
    fileprivate var words: String {
        let limit = selfServeBytes.map { "; without asking it may have \(VMSpec.rounded($0))" } ?? ""
        return (reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))") + limit
    }
}
