import Testing

@testable import CommandLine

@Suite struct KubeconfigTests {
    static func config(_ name: String, server: String = "https://100.64.0.1:6443", authority: String = "QQ==") -> String {
        """
        apiVersion: v1
        clusters:
        - cluster:
            certificate-authority-data: \(authority)
            server: \(server)
          name: \(name)
        contexts:
        - context:
            cluster: \(name)
            user: \(name)
          name: \(name)
        current-context: \(name)
        kind: Config
        preferences: {}
        users:
        - name: \(name)
          user:
            client-key-data: QQ==

        """
    }

    @Test func bringsAClusterIn() throws {
        let merged = try KubeconfigMerge.merge(Self.config("demo"), into: Self.config("work"), file: "f")
        #expect(
            merged == """
                apiVersion: v1
                clusters:
                - cluster:
                    certificate-authority-data: QQ==
                    server: https://100.64.0.1:6443
                  name: work
                - cluster:
                    certificate-authority-data: QQ==
                    server: https://100.64.0.1:6443
                  name: demo
                contexts:
                - context:
                    cluster: work
                    user: work
                  name: work
                - context:
                    cluster: demo
                    user: demo
                  name: demo
                current-context: work
                kind: Config
                preferences: {}
                users:
                - name: work
                  user:
                    client-key-data: QQ==
                - name: demo
                  user:
                    client-key-data: QQ==

                """)
    }

    @Test func replacesTheClustersOwnEntriesAlone() throws {
        let two = try KubeconfigMerge.merge(Self.config("demo"), into: Self.config("work"), file: "f")
        let moved = try KubeconfigMerge.merge(Self.config("demo", server: "https://other:6443"), into: two, file: "f")
        #expect(moved == two.replacing("https://100.64.0.1:6443\n  name: demo", with: "https://other:6443\n  name: demo"))
        #expect(try KubeconfigMerge.merge(Self.config("demo"), into: two, file: "f") == two)
    }

    @Test func keepsTheFilesOwnIndent() throws {
        let indented = Self.config("work").replacing("\n- ", with: "\n  - ").replacing("\n    ", with: "\n      ").replacing(
            "\n  name", with: "\n    name"
        ).replacing("\n  user", with: "\n    user")
        let merged = try KubeconfigMerge.merge(Self.config("demo"), into: indented, file: "f")
        #expect(
            merged.contains(
                "\n  - cluster:\n      certificate-authority-data: QQ==\n      server: https://100.64.0.1:6443\n    name: demo\n"))
    }

    @Test func leavesAForeignEntryOfTheSameNameAlone() throws {
        let foreign = Self.config("demo").replacing(
            "    client-key-data: QQ==\n", with: "    exec:\n      args:\n      - token\n      command: aws\n")
        #expect(throws: Failure.self) { try KubeconfigMerge.merge(Self.config("demo"), into: foreign, file: "f") }
        let other = foreign.replacing("demo", with: "work")
        let merged = try KubeconfigMerge.merge(Self.config("demo"), into: other, file: "f")
        #expect(merged.contains("    exec:\n      args:\n      - token\n      command: aws\n- name: demo\n"))
    }

    /// Two clusters may have one name; their certificate authorities differ.
    @Test(arguments: ["all", "clusters", "contexts", "users"]) func neverOverwritesAnotherCluster(section: String) throws {
        var theirs = Self.config("demo", authority: "Qg==")
        for other in ["clusters", "contexts", "users"] where section != "all" && other != section {
            theirs = theirs.replacing(/(?m)^\w+:\n(?:- .*\n(?: .*\n)*)/) { match in
                match.output.hasPrefix(other) ? "\(other): []\n" : String(match.output)
            }
        }
        let error = #expect(throws: Failure.self) { try KubeconfigMerge.merge(Self.config("demo"), into: theirs, file: "f") }
        #expect(error?.message.contains("demo under \(section == "all" ? "clusters" : section)") == true)
        #expect(error?.advice?.contains("--context") == true)
        let renamed = try KubeconfigMerge.merge(Self.config("demo2"), into: theirs, file: "f")
        #expect(renamed.contains("name: demo\n") && renamed.contains("name: demo2\n"))
    }

    @Test(arguments: ["", "  "]) func keepsTheNamespaceOfTheContext(indent: String) throws {
        let chosen = Self.config("demo").replacing("    cluster: demo\n", with: "    cluster: demo\n    namespace: shop\n").replacing(
            /(?m)^([- ])/
        ) { indent + $0.output.1 }
        let merged = try KubeconfigMerge.merge(Self.config("demo", server: "https://other:6443"), into: chosen, file: "f")
        #expect(merged == chosen.replacing("https://100.64.0.1:6443", with: "https://other:6443"))
    }

    @Test(arguments: ["", "\n", " \n\n"]) func fillsAFileWithNothingInIt(text: String) throws {
        #expect(try KubeconfigMerge.merge(Self.config("demo"), into: text, file: "f") == Self.config("demo"))
    }

    @Test func fillsAnEmptyOne() throws {
        let empty = "apiVersion: v1\nclusters: []\ncontexts: null\nkind: Config\npreferences: {}\n"
        let merged = try KubeconfigMerge.merge(Self.config("demo"), into: empty, file: "f")
        #expect(merged.contains("clusters:\n- cluster:") && merged.contains("users:\n- name: demo"))
    }

    @Test(arguments: [
        "{\"kind\": \"Config\"}", "hello", "kind: Config\nclusters: [{name: a}]\n", "kind: Config\nclusters:\n\t- name: a\n",
    ])
    func refusesWhatItDoesNotUnderstand(text: String) {
        #expect(throws: Failure.self) { try KubeconfigMerge.merge(Self.config("demo"), into: text, file: "f") }
    }

    @Test func pointsAtTheOverlay() {
        let text = KubeconfigTests.config("default", server: "https://127.0.0.1:6443")
        #expect(
            Verb.rewritten(text, server: "https://100.64.0.9:6443", name: "demo") == Self.config("demo", server: "https://100.64.0.9:6443"))
    }
}
