import Shell

/// What one read-only round trip told about a host.
package typealias HostProbe = Shared<ProbeFields>

/// What a `HostProbe` holds.
package struct ProbeFields: Sendable, Hashable {
    package var hostname = ""
    /// What `systemctl is-system-running` said: `running`, `degraded`, `starting`, …
    package var systemd = ""
    /// It has not finished booting `bootDeadline` after its init began.
    package var isLate = false
    /// What systemd is still at work on while it starts, at most three units.
    package var jobs: [String] = []
    package var overlay: OverlayState = .missing
    package var binaryVersion: K3sVersion?
    package var binarySHA256: String?
    package var stagedVersion: K3sVersion?
    package var stagedSHA256: String?
    /// Of the binary that the last upgrade replaced.
    package var formerVersion: K3sVersion?
    package var hasInstaller = false
    package var server: UnitState?
    package var agent: UnitState?
    /// sha256 of the configuration file that is there, without its comments (`NodeSetup.settings`).
    package var configHash: String?
    /// The same without its taints, which count when a node first registers.
    package var settingsHash: String?
    /// Files that are not as an install wrote them.
    package var changedFiles: [String] = []
    /// Files that change k3s's arguments and that nobody here wrote.
    package var foreignFiles: [String] = []
    /// k3s runs with other files than those that are there.
    package var isOutdated = false
    package var clusterID: String?
    /// The tailnet does not trust the host's key, so that no peer talks to it (Tailnet Lock).
    package var isLockedOut = false
    /// The name of its device in the tailnet; nil where it is not known.
    package var overlayDevice: String?
    /// Nil: it works, or cannot be told.
    package var podNetwork: PodNetworkFailure?
    /// Of the newest order that the host obeyed.
    package var fence: FencingToken?
    /// k3s was stopped there for a restart of the VM, which has not come (`HostScript.flush`).
    package var isFlushed = false
    package var hasServerData = false
    package var hasAgentData = false
    /// Last words of a unit that is not well.
    package var journal: String?

    package init() {}

    /// `uptime`: the host's, in seconds.
    fileprivate mutating func note(_ key: String, _ said: String, uptime: Double?) {
        let value = OutsideText.line(said, keeping: .end)
        switch key {
        case "hostname": hostname = value
        case "systemd": systemd = value
        case "late": isLate = value == "yes"
        case "job": jobs.append(value)
        case "overlay": overlay = OverlayState(value)
        case "version": binaryVersion = Self.version(value)
        case "sha256": binarySHA256 = value
        case "staged": stagedVersion = Self.version(value)
        case "staged-sha256": stagedSHA256 = value
        case "former": formerVersion = Self.version(value)
        case "installer": hasInstaller = value == "yes"
        case "unit.k3s": server = UnitState(value, uptime: uptime)
        case "unit.k3s-agent": agent = UnitState(value, uptime: uptime)
        case "config": configHash = value
        case "settings": settingsHash = value
        case "changed": changedFiles.append(value)
        case "foreign": foreignFiles.append(value)
        case "outdated": isOutdated = value == "yes"
        case "cluster": clusterID = value
        case "overlay-lock": isLockedOut = value == "out"
        case "overlay-device": overlayDevice = value.isEmpty ? nil : value
        case "pods": podNetwork = podNetwork ?? PodNetworkFailure(value)
        case "pods-peer": podNetwork?.peers.append(.init(value))
        case "fence": fence = FencingToken(value)
        case "flushed": isFlushed = value == "yes"
        case "server-data": hasServerData = value == "yes"
        case "agent-data": hasAgentData = value == "yes"
        case "journal": noteJournal(value)
        default: break
        }
    }

    private static func version(_ words: String) -> K3sVersion? { words.split(separator: " ").compactMap { K3sVersion(String($0)) }.first }

    private mutating func noteJournal(_ line: String) {
        if journal == nil { journal = line } else { journal!.append("\n" + line) }
    }
}

extension HostProbe {
    /// Seconds since its init began after which a host is used although systemd has not finished booting.
    package static let bootDeadline = 180

    package init() { self.init(ProbeFields()) }

    /// SSH answers before systemd does (facts/exedev.md §5.1, Aug 2026).
    package var isBooted: Bool { self.systemd == "running" || self.systemd == "degraded" }

    /// The unit of this role; nil where there is none.
    package func unit(_ role: Role) -> UnitState? { role == .server ? self.server : self.agent }
    package var isInOverlay: Bool { if case .up = self.overlay { true } else { false } }

    /// Its k3s does not run, or would not start with the host, or was taken away.
    package func isHalted(_ role: Role) -> Bool {
        guard self.isBooted || self.isLate else { return false }
        return unit(role).map { $0.isStopped || !$0.enabled } ?? (self.binaryVersion == nil)
    }

