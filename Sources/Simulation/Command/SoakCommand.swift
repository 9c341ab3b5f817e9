import Foundation
import Glibc

/// `exedev-sim soak`: what a pass over a settled fleet costs, and whether the loop grows with the number of them.
enum SoakCommand {
    struct Options {
        var passes = 10_000
        var nodes = 100
    }

    /// Of resident memory, what the last nine tenths of the passes may add.
    private static let growthLimit = 1 << 20

    static func options(_ words: [String]) -> Options? {
        var options = Options()
        var rest = words[...]
        while let word = rest.popFirst() {
            guard let value = rest.popFirst().flatMap({ Int($0) }) else { return nil }
            switch word {
            case "--passes" where value >= 10: options.passes = value
            // Of the default pod network each node takes a /24, and there are 256.
            case "--nodes" where (4...250).contains(value): options.nodes = value
            default: return nil
            }
        }
        return options
    }

    static func run(_ options: Options) throws -> Int32 {
        var soak = try Soak(nodes: options.nodes)
        print("\(options.nodes) nodes stand after \(soak.effectsBefore) effects")
        let (began, early) = (cpuSeconds, options.passes / 10)
        var residentEarly = 0
        for number in 1...options.passes {
            if let wrong = soak.pass() {
                print("pass \(number) of \(options.passes): \(wrong)")
                return 1
            }
            if number == early { residentEarly = residentBytes }
        }
        let milliseconds = (cpuSeconds - began) * 1000 / Double(options.passes)
        let growth = residentBytes - residentEarly
        print("\(options.passes) passes, each 1 list of VMs, 1 reading of the cluster, 0 probes of hosts, 0 effects")
        print("and no more than 1 write of the ledger")
        print(String(format: "%.2f ms of CPU a pass, that of the simulated world among them", milliseconds))
        print(
            "resident: \(mebibytes(residentEarly)) after \(early) passes, \(mebibytes(residentEarly + growth)) after \(options.passes), "
                + "\(mebibytes(growth)) more")
        guard growth <= growthLimit else {
            print("it grows: at most \(mebibytes(growthLimit)) more were allowed")
            return 1
        }
        return 0
    }

    private static func mebibytes(_ bytes: Int) -> String { String(format: "%.2f MiB", Double(bytes) / 1_048_576) }

    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static var residentBytes: Int {
        let words = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
        return words.count > 1 ? (Int(words[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
    }
}
