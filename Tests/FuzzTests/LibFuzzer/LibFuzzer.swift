import Dispatch
import Glibc

/// What libFuzzer calls for each input; `FUZZ_ENTRY` names the parser. Built by `scripts/fuzz` alone.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let done = DispatchSemaphore(value: 0)
    Task.detached {
        do { try await entry.check(bytes) } catch { fatalError("\(entry.name): \(error)") }
        done.signal()
    }
    done.wait()
    return 0
}

private let entry: FuzzEntry = {
    let name = getenv("FUZZ_ENTRY").map { String(cString: $0) } ?? ""
    guard let entry = FuzzEntry.all.first(where: { $0.name == name }) else {
        fatalError("FUZZ_ENTRY is one of: \(FuzzEntry.all.map(\.name).joined(separator: " "))")
    }
    return entry
}()
