import Foundation
import Testing

@testable import Tokens

/// The permission rules of exe.dev (facts/exedev.md §3.2).
@Suite struct PermissionTests {
    @Test(arguments: [
        (#"{"exp":1.5}"#, "exp is 1.5"), (#"{"exp":1}"#, "of the years 2000 to 2100"), (#"{"other":1}"#, "the key \"other\""),
        (#" {}"#, "white space around"), (#"{"exp":2000000000,"exp":2000000001}"#, "\"exp\" twice"), (#"{"cmds":"ls"}"#, "not a list"),
        ("[]", "not one JSON object"), (#"{"exp" : 2000000000,"\u0065xp":2000000001}"#, "\"exp\" twice"),
        (#"{"ctx":{"a":[{"b":1,"\u0062":2}]}}"#, "\"b\" twice"), (#"{"ctx":1,"ctx":1}"#, "\"ctx\" twice"), (#"{"exp":2e9}"#, "exp is 2e9"),
        (#"{"exp":2000000000.0}"#, "exp is 2000000000.0"), (#"{"exp":"2000000000"}"#, "whole seconds"), (#"{"nbf":null}"#, "nbf is null"),
        (#"{"exp":-2000000000}"#, "exp is -2000000000"), ("{\r}", "control character"), ("{\n}", "control character"), ("{}\n", "around"),
        ("{\t}", "control character"), ("{\"ctx\":\"\0\"}", "control character"), (#"{"cmds":["ls",7]}"#, "not a list of texts"),
        (#"{"exp":99999999999999999999999}"#, "exp is 9999"), ("{}{}", "not a JSON object"), ("{", "not one JSON object"), ("", "not one"),
        (#"{"cmds":["share  show"]}"#, "one blank"), (#"{"cmds":["ls -l"]}"#, "without flags"), (#"{"cmds":[""]}"#, "a command is words"),
        (#"{"exp":2000000000,}"#, "not a JSON object"), (#"{"ctx":01}"#, "not a JSON object"), (#"{"ctx":"\ud800"}"#, "not a JSON object"),
        (#"{"ctx":{"\ud800":1,"\ud800":2}}"#, "not a JSON object"), (#"{"ctx":[1,]}"#, "not a JSON object"),
        (#"{"ctx":.5}"#, "not a JSON object"), (#"{"ctx":"\x"}"#, "not a JSON object"), (#"{"ctx":nul}"#, "not a JSON object"),
        (#"{"exp":946684799}"#, "years 2000"), (#"{"nbf":4102444801}"#, "years 2000"), (#"{"exp":02000000000}"#, "not a JSON object"),
    ])
    func refuses(payload: String, because: String) {
        #expect {
            try Permissions(Data(payload.utf8))
        } throws: { "\($0)".contains(because) }
    }

    @Test(arguments: [
        #"{"exp" : 2000000000 , "nbf":1999999999}"#, #"{"ctx":{"exp":[1,{"exp":2}],"b":"\"exp\":1"},"exp":2000000000}"#,
        #"{"\u0065xp":2000000000,"ctx":[[],{},"",-1.5e3,null]}"#,
        #"{"exp":2000000000,"ctx":{"\u00e9":1,"e\u0301":2,"K":3,"\u212a":4,"\ud83d\ude00":"\/\b"}}"#, #"{"exp":2000000000}"#,
    ])
    func takes(payload: String) throws {
        #expect(try Permissions(Data(payload.utf8)).expires == 2_000_000_000)
    }

    @Test func contextIsKeptAsItIsWritten() throws {
        #expect(try Permissions(Data(#"{"ctx": {"a":[1, "}"]} ,"exp":2000000000}"#.utf8)).context == #"{"a":[1, "}"]}"#)
    }

    @Test func withoutCommandsItMayRunTheDefaultOnes() throws {
        let permissions = try Permissions(Data("{}".utf8))
        #expect(permissions.allows("new") && !permissions.allows("rm") && permissions.listed == nil)
        #expect(permissions.isValid(at: 0) && permissions.isValid(at: .max))
    }

    @Test func aCommandIsAnExactPath() throws {
        let permissions = try Permissions(Data(#"{"cmds":["ssh-key","ssh web-one","share show"]}"#.utf8))
        #expect(!permissions.allows("ssh-key list") && permissions.allows("ssh-key") && !permissions.allows("share"))
        #expect(permissions.allows("ssh", vm: "web-one") && !permissions.allows("ssh", vm: "web-two") && !permissions.allows("ssh"))
    }

    @Test func itIsValidFromNotBeforeUntilItsEnd() throws {
        let permissions = try Permissions(Data(#"{"nbf":1900000000,"exp":2000000000}"#.utf8))
        #expect([1_899_999_999, 1_900_000_000, 1_999_999_999, 2_000_000_000].map(permissions.isValid) == [false, true, true, false])
    }
}

@Suite struct SignedTokenTests {
    /// Vector made with `ssh-keygen -Y sign` from the seed 00..1f (facts/exedev.md §3.1).
    static let vector =
        "exe0.eyJleHAiOjIwMDAwMDAwMDAsImNtZHMiOlsibHMiLCJuZXciLCJybSJdfQ.U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgA6EHv_POEL4dcN0Y50vA"
        + "mWfk1jCbpQ1fHdyGZBJVMbgAAAAKdjBAZXhlLmRldgAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUxOQAAAEBYt2gfmEzKodpm85_F5n1PN1P0rU8_Jd8Y"
        + "ESsX1E2v_aqaP2wxZYG9gPKwyjMWWwW-pCRC7CdMXvMMvMQpdVML"

    @Test func readsTheVector() throws {
        let token = try SignedToken(Self.vector)
        #expect(token.permissions.commands == ["ls", "new", "rm"] && token.permissions.expires == 2_000_000_000)
        #expect(token.signature.namespace == SignedToken.lobby && token.signature.blob.count == 180)
        #expect(
            token.signature.publicLine == "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4")
        #expect(token.text == Self.vector)
    }

    @Test func theArmorIsWhatItWas() throws {
        let signature = try SignedToken(Self.vector).signature
        #expect(try SSHSignature(armored: signature.armored) == signature)
    }

    @Test(arguments: [
        ("exe1.abc", "no exe0 token"), ("exe0.e30", "damaged"), ("exe0.e30.AAAA", "no SSH signature"), ("exe0.e30=.AAAA", "damaged"),
        (String(vector.dropLast(4)), "no SSH signature"), (vector + "AAAA", "no SSH signature"),
        ("exe0." + String(repeating: "A", count: 9000), "8192"),
    ])
    func refuses(text: String, because: String) {
        #expect {
            try SignedToken(text)
        } throws: { "\($0)".contains(because) }
    }

    @Test func oneThatWouldBeTooLongIsNotMade() throws {
        let signature = try SignedToken(Self.vector).signature
        let permissions = try Permissions(Data("{\"ctx\":\"\(String(repeating: "x", count: 7000))\"}".utf8))
        #expect {
            try SignedToken(permissions, signature)
        } throws: { "\($0)".contains("shorten ctx") }
    }
}

@Suite struct JSONKeyTests {
    @Test(
        arguments: [
            (#"{"a":1,"b":{"a":2}}"#, nil), (#"{"a":1,"a":2}"#, "a"), (#"[{"x":1},{"x":2}]"#, nil), (#"[{"x":1,"y":"x:","x":2}]"#, "x"),
            (#"{"a":{"b":"}","b":1}}"#, "b"), (#"{"a\"":1,"a\"":2}"#, "a\""), ("7", nil), (#""a:b""#, nil),
        ] as [(String, String?)])
    func findsAKeyThatStandsTwice(document: String, key: String?) {
        #expect(JSONKeys.repeated(in: Data(document.utf8)) == key)
    }
}
