import Foundation

/// One parser to fuzz. `check` throws when a property is broken; a trap or an endless loop ends the run.
/// The same entries serve libFuzzer (`make fuzz`) and the seeded generator of FuzzTests.
struct FuzzEntry: Sendable {
    var name: String
    var check: @Sendable ([UInt8]) async throws -> Void

    init(_ name: String, _ check: @escaping @Sendable ([UInt8]) async throws -> Void) { (self.name, self.check) = (name, check) }

    static let all = [
        fleet, ledger, plan, exedev, token, simulatorToken, lexer, quoting, probe, cluster, nodeConfig, kubeconfig, knownHosts,
        privateKey, agent, offer, vmProxy,
    ]

    struct Broken: Error, CustomStringConvertible {
        var description: String
    }

    static func expect(_ isGood: Bool, _ what: @autoclosure () -> String) throws {
        if !isGood { throw Broken(description: what()) }
    }

    static func decoded(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

    /// `String`'s own `==` takes one spelling of é for another; a shell does not.
    static func same(_ left: [String], _ right: [String]) -> Bool { left.map { Array($0.utf8) } == right.map { Array($0.utf8) } }

    /// The parts of an input that needs several.
    static func fields(_ bytes: [UInt8], at separator: UInt8 = 0) -> [[UInt8]] {
        bytes.split(separator: separator, omittingEmptySubsequences: false).map(Array.init)
    }
}

extension FuzzEntry: CustomStringConvertible {
    var description: String { name }
}
