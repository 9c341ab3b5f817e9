import Foundation
import Testing

@testable import Simulation

/// Renames, copies, pauses and figures: what they do to machines.
@Suite struct MachineCommandTests {
    private func machineNames(_ machines: PaperMachines) async -> [String: String] { await machines.hostNames }

    /// The machine keeps what it was called at first; its guest is told the new name, and the old one is free.
    @Test func aRenamedVMKeepsItsMachine() async throws {
        let machines = PaperMachines()
        let platform = platform(machines)
        _ = try await platform.say("new --name=web-one --tag=a")
        _ = try await platform.say("rename web-one web-two")
        #expect(await machines.hostNames == ["web-one": "web-two"])
        _ = try await platform.say("new --name=web-one")
        #expect(await machines.hostNames == ["web-one": "web-two", "v1": "web-one"])
        #expect(try await platform.say("ls web-two").body.contains(#""ssh_dest":"127.42.1.2""#))
        #expect(try await platform.say("rename web-one web-two") == .failure(422, #"VM name "web-two" is not available"#))
        #expect(try await platform.say("rm web-two").body == #"{"deleted":["web-two"],"failed":[]}"# + "\n")
        #expect(await machines.running == ["v1"])
        _ = try await platform.say("rename web-one web-two")
        _ = try await platform.say("rename web-two web-one")
        await platform.resume()
        #expect(await machines.hostNames == ["v1": "web-one"])
    }

    /// `rm` and `rename` may come while `new` is under way.
    @Test func aVMIsRenamedWhileItIsMade() async throws {
        let gate = Gate()
        let machines = PaperMachines(gate: gate)
        let platform = platform(machines)
        async let made = platform.say("new --name=web-one")
        while try await platform.say("ls").body == #"{"vms":[]}"# + "\n" { await Task.yield() }
        #expect(try await platform.say("rename web-one web-two").status == 200)
        await gate.open()
        #expect(try await made.body.contains(#""vm_name":"web-two""#))
        #expect(try await platform.say("ls").body.contains(#""status":"running""#))
    }

    /// The machine may come after its own removal.
    @Test func aVMIsRemovedWhileItIsMade() async throws {
        let gate = Gate()
        let machines = PaperMachines(gate: gate)
        let platform = platform(machines)
        async let made = platform.say("new --name=web-one")
        while try await platform.say("ls").body == #"{"vms":[]}"# + "\n" { await Task.yield() }
        #expect(try await platform.say("rm web-one").body.contains(#""deleted":["web-one"]"#))
        await gate.open()
        #expect(try await made == .failure(422, #"VM "web-one" not found"#))
        #expect(await machines.running.isEmpty)
    }

    @Test func keysOfAVMFollowItsName() async throws {
        let platform = platform()
        _ = try await platform.say("new --name=web-one")
        _ = try await platform.say("ssh-key add --vm=web-one 'ssh-ed25519 AAAA one'")
        _ = try await platform.say("rename web-one web-two")
        #expect(try await platform.say("ssh-key list").body.contains(#""vm":"web-two""#))
    }

    @Test func aCopyHasTheDiskAndItsOwnName() async throws {
        let machines = PaperMachines()
        let platform = platform(machines)
        _ = try await platform.say("new --name=web-one --tag=a --comment=kept --egress=integrations --memory=8GB")
        let copy = try await platform.say("cp web-one web-two")
        #expect(
            copy.body == #"{"name":"web-two","state":"starting","source":"web-one","ssh":"127.42.1.3","ssh_host":"127.42.1.3","#
                + #""https_url":"https://web-two.exe.xyz","tags":["a"],"comment":"kept","created_at":"2027-01-15T08:00:00Z","#
                + #""egress_policy":"integrations","elapsed":0.000}"# + "\n")
        #expect(await machines.copies == ["web-two": "web-one"])
        let bare = try await platform.say("cp --copy-tags=false --egress=all --cpu 4 web-one web-three")
        #expect(bare.body.contains(#""tags":[]"#) && bare.body.contains(#""egress_policy":"all""#))
        #expect(try await platform.say("ls -l web-three").body.contains(#""allocated_cpus":4"#))
        #expect(try await platform.say("cp web-one").status == 200, "exe.dev chooses a name")
        #expect(try await platform.say("cp none-one web-four") == .failure(422, #"VM "none-one" not found"#))
    }

    @Test func aResumedVMSaysWhetherItLostItsMemory() async throws {
        let machines = PaperMachines()
        let platform = platform(machines)
        _ = try await platform.say("new --name=web-one")
        for answer in ["false", "true"] {
            _ = try await platform.say("pause web-one")
            await platform.resume()
            #expect(await machines.running.isEmpty, "a paused VM stays off when the simulator starts")
            #expect(try await platform.say("resume web-one").body.contains(#""cold_booted":"\#(answer)""#))
            await machines.loseMemory()
        }
    }