    /// k3s was set up here in this role and has run.
    package func runs(_ role: Role) -> Bool {
        switch role {
        case .server: self.server?.enabled == true && self.hasServerData
        case .agent: self.agent?.enabled == true && self.hasAgentData
        }
    }

    /// Throws when the answer is cut or is not an answer of ours.
    package static func parse(_ output: String) throws(ReadingError) -> HostProbe {
        var fields = ProbeFields()
        let lines = try Sections.fields(of: output, named: "probe")
        let uptime = lines.first { $0.key == "uptime" }.flatMap { Double($0.value) }
        for (key, value) in lines { fields.note(key, value, uptime: uptime) }
        guard !fields.hostname.isEmpty else { throw ReadingError("the probe has no hostname", in: output) }
        return HostProbe(fields)
    }
}

package enum OverlayState: Sendable, Hashable {
    /// The program is not installed, or its daemon does not run.
    case missing
    case needsLogin
    case up(address: String)

    init(_ word: String) {
        switch word {
        case "missing", "": self = .missing
        case "down": self = .needsLogin
        default: self = .up(address: word)
        }
    }
}

/// A systemd unit's state as `systemctl show` gives it.
package struct UnitState: Sendable, Hashable {
    package var active: String
    package var sub: String
    package var enabled: Bool
    /// Restarts by systemd; a growing number is a crash loop.
    package var restarts: Int
    /// systemd is about to do something with it, or does.
    package var hasJob = false
    /// It is active, no job of systemd for it waits or runs (which a `Type=notify` unit's does until k3s says that it is up), and it has been so
    /// for longer than it takes k3s to end over a configuration that it does not take.
    package var isSteady = false

    /// Of a steady one.
    private static let steadySeconds = 10.0

    package init(active: String, sub: String, enabled: Bool, restarts: Int) {
        (self.active, self.sub, self.enabled, self.restarts) = (active, sub, enabled, restarts)
    }

    /// Nil for a unit that does not exist. `uptime`: the host's, in seconds.
    init?(_ fields: String, uptime: Double? = nil) {
        var values: [Substring: Substring] = [:]
        for pair in fields.split(separator: " ") {
            let halves = pair.split(separator: "=", maxSplits: 1)
            if halves.count == 2 { values[halves[0]] = halves[1] }
        }
        guard values["LoadState"] == "loaded" else { return nil }
        active = String(values["ActiveState"] ?? "unknown")
        sub = String(values["SubState"] ?? "unknown")
        enabled = values["UnitFileState"] == "enabled"
        restarts = values["NRestarts"].flatMap { Int($0) } ?? 0
        hasJob = !["", "0"].contains(values["Job"] ?? "")
        let since = values["ActiveEnterTimestampMonotonic"].flatMap { Double($0) } ?? 0
        isSteady = active == "active" && !hasJob && since > 0 && (uptime ?? 0) - since / 1_000_000 >= Self.steadySeconds
    }

    /// It does not run, and nothing is about to start it. k3s ends with 1 when it is told to stop, so systemd calls one that was stopped failed
    /// (k3s #2583).
    package var isStopped: Bool { ["inactive", "failed"].contains(active) && !hasJob }

    package var words: String { restarts > 0 ? "\(active) (\(sub)), \(restarts) restarts" : "\(active) (\(sub))" }
}

/// An answer of a host that was not understood.
package struct ReadingError: Error, Sendable, CustomStringConvertible {
    package var description: String

    /// For an answer that has secrets and must not be repeated.
    init(_ what: String) { description = what }

    init(_ what: String, in output: String) {
        description = OutsideText.line("\(what); the host said: " + OutsideText.line(output, keeping: .end, limit: 200))
    }
}

/// Answers stand between two marker lines, so that a banner before them and a cut connection after them are both observed.
enum Sections {
    static func begin(_ name: String) -> String { "=== exedev-k8s \(name) begin" }
    static func end(_ name: String) -> String { "=== exedev-k8s \(name) end" }

    static func fields(of output: String, named name: String) throws(ReadingError) -> [(key: String, value: String)] {
        let lines = output.utf8.split(separator: 10, omittingEmptySubsequences: false).map { Substring($0) }
        let (begin, end) = (begin(name), end(name))
        guard let first = lines.firstIndex(where: { $0 == begin }) else { throw ReadingError("no \(name) in the answer", in: output) }
        guard let last = lines[first...].firstIndex(where: { $0 == end }) else {
            throw ReadingError("the \(name) is cut short", in: output)
        }
        return lines[(first + 1)..<last].compactMap { line in
            guard let equals = line.firstIndex(of: "=") else { return nil }
            return (String(line[..<equals]), String(line[line.index(after: equals)...]))
        }
    }
}
