import Testing

@testable import CommandLine

@Suite struct KubeconfigTests {
    static func config(_ name: String, server: String = "https://100.64.0.1:6443") -> String {
        """
        apiVersion: v1
        clusters:
        - cluster:
            certificate-authority-data: QQ==
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

    @Test func fillsAnEmptyOne() throws {
        let empty = "apiVersion: v1\nclusters: []\ncontexts: null\nkind: Config\npreferences: {}\n"
        let merged = try KubeconfigMerge.merge(Self.config("demo"), into: empty, file: "f")
        #expect(merged.contains("clusters:\n- cluster:") && merged.contains("users:\n- name: demo"))
    }

    @Test(arguments: [
        "{\"kind\": \"Config\"}", "", "hello", "kind: Config\nclusters: [{name: a}]\n", "kind: Config\nclusters:\n\t- name: a\n",
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
