import Digest
import Testing

@Suite struct DigestTests {
    /// FIPS 180-4, and a message of exactly one block.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (String(repeating: "a", count: 64), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
    ])
    func hashes(text: String, digest: String) {
        #expect(sha256Hex(text) == digest)
        #expect(hex(sha256(Array(text.utf8))) == digest)
    }

    /// RFC 4231, test cases 1, 2 and 6 (a key that is longer than a block).
    @Test(arguments: [
        ([UInt8](repeating: 0x0b, count: 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (Array("Jefe".utf8), "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
    ])
    func signs(key: [UInt8], text: String, code: String) { #expect(hex(hmacSHA256(key: key, Array(text.utf8))) == code) }

    /// RFC 2202, test case 2; an empty key and an empty message are legal.
    @Test func signsWithSHA1() {
        let message = Array("what do ya want for nothing?".utf8)
        #expect(hex(hmacSHA1(key: Array("Jefe".utf8), message)) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        #expect(hex(hmacSHA1(key: [], [])) == "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d")
    }

    @Test func writesHex() { #expect(hex([0x00, 0x0f, 0xa0, 0xff]) == "000fa0ff") }
}
