import CLibcrypto

/// The SHA-256 digest of `bytes`: 32 bytes.
package func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    let isDone = EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil) == 1
    precondition(isDone, "libcrypto computes no SHA-256")
    return digest
}

/// The SHA-256 digest of the UTF-8 bytes of `text`, as lower-case hex.
package func sha256Hex(_ text: String) -> String { hex(sha256(Array(text.utf8))) }

/// The HMAC-SHA256 (RFC 2104) of `message` under `key`: 32 bytes.
package func hmacSHA256(key: [UInt8], _ message: [UInt8]) -> [UInt8] { hmac(EVP_sha256(), key, message) }

/// The HMAC-SHA1 of `message` under `key`: 20 bytes. Only for formats that prescribe it, such as hashed names in known_hosts.
package func hmacSHA1(key: [UInt8], _ message: [UInt8]) -> [UInt8] { hmac(EVP_sha1(), key, message) }

/// Two lower-case hex digits a byte.
package func hex(_ bytes: [UInt8]) -> String {
    func digit(_ value: UInt8) -> UInt8 { value + (value < 10 ? 48 : 87) }
    return String(decoding: bytes.flatMap { [digit($0 >> 4), digit($0 & 15)] }, as: UTF8.self)
}

private func hmac(_ algorithm: OpaquePointer?, _ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    let isDone = HMAC(algorithm, key, Int32(key.count), message, message.count, &code, &length) != nil
    precondition(isDone, "libcrypto computes no HMAC")
    return Array(code[..<Int(length)])
}
