import K3s

/// What is said of servers that are several.
extension Reason {
    var serverText: String? {
        switch self {
        case .entranceChanged: "the server that its configuration names to join by is another one now"
        case .datastoreChanged: "its state goes from sqlite to etcd"
        case .memberNotVoting(let word): "its member of etcd to vote" + (word.map { " (\($0))" } ?? "; k3s says nothing of one yet")
        case .entranceInUse(let names): "the configuration of \(names.joined(separator: ", ")) to name another server"
        case .serversUnsettled(let hindrance): hindrance.text
        case .ghostMembers(let names):
            "etcd has members without a node, \(names.joined(separator: ", ")), which count in its quorum"
        case .serverMemberLeft(let name): "\(name) has lost its disk, and its member is still one of etcd's: that must be removed first"
        case .quorumLost(let lost, let all):
            "the cluster has lost its quorum: of \(all) servers \(lost.joined(separator: ", ")) are gone or silent"
        default: nil
        }
    }

    var serverAdvice: String {
        switch self {
        case .serversUnsettled(let hindrance):
            hindrance.names.isEmpty ? "run again" : "mend \(hindrance.names.joined(separator: ", ")) first"
        case .ghostMembers(let names):
            "remove \(names.joined(separator: ", ")) with etcdctl member remove (docs.k3s.io/cli/etcd-snapshot names the certificates)"
        case .serverMemberLeft(let name):
            "if it is lost for good: exedev-k8s replace \(name) takes its member out and makes it again; policy.replace: \"all\" does it by itself"
        case .quorumLost:
            "bring those servers back with their disks and nothing is lost; if they are gone for good, stop k3s on all servers and restore "
                + "on one: k3s server --cluster-reset (docs.k3s.io/datastore/backup-restore)"
        default: replacementAdvice
        }
    }
}

extension ServerHindrance {
    var text: String {
        let names = names.joined(separator: ", ")
        return switch self {
        case .founding: "the cluster to be founded on \(names)"
        case .notReady: "servers are changed only while the others are ready: \(names)"
        case .learning: "servers are changed one at a time; \(names) is no voter of etcd yet"
        case .joining: "servers join one at a time; \(names) joins"
        case .leaving: "servers are changed one at a time; \(names) leaves"
        case .deleting: "servers are changed only while no node is being deleted: \(names)"
        case .changing: "servers are changed one at a time; \(names) is being changed"
        case .changed(let seconds): "servers are changed one at a time; one was \(seconds) s ago, and etcd may elect a leader"
        case .unlisted: "etcd does not list the member of \(names)"
        }
    }
}
