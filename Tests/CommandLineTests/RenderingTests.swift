import FleetCore
import Foundation
import K3s
import Live
import Reconciler
import Testing

@testable import CommandLine

@Suite struct RenderingTests {
    static let plan = Plan(
        cluster: "prod",
        items: [
            .init(
                node: "web-n2", pool: "web",
                decision: .act(
                    .createVM(
                        CreateVM(
                            node: "web-n2", vm: VMSpec(image: "exeuntu", cpu: 2, memory: "4GB", disk: "20GB", tags: []),
                            ownerTag: "fleet-prod")),
                    .vmMissing), then: [.prepare, .install]),
            .init(
                node: "web-n3", pool: "web",
                decision: .wait(Wait(.controlPlaneNotReady(server: "prod-cp-n1", .starting(nil)), read: .cluster, every: 1)),
                then: []),
            .init(node: "old-n1", pool: "-", decision: .blocked(.vmPaused(name: "old-n1")), then: []),
            .init(node: "web-n1", pool: "web", decision: .settled, then: []),
        ])

    @Test func rendersAPlan() {
        #expect(
            PlanText.render(Self.plan) == """
                fleet prod    1 to create · 1 waiting · 1 blocked

                + web-n2   create VM   2 cpu, 4GB, exeuntu   no VM has this name
                . web-n3   wait                              control plane prod-cp-n1 is starting: no API yet
                ! old-n1   blocked                           the VM is paused

                then, up to: prepare host → install k3s

                ! old-n1: resume it: exedev-ctl resume old-n1
                exedev-k8s doctor looks closer: hosts
                """)
    }

    @Test func saysWhenThereIsNothingToDo() {
        #expect(PlanText.render(Plan(cluster: "prod", items: [])) == "No changes. The fleet prod is as the fleet file asks.")
    }

    /// What is put off, and how it is not; who holds the fleet stands in the document.
    @Test func saysWhatIsDeferred() {
        let wait = Wait(.windowClosed(WindowOpening(at: 0, words: "Sun 2026-11-29 02:00 Europe/Berlin")))
        let plan = Plan(
            cluster: "prod", items: [.init(node: "web-n1", pool: "web", decision: .wait(wait), then: [.install])])
        #expect(
            PlanText.render(plan) == """
                fleet prod    1 waiting

                . web-n1   wait      the maintenance window, which opens Sun 2026-11-29 02:00 Europe/Berlin

                then, up to: install k3s

                1 deferred until Sun 2026-11-29 02:00 Europe/Berlin; apply --ignore-window does not wait for it
                """)
        let pause = FleetPause(by: "ada@ops", since: nil, reason: "disk swap")
        #expect(PlanDocument(plan, basis: "b", fleetText: "{}", pause: pause).paused == "paused by ada@ops: disk swap")
        #expect(pause.notice.contains("exedev-k8s resume"))
        #expect(Verb.refusal(pause, isIgnored: true) == nil && Verb.refusal(nil, isIgnored: false) == nil)
        let refusal = Verb.refusal(pause, isIgnored: false)
        #expect(refusal?.message == "the fleet is paused by ada@ops: disk swap" && refusal?.advice?.contains("resume") == true)
    }

    /// What is prepared now waits later: that is said before it is approved.
    @Test func saysWhatWillWait() {
        let opening = WindowOpening(at: 0, words: "Sun 02:00")
        let resize = ResizeVM(node: "web-n1", changes: [VMSpecChange(field: "cpu", from: "2", to: "4")])
        let plan = Plan(
            cluster: "prod",
            items: [.init(node: "web-n1", pool: "web", decision: .act(.resizeVM(resize), .sizeDiffers), then: [.evacuate, .restartVM])])
        #expect(PlanText.render(plan, opening: opening).contains("\n1 will then wait until Sun 02:00; apply --ignore-window"))
        #expect(!PlanText.render(plan).contains("Sun 02:00"))
        #expect(!PlanText.render(Self.plan, opening: opening).contains("Sun 02:00"), "what is created takes nothing from anybody")
    }

    @Test func aPlanSurvivesItsFile() throws {
        let document = PlanDocument(Self.plan, basis: "b", fleetText: "{}")
        let read = try PlanDocument.read(document.json, file: "plan.json")
        #expect(read.json == document.json)
        #expect(read.approval["web-n2"] == [.createVM, .prepare, .install])
        #expect(throws: Failure.self) { try PlanDocument.read("{}", file: "plan.json") }
        let later = document.json.replacing("\"prepare\"", with: "\"levitate\"")
        #expect(throws: Failure.self, "what is not known is not left out") { try PlanDocument.read(later, file: "plan.json") }
    }

    /// A plan that may not be applied any more says why, in a few lines.
    @Test func saysWhatMakesAPlanStale() throws {
        func document(_ items: [Plan.Item], fleetText: String = "{}") -> PlanDocument {
            PlanDocument(Plan(cluster: "prod", items: items), basis: "b", fleetText: fleetText)
        }
        let (saved, old) = (document(Self.plan.items), Self.plan.items)
        var items = [Plan.Item(node: "web-n2", pool: "web", decision: .settled, then: []), old[1], old[3]]
        items.append(.init(node: "web-n4", pool: "web", decision: .act(.removeVM(RemoveVM(node: "web-n4")), .notInFleetFile), then: []))
        #expect(
            document(items, fleetText: "{ }").causes(since: saved) == [
                "old-n1: was blocked (the VM is paused), is not in the plan any more",
                "web-n2: was create VM (2 cpu, 4GB, exeuntu), is settled",
                "web-n4: was not in the plan, is remove VM", "the fleet file was edited",
            ])
        #expect(
            document(old).causes(since: saved) == [
                "the steps are the same; the cluster or a VM behind them is another one, or its tags are"
            ])
        let edited = try PlanDocument.read(saved.json.replacing("4GB", with: #"\u001b[2J"#), file: "plan.json")
        #expect(document([]).causes(since: edited).contains { $0.contains("\\u{1b}[2J") })
        let many = document((1...9).map { .init(node: "web-n\($0)", pool: "web", decision: .settled, then: []) })
        #expect(many.differences(since: document([])).count == 7 && many.differences(since: document([])).last == "and 3 more")
    }

    @Test func pointsAKubeconfigAtTheCluster() {
        let text = "- cluster:\n    server: https://127.0.0.1:6443\n  name: default\ncurrent-context: default"
        #expect(
            Verb.rewritten(text, server: "https://100.64.0.1:6443", name: "demo")
                == "- cluster:\n    server: https://100.64.0.1:6443\n  name: demo\ncurrent-context: demo")
    }

    @Test func keepsEveryValueOfAnOption() throws {
        let arguments = try Arguments(["--user", "a", "--user=b=c"], options: [.value("user", ""), .value("out", "")])
        #expect(arguments.values("user") == ["a", "b=c"] && arguments.value("user") == "b=c" && arguments.values("out") == [])
    }

    /// A forgotten value does not swallow the next option.
    @Test func takesNoOptionForAValue() throws {
        let options: [Arguments.Option] = [.value("state", ""), .flag("json", "")]
        for words in [["--state", "--json"], ["--state", "-j"], ["--state", "--"], ["--state"]] {
            let error = #expect(throws: UsageError.self) { try Arguments(words, options: options) }
            #expect(error?.description.hasPrefix("--state needs a value") == true)
        }
        #expect(try Arguments(["--state=--json"], options: options).value("state") == "--json")
        #expect(try Arguments(["--state", "-"], options: options).value("state") == "-")
    }

    @Test(arguments: [
        (["--yes"], true), (["--yes=true"], true), (["--yes=false"], false), (["--yes", "--yes=false"], false), ([], false),
    ]) func readsAFlag(words: [String], isSet: Bool) throws {
        #expect(try Arguments(words, options: [.flag("yes", "")]).has("yes") == isSet)
    }

    @Test func namesTheOptionThatWasMeant() {
        let error = #expect(throws: UsageError.self) { try Arguments(["--jsn"], options: [.flag("json", ""), .value("out", "")]) }
        #expect(error?.description == "unknown option --jsn; did you mean --json?")
        #expect(throws: UsageError.self) { try Arguments(["--yes=maybe"], options: [.flag("yes", "")]) }
    }

    @Test func anOptionGoesBeforeAVariable() throws {
        let options = [Arguments.Option.value("transport", "")]
        #expect(try CommandContext.environment(Arguments(["--transport=ssh"], options: options))["EXE_DEV_TRANSPORT"] == "ssh")
        let error = #expect(throws: UsageError.self) {
            try CommandContext.environment(Arguments(["--transport=foo"], options: options))
        }
        #expect(error?.description == "--transport is foo: write https or ssh")
    }

    @Test func warnsOfMoreVMsThanTheUsualPlanAllows() throws {
        let text = """
            {apiVersion: "exedev-k8s/v1", cluster: {name: "demo", k3s: "v1.34.9+k3s1", servers: 1}, pools: {web: {nodes: 4}}}
            """
        let fleet = try #require(FleetFile.parse(text, file: "fleet.json").fleet)
        func vm(_ name: String) -> ObservedVM {
            let address = ObservedVM.Address(host: "h", port: nil, user: nil)
            return ObservedVM(name: name, status: .running, tags: [], address: address, createdAt: nil, url: nil)
        }
        func vms(_ count: Int) -> [ObservedVM] { (0..<count).map { vm("other-\($0)") } }
        #expect(VMQuota(of: fleet, vms(20)).warning == nil)
        #expect(
            VMQuota(of: fleet, vms(21)).warning
                == "21 VMs are there and 5 are to come: more than the 25 of the usual plan; see exedev-ctl billing plan")
        let ours = fleet.nodes.map { vm($0.name) }
        #expect(VMQuota(of: fleet, vms(21) + ours).warning == nil, "nothing is to come")
    }

    /// Every option that names a file or a folder understands `~/`, also behind a `=`, where no shell expands it.
    @Test func findsTheHomeDirectoryInEveryPath() throws {
        let options = Program.verbs.flatMap(\.options).filter { option in
            option.takesValue && ["file", "program", "live"].contains { option.meaning.contains($0) }
        }
        #expect(Set(options.map(\.name)) == ["file", "state", "token-file", "out", "webhook-file", "webhook-secret", "hook"])
        for option in options {
            let name = "--" + option.name
            for words in [["\(name)=~/a"], [name, "~/a"], [name, "b", name, "~/a"]] {
                #expect(try Arguments(words, options: [option], home: "/home/ann").value(option.name) == "/home/ann/a")
            }
        }
        #expect(try Arguments(["~/plan"], options: [], home: "/home/ann").path() == "/home/ann/plan")
        #expect(try Arguments(["--server=~/a"], options: [.value("server", "")], home: "/h").value("server") == "~/a")
    }

    @Test(arguments: [
        ("state", "/work/state"), ("./state", "/work/state"), (".", "/work"), ("/state", "/state"), ("~/state", "/home/ann/state"),
        ("~", "/home/ann"), ("~ann/state", "/work/~ann/state"),
    ]) func makesAPathAbsolute(path: String, absolute: String) {
        #expect(OperatorPath.absolute(path, in: "/work", home: "/home/ann") == absolute)
    }

    @Test func makesTheStateDirectoryAbsoluteAtOnce() throws {
        let arguments = try Arguments(["--state", "here"], options: Arguments.Option.common)
        #expect(try CommandContext.stateBase(arguments) == FileManager.default.currentDirectoryPath + "/here")
    }

    @Test func findsTheHomeDirectoryInTheEnvironment() {
        let names = ["EXE_DEV_API_KEY_FILE", "EXE_DEV_SSH_KEY", "EXE_DEV_KNOWN_HOSTS"]
        let environment = Dictionary(uniqueKeysWithValues: names.map { ($0, "~/x") }).merging(["HOME": "/h", "TS_AUTHKEY": "~/x"]) { $1 }
        let expanded = OperatorPath.expanded(in: environment)
        #expect(names.allSatisfy { expanded[$0] == "/h/x" } && expanded["TS_AUTHKEY"] == "~/x")
    }

    /// Whichever verb fails.
    @Test func anErrorComesWithWhatTheOperatorCanDo() {
        func shown(_ remedy: EffectError.Remedy) -> String { "\(Failure.shown(EffectError("no", remedy: remedy)))" }
        #expect(shown(.askOperator(advice: "make a token")) == "no\n  make a token")
        #expect(shown(.refused(.vmPaused(name: "a"))) == "no\n  " + Reason.vmPaused(name: "a").advice)
        #expect(shown(.retry(after: nil)) == "no" && "\(Failure.shown(UsageError("x")))" == "x")
    }

    @Test func refusesUnknownOptions() {
        #expect(throws: UsageError.self) { try Arguments(["--ye"], options: [.flag("yes", "")]) }
        #expect(throws: UsageError.self) { try Arguments(["--out"], options: [.value("out", "")]) }
    }
}
