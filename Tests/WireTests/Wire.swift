import Foundation
import TestSupport
import Testing

/// One simulator and the installed programs. Whatever the test does, the simulator is taken down when `Wire.run` returns; the folder
/// of all of them is swept by `scripts/run-tests`, in case the test program itself dies.
struct Wire: Sendable {
    let folder: String
    let programs: String
    var environment: [String: String]

    var sim: String { folder + "/sim" }
    var state: String { folder + "/state" }
    var fleetFile: String { folder + "/fleet.json" }

    private init(folder: String, programs: String, environment: [String: String]) {
        (self.folder, self.programs, self.environment) = (folder, programs, environment)
    }

    static func run(_ body: (inout Wire) async throws -> Void) async throws {
        let inherited = ProcessInfo.processInfo.environment
        let programs = try #require(inherited["EXEDEV_BIN"], "EXEDEV_BIN names the folder of the built programs: run make test")
        let base = inherited["EXEDEV_WIRE"] ?? NSTemporaryDirectory()
        let folder = base + "/wire-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var wire = Wire(
            folder: folder, programs: programs, environment: ["PATH": inherited["PATH"] ?? "/usr/sbin:/usr/bin", "HOME": folder])
        do {
            try await wire.up()
            try await body(&wire)
        } catch {
            await wire.down()
            throw error
        }
        await wire.down()
        #expect(wire.leftovers == [], "the simulator left something behind")
        try? FileManager.default.removeItem(atPath: folder)
    }

    mutating func up() async throws {
        let up = try await exec("exedev-sim", ["up", "--state", sim])
        try #require(up.status == 0, "\(up.all)")
        for line in try await exec("exedev-sim", ["env", "--state", sim]).out.split(separator: "\n") {
            let pair = line.dropFirst("export ".count).split(separator: "=", maxSplits: 1).map(String.init)
            environment[pair[0]] = pair[1].trimmingCharacters(in: CharacterSet(charactersIn: "'"))
        }
    }

    /// Kills the simulator; its machines keep running. It is gone when this returns.
    func killSimulator() async throws {
        let text = try String(contentsOfFile: sim + "/serve.pid", encoding: .utf8)
        let process = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        kill(process, SIGKILL)
        let isGone = await eventually {
            guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return true }
            return stat.contains(") Z ")
        }
        try #require(isGone)
    }

    private func down() async { _ = try? await exec("exedev-sim", ["down", "--state", sim]) }

    /// The mounts, network namespaces, cgroups and supervisors of this simulator only.
    var leftovers: [String] {
        let mounts = (try? String(contentsOfFile: "/proc/mounts", encoding: .utf8)) ?? ""
        return mounts.split(separator: "\n").filter { $0.contains(folder) }.map(String.init) + named(in: "/run/netns") + cgroups
            + supervised
    }

    /// Of its machines, by their names in the kernel.
    var cgroups: Set<String> {
        Set(["unified", "systemd", "memory", "pids"].flatMap { named(in: "/sys/fs/cgroup/\($0)") })
    }

    /// The machines that a supervisor keeps.
    var supervised: [String] {
        let files = FileManager.default
        return ((try? files.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { process in
            let words = (files.contents(atPath: "/proc/\(process)/cmdline") ?? Data()).split(separator: 0).map {
                String(decoding: $0, as: UTF8.self)
            }
            return words.count > 4 && words[1] == sim + "/machine.sh" && words[2] == "supervise" ? words[4] : nil
        }.sorted()
    }

    private func named(in directory: String) -> [String] {
        // Every name of the simulator contains FNV-1a of the state's path.
        let hash = sim.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let prefix = "xs" + String(hash, radix: 16).suffix(6) + "-"
        return ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).filter { $0.hasPrefix(prefix) }
    }

    // MARK: programs

    func start(_ program: String, _ arguments: [String], input: String? = nil) throws -> ChildProcess {
        try ChildProcess(["\(programs)/\(program)"] + arguments, environment: environment, folder: folder, input: input)
    }

    func exec(_ program: String, _ arguments: [String], input: String? = nil) async throws -> ChildProcess.Ended {
        try await start(program, arguments, input: input).ended()
    }

    private func common(_ arguments: [String]) -> [String] { arguments + ["--file", fleetFile, "--state", state] }

    func k8s(_ arguments: String...) async throws -> ChildProcess.Ended { try await k8s(arguments) }
    func k8s(_ arguments: [String]) async throws -> ChildProcess.Ended { try await exec("exedev-k8s", common(arguments)) }

    func startK8s(_ arguments: String...) throws -> ChildProcess { try startK8s(arguments) }
    func startK8s(_ arguments: [String]) throws -> ChildProcess { try start("exedev-k8s", common(arguments)) }

    /// One command of exe.dev, as an operator would send it.
    @discardableResult
    func ctl(_ command: String) async throws -> ChildProcess.Ended { try await exec("exedev-ctl", ["exec", command]) }

    // MARK: the fleet file and what the simulator knows

    /// A small fleet: one server and `pools`, each the inside of a pool's braces.
    func write(pools: [String: String], policy: String = "prune: true", servers: Int = 1, k3s: String = "v1.34.9+k3s1", more: String = "")
        throws
    {
        let text = """
            {
              apiVersion: "exedev-k8s/v1",
              cluster: {
                name: "wire", k3s: "\(k3s)", servers: \(servers),
                network: { mode: "tailscale", authKey: { env: "TS_AUTHKEY" } },
              },
              pools: { \(pools.keys.sorted().map { "\($0): { \(pools[$0]!) }" }.joined(separator: ", ")) },
              policy: { \(policy) },
              \(more)
            }
            """
        try text.write(toFile: fleetFile, atomically: true, encoding: .utf8)
    }

    struct SimulatedVM: Decodable {
        var name: String
        var tags: [String]
        var port: Int
        var isPublic: Bool
        var joinedTailnet: Bool
        var index: Int
    }

    private struct Table: Decodable {
        var vms: [SimulatedVM]
        var devices: [String: Int]
    }

    /// The devices of the tailnet.
    func devices() throws -> [String] {
        let data = try #require(FileManager.default.contents(atPath: sim + "/state.json"))
        return try JSONDecoder().decode(Table.self, from: data).devices.keys.sorted()
    }

    func vms() throws -> [String: SimulatedVM] {
        guard let data = FileManager.default.contents(atPath: sim + "/state.json") else { return [:] }
        return Dictionary(uniqueKeysWithValues: try JSONDecoder().decode(Table.self, from: data).vms.map { ($0.name, $0) })
    }

    /// The commands so far, each after its status: `200 new --name=…`.
    func requests() -> [String] {
        let text = (try? String(contentsOfFile: sim + "/requests.log", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { line in line.split(separator: " ").dropFirst().joined(separator: " ") }
    }

    /// Every `new` that was refused because its name was taken, with the commands before it.
    var refusedCreations: [String] {
        let all = requests()
        return all.indices.filter { all[$0].hasPrefix("422 new") }.map { all[max(0, $0 - 15)...$0].joined(separator: "\n") }
    }

    func set(faults: String) throws {
        try faults.write(toFile: sim + "/faults.json", atomically: true, encoding: .utf8)
    }

    /// Runs a command as root inside a VM, through the relay as the product does.
    func inside(_ vm: String, _ script: String) async throws -> ChildProcess.Ended {
        let words = try ssh([], to: vm) + ["sudo sh -eu -s"]
        return try await ChildProcess(words, environment: environment, folder: folder, input: script).ended()
    }

    /// The begin of a command line.
    func ssh(_ options: [String], to vm: String) throws -> [String] {
        let index = try #require(try vms()[vm]).index
        return [
            "ssh", "-q", "-F", "none", "-i", environment["EXE_DEV_SSH_KEY"]!, "-p", environment["EXE_DEV_SSH_PORT"]!, "-o", "BatchMode=yes",
            "-o", "UserKnownHostsFile=" + sim + "/known_hosts", "-o", "HostKeyAlias=exe.dev",
        ] + options + ["exedev@127.42.\(index / 250 + 1).\(index % 250 + 2)"]
    }

    func kubectl(_ arguments: String, on server: String = "wire-cp-n1") async throws -> String {
        let ended = try await inside(server, "k3s kubectl \(arguments)")
        #expect(ended.status == 0, "\(ended.all)")
        return ended.out.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
