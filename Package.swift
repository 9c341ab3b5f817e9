// swift-tools-version: 6.2
import PackageDescription

let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// What the tests compute with for minutes is optimised in their build, too.
let optimised: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// A library of the product. It imports only what stands in `on`; TidyTests holds the arrows.
func library(_ name: String, on dependencies: [Target.Dependency] = [], _ settings: [SwiftSetting] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: house + settings)
}

func program(_ name: String, on dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: house)
}

func tests(_ name: String, on dependencies: [Target.Dependency], without files: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: files, swiftSettings: house)
}

func shim(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// The parsers under fire: a test target, or, for `scripts/fuzz`, the program that libFuzzer drives.
let fuzz: Target = {
    let parsers: [Target.Dependency] = [
        "CommandLine", "Live", "ExeDev", "FleetCore", "HTTPServer", "K3s", "SSH", "Shell", "Simulation", "Tokens",
    ]
    let files = ["Corpus", "Dictionaries"]
    guard Context.environment["EXEDEV_FUZZ"] != nil else {
        return .testTarget(
            name: "FuzzTests", dependencies: parsers + ["TestSupport"], exclude: files + ["LibFuzzer"], swiftSettings: house)
    }
    return .executableTarget(
        name: "exedev-fuzz", dependencies: parsers, path: "Tests/FuzzTests", exclude: files, sources: ["Entries", "LibFuzzer"],
        swiftSettings: house)
}()

let package = Package(
    name: "exedev-k8s",
    products: [
        .executable(name: "exedev-k8s", targets: ["exedev-k8s"]),
        .executable(name: "exedev-ctl", targets: ["exedev-ctl"]),
        .executable(name: "exedev-sim", targets: ["exedev-sim"]),
    ],
    targets: [
        // layer 0: C libraries
        shim("CLibcurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        shim("CLibssh2", pkgConfig: "libssh2", apt: "libssh2-1-dev"),
        shim("CLibcrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
        shim("CMicrohttpd", pkgConfig: "libmicrohttpd", apt: "libmicrohttpd-dev"),
        .systemLibrary(name: "CSpawn"),
        // layer 1: pure
        library("Shell", on: [], optimised),
        library("Tokens"),
        library("K3s", on: ["Shell"], optimised),
        library("FleetCore", on: ["K3s", "Shell"], optimised),
        // layer 2: what it takes to touch the world
        // Its functions stay where they are called: each change of executor and back would cost more than most of what they do.
        library(
            "Reconciler", on: ["Digest", "FleetCore", "K3s", "Shell"],
            optimised + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]),
        library("ExeDev", on: ["CLibcurl", "Files", "Shell", "Tokens"]),
        library("SSH", on: ["CLibssh2", "CLibcrypto", "Digest", "Files"]),
        library("HTTPServer", on: ["CMicrohttpd"]),
        library("Digest", on: ["CLibcrypto"]),
        library("Files"),
        library("Spawn", on: ["CSpawn"]),
        // layer 3: the two pairs of hands
        library("Live", on: ["Digest", "Files", "Reconciler", "ExeDev", "SSH", "Spawn", "FleetCore", "K3s", "Shell", "Tokens"]),
        library(
            "Simulation", on: ["Digest", "Reconciler", "FleetCore", "K3s", "HTTPServer", "Shell", "Spawn", "Tokens"], optimised),
        // layer 4
        library("Daemon", on: ["HTTPServer", "Live", "Reconciler", "FleetCore", "K3s", "Shell"]),
        library(
            "CommandLine",
            on: ["Daemon", "Digest", "Live", "Reconciler", "ExeDev", "FleetCore", "K3s", "Shell", "Spawn", "SSH", "Tokens"]),
        // layer 5
        program("exedev-k8s", on: ["CommandLine"]),
        program("exedev-ctl", on: ["CommandLine"]),
        program("exedev-sim", on: ["Simulation"]),
        // tests
        tests("ShellTests", on: ["Shell"]),
        tests("TokensTests", on: ["TestSupport", "Tokens"]),
        tests("K3sTests", on: ["K3s", "Shell"]),
        tests("DigestTests", on: ["Digest"]),
        tests("ScriptTests", on: ["Digest", "Reconciler", "FleetCore", "K3s", "Simulation", "Shell"], without: ["Releases"]),
        tests("LifecycleTests", on: ["FleetCore", "K3s"]),
        tests("FleetCoreTests", on: ["FleetCore", "K3s", "Shell"]),
        tests("ReconcilerTests", on: ["Simulation", "Reconciler", "FleetCore", "K3s", "Shell"]),
        tests("ExeDevTests", on: ["ExeDev", "HTTPServer", "Shell", "TestSupport"]),
        tests("SSHTests", on: ["ExeDev", "FleetCore", "Live", "Reconciler", "SSH", "TestSupport"]),
        tests("HTTPServerTests", on: ["HTTPServer"]),
        tests(
            "DaemonTests",
            on: [
                "Daemon", "Digest", "ExeDev", "FleetCore", "HTTPServer", "K3s", "Live", "Reconciler", "SSH", "Shell", "TestSupport",
                "Tokens",
            ]),
        tests("SimulationTests", on: ["HTTPServer", "Simulation", "Shell", "Spawn", "Tokens"]),
        tests("ConvergenceTests", on: ["Simulation", "ExeDev", "Live", "Reconciler", "FleetCore", "K3s"], without: ["Rollouts.txt"]),
        tests(
            "CommandLineTests",
            on: ["CommandLine", "Daemon", "ExeDev", "FleetCore", "K3s", "Live", "Reconciler", "Shell", "TestSupport", "Tokens"]),
        tests("WireTests", on: ["TestSupport"]),
        fuzz,
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: house),
        tests("TidyTests", on: ["TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
