/// An IPv4 network such as `10.244.0.0/16`.
package struct CIDR: Sendable, Hashable, CustomStringConvertible {
    package let address: UInt32
    /// 0 to 32.
    package let prefix: Int

    package let description: String

    private init(_ address: UInt32, _ prefix: Int) {
        (self.address, self.prefix) = (address, prefix)
        description = "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)/\(prefix)"
    }

    /// Where exe.dev puts its VMs (facts/exedev.md §6, Feb 2026); also k3s's own default for pods.
    static let exeDev = CIDR(10 << 24 | 42 << 16, 16)
    /// The addresses of a tailnet.
    static let tailnet = CIDR(100 << 24 | 64 << 16, 10)
    /// The private networks of IPv4.
    static let rfc1918 = [CIDR(10 << 24, 8), CIDR(172 << 24 | 16 << 16, 12), CIDR(192 << 24 | 168 << 16, 16)]

    /// Nil when `text` is not `a.b.c.d/n` or has bits set beyond its prefix.
    package init?(_ text: String) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, let address = Self.address(halves[0]), let prefix = Self.decimal(halves[1], upTo: 32) else { return nil }
        guard address & ~Self.mask(prefix) == 0 else { return nil }
        self.init(address, prefix)
    }

    /// The number of an IPv4 address, or nil.
    package static func address(_ text: some StringProtocol) -> UInt32? {
        let octets = text.split(separator: ".", omittingEmptySubsequences: false).map { decimal($0, upTo: 255) }
        guard octets.count == 4 else { return nil }
        return octets.reduce(UInt32?(0)) { sum, octet in
            guard let sum, let octet else { return nil }
            return sum << 8 | UInt32(octet)
        }
    }

    private static func decimal(_ text: some StringProtocol, upTo limit: Int) -> Int? {
        guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text), number <= limit
        else { return nil }
        return number
    }

    private static func mask(_ prefix: Int) -> UInt32 { prefix == 0 ? 0 : ~UInt32(0) << UInt32(32 - prefix) }

    /// Why the pods or the services of a cluster cannot have this network, in words after its name; nil when they can.
    var unfitness: String? {
        if overlaps(.exeDev) {
            return "overlaps \(CIDR.exeDev), where exe.dev's VMs sit: the VM would own its gateway's address and be cut off"
        }
        if overlaps(.tailnet) { return "overlaps \(CIDR.tailnet), where the overlay's addresses are" }
        let ranges = CIDR.rfc1918.map(\.description).joined(separator: ", ")
        return CIDR.rfc1918.contains(where: isInside) ? nil : "is not private; choose inside one of \(ranges)"
    }

    /// The same of services alone. kube-apiserver takes at most 20 bits of them; a /24 has room for what k3s itself brings.
    var unfitnessOfServices: String? { (12...24).contains(prefix) ? nil : "must have a prefix from /12 to /24" }

    func overlap(withPods pods: CIDR) -> String? { pods.overlaps(self) ? "clusterCIDR \(pods) and serviceCIDR \(self) overlap" : nil }

    package func overlaps(_ other: CIDR) -> Bool {
        let mask = Self.mask(min(prefix, other.prefix))
        return address & mask == other.address & mask
    }

    package func isInside(_ other: CIDR) -> Bool { prefix >= other.prefix && overlaps(other) }

    /// The address of that number in it, from 0.
    func host(_ number: UInt32) -> String { CIDR(address + number, 32).description.split(separator: "/").first.map(String.init) ?? "" }

    package func contains(_ address: UInt32) -> Bool { address & Self.mask(prefix) == self.address }
}
