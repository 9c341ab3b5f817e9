import FleetCore
import FoundationEssentials
import Glibc
import K3s
import Live

/// What this machine has.
extension Doctor {
    mutating func checkFleetFile() {
        let did = "read \(fleetFileName)"
        var problems: [String] = []
        do {
            fleet = try CommandContext.fleet(in: fleetFileName) { problems.append("\($0)") }
            note(
                .ok(
                    .fleetFile, did,
                    "\(fleetFileName): \(fleet!.nodes.count) nodes, cluster \(fleet!.cluster.name), k3s \(fleet!.cluster.k3s)"))
        } catch {
            note(.failed(.fleetFile, did, problems.first ?? "\(error)", advice: "exedev-k8s validate \(fleetFileName) lists every problem"))
        }
    }

    mutating func checkState() {
        guard let fleet = known(.state) else { return }
        do {
            let state = try StateDirectory(base: CommandContext.stateBase(arguments), cluster: fleet.cluster.name)
            let did = "looked at \(state.path)"
            guard let facts = state.facts() else {
                return note(.ok(.state, did, "\(state.path) is not there yet; apply makes it"))
            }
            var remarks: [String] = []
            let ledger = try state.ledger(for: fleet) { remarks.append($0) }
            if facts.mode & 0o077 != 0 {
                return note(
                    .failed(
                        .state, did, "\(state.path) is open to others (mode \(String(facts.mode, radix: 8)))",
                        advice: "chmod 700 \(state.path)"))
            }
            if !facts.isWritable {
                return note(.failed(.state, did, "\(state.path) cannot be written by this user", advice: "run as its owner"))
            }
            if let loss = state.tokenLoss() { throw loss }
            let summary =
                "\(state.path): \(ledger.nodes.count) nodes in the ledger, \(facts.freeBytes >> 20) MiB free"
                + (facts.isLocked ? ", in use by another run" : "") + (state.pause().map { "; the fleet is \($0.words)" } ?? "")
            if facts.freeBytes < 64 << 20 {
                return note(.warning(.state, did, summary, advice: "make room: a full disk stops every change"))
            }
            note(remarks.isEmpty ? .ok(.state, did, summary) : .warning(.state, did, remarks.joined(separator: "; "), advice: nil))
        } catch let error as StateError {
            note(.failed(.state, "looked at the state directory", error.message, advice: error.advice))
        } catch {
            note(.failed(.state, "looked at the state directory", "\(error)", advice: nil))
        }
    }

    mutating func checkPrograms() {
        let folders = (environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        let isOpenSSHAsked = fleet.map { $0.ssh.config != .unused } ?? false
        let wanted = ["ssh-keygen"] + (isOpenSSHAsked ? ["ssh"] : [])
        let missing = wanted.filter { name in !folders.contains { access("\($0)/\(name)", X_OK) == 0 } }
        let did = "looked for \(wanted.joined(separator: ", ")) in $PATH"
        guard missing.isEmpty else {
            let finding = "\(missing.joined(separator: ", ")) is not installed"
            let advice = "install OpenSSH's client (openssh-client)"
            return note(
                missing == ["ssh-keygen"]
                    ? .warning(.programs, did, finding, advice: advice) : .failed(.programs, did, finding, advice: advice))
        }
        note(.ok(.programs, did, "\(wanted.joined(separator: ", ")) found"))
    }
}
