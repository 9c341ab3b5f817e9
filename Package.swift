// swift-tools-version: 6.2
import PackageDescription

let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// A library of the product. It imports only what stands in `on`; TidyTests holds the arrows.
func library(_ name: String, on dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: house)
}

func program(_ name: String, on dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: house)
}

func tests(_ name: String, on dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: [], swiftSettings: house)
}

func shim(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

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
        // layer 1: pure
        library("Shell"),
        library("K3s", on: ["Shell"]),
        library("FleetCore", on: ["K3s", "Shell"]),
        // layer 2: what it takes to touch the world
        library("Reconciler", on: ["FleetCore", "K3s", "Shell"]),
        library("ExeDev", on: ["CLibcurl", "Shell"]),
        library("SSH", on: ["CLibssh2", "CLibcrypto"]),
        // layer 3: the two pairs of hands
        library("Live", on: ["Reconciler", "ExeDev", "SSH", "FleetCore", "K3s", "Shell"]),
        library("Simulation", on: ["Shell"]),
        // layer 4
        library("CommandLine", on: ["Live", "Reconciler", "ExeDev", "FleetCore", "K3s", "Shell", "SSH"]),
        // layer 5
        program("exedev-k8s", on: ["CommandLine"]),
        program("exedev-ctl", on: ["CommandLine"]),
        program("exedev-sim", on: ["Simulation"]),
        // tests
        tests("ShellTests", on: ["Shell"]),
        tests("K3sTests", on: ["K3s", "Shell"]),
        tests("FleetCoreTests", on: ["FleetCore", "K3s", "Shell"]),
        tests("ReconcilerTests", on: ["Reconciler", "FleetCore", "K3s", "Shell"]),
        tests("ExeDevTests", on: ["ExeDev", "Shell"]),
        tests("SSHTests", on: ["SSH"]),
        tests("SimulationTests", on: ["Simulation", "Shell"]),
        tests("CommandLineTests", on: ["CommandLine", "FleetCore", "K3s", "Shell"]),
        tests("TidyTests", on: []),
    ],
    swiftLanguageModes: [.v6]
)