    @Test func aNewVMHasNoFigures() async throws {
        let (machines, clock) = (PaperMachines(), PaperClock())
        let platform = platform(machines, clock: clock)
        _ = try await platform.say("new --name=web-one")
        let none = #"{"name":"web-one","status":"running","range":"24h","points":null}"# + "\n"
        #expect(try await platform.say("stat web-one").body == none)
        await platform.sample()
        #expect(try await platform.say("stat web-one").body == none, "its machine told nothing")
        clock.advance(100)
        await machines.uses(
            MachineUse(cpuSeconds: 50, memoryBytes: 1000, diskBytes: 2_000_000_000, receivedBytes: 12_500_000, sentBytes: 0))
        await platform.sample()
        #expect(
            try await platform.say("stat --range=24h web-one").body
                == #"{"name":"web-one","status":"running","range":"24h","points":[{"timestamp":"2027-01-15T08:01:40Z","vm_name":"web-one","#
                + #""cpu_cores":0.500,"cpu_nominal":2,"mem_used_bytes":1000,"mem_total_bytes":4294967296,"disk_size_gb":21.475,"#
                + #""disk_used_gb":2.000,"disk_logical_used_gb":2.000,"fs_used_gb":2.000,"fs_total_gb":21.475,"fs_free_gb":19.475,"#
                + #""fs_available_gb":19.475,"network_tx_mbps":0.000,"network_rx_mbps":1.000,"io_read_mbps":0,"io_write_mbps":0}]}"# + "\n")
    }

    @Test func figuresAreOfTheirRange() async throws {
        let (machines, clock) = (PaperMachines(), PaperClock())
        let platform = platform(machines, clock: clock)
        _ = try await platform.say("new --name=web-one")
        for days in [2.0, 6, 3, 0] {
            await machines.uses(
                MachineUse(cpuSeconds: clock.now - 1_799_999_000, memoryBytes: 1, diskBytes: 1, receivedBytes: 1, sentBytes: 1))
            await platform.sample()
            clock.advance(days * 86400)
        }
        func points(_ range: String) async throws -> Int {
            try await platform.say("stat web-one --range=\(range)").body.components(separatedBy: "timestamp").count - 1
        }
        #expect(try await [points("24h"), points("7d"), points("30d")] == [1, 2, 4])
        #expect(try await platform.say("stat web-one").body.contains(#""cpu_cores":1.000"#), "since the sample before")
        _ = try await platform.say("rm web-one")
        _ = try await platform.say("new --name=web-one")
        #expect(try await platform.say("stat web-one").body.contains(#""points":null"#))
    }

    /// Users with their levels, links with their tokens; all of it goes with the VM.
    @Test func whatIsSharedIsShown() async throws {
        let platform = platform()
        _ = try await platform.say("new --name=web-one")
        _ = try await platform.say("share add web-one kim@example.org --root")
        _ = try await platform.say("share add web-one kim@example.org")
        _ = try await platform.say("share add web-one lee@example.org")
        _ = try await platform.say("share add web-one team")
        _ = try await platform.say("grant-support-root web-one on")
        let link = try await platform.say("share add-link --qr web-one").body
        let token = link.components(separatedBy: "\"").dropFirst(11).first ?? ""
        #expect(
            link == #"{"status":"success","vm_name":"web-one","token":"\#(token)","url":"https://web-one.exe.xyz/?share=\#(token)"}"# + "\n"
        )
        let invited = #""status":"pending","invited_at":"2027-01-15T08:00:00Z","#
        #expect(
            try await platform.say("share show web-one").body
                == #"{"vm_name":"web-one","status":"private","port":8000,"url":"https://web-one.exe.xyz","users":["#
                + #"{"email":"kim@example.org",\#(invited)"share_level":"root"},{"email":"lee@example.org",\#(invited)"share_level":"web"}],"#
                + #""links":[{"token":"\#(token)","created_at":"2027-01-15T08:00:00Z","use_count":0,"last_used_at":null}],"#
                + #""teams":[{"team_id":"team-1","team_name":"simulated"}],"team_access":false,"team_ssh":false,"team_shelley":false,"#
                + #""support_has_root":true}"# + "\n")
        #expect(try await platform.say("share remove-link web-one \(token)").status == 200)
        #expect(try await platform.say("share show web-one").body.contains(#""links":[]"#))
        for line in ["rm web-one", "new --name=web-one"] { _ = try await platform.say(line) }
        #expect(try await platform.say("share show web-one").body.contains(#""users":[],"links":[],"teams":[]"#))
    }
}
