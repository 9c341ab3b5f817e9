import Foundation
import K3s
import Testing

@testable import FleetCore

/// Holds the schema and the decoder together, in both directions.
@Suite struct SchemaTests {
    let schema: JSONSchema

    init() throws { schema = JSONSchema(try JSON(parsing: FleetSchema.json)) }

    static let example = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../fleet.example.json")

    @Test func isStrictJSON() throws {
        let parsed = try JSONSerialization.jsonObject(with: Data(FleetSchema.json.utf8)) as? [String: Any]
        #expect(parsed?["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
    }

    @Test func hasExactlyTheFieldsOfTheTable() {
        let tables: [(place: String, fields: [String])] = [
            ("", SpecFields.root), ("cluster", SpecFields.cluster), ("cluster.network", SpecFields.network),
            ("cluster.network.authKey", SpecFields.authKey), ("cluster.serverConfig", K3sKeys.known(to: .server)),
            ("cluster.agentConfig", K3sKeys.known(to: .agent)), ("cluster.servers", SpecFields.pool), ("defaults", SpecFields.shape),
            ("defaults.taints[0]", SpecFields.taint), ("pools.web", SpecFields.pool), ("pools.web.share", SpecFields.share),
            ("pools.web.share.probe", SpecFields.probe),
            ("cluster.registries", SpecFields.registries), ("cluster.registries.mirrors.web", SpecFields.mirror),
            ("cluster.registries.configs.web", SpecFields.registryConfig),
            ("cluster.registries.configs.web.auth", SpecFields.registryAuth),
            ("cluster.registries.configs.web.tls", SpecFields.registryTLS),
            ("cluster.registries.configs.web.tls.key", SpecFields.authKey),
            ("limits", SpecFields.limits), ("policy", SpecFields.policy), ("ssh", SpecFields.ssh),
            ("ssh.hostKeys", SpecFields.knownHosts),
        ]
        let paths = Set(schema.fields().map(\.path))
        for (place, fields) in tables {
            let prefix = place.isEmpty ? "" : place + "."
            let have = paths.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
            let direct = have.filter { !$0.contains(".") && !$0.contains("[") }
            #expect(direct.sorted() == fields.sorted(), "\(place)")
        }
        let deepest = paths.filter { path in !tables.contains { path.hasPrefix($0.place.isEmpty ? path : $0.place) } }
        #expect(deepest == [])
    }

    @Test func everyFieldIsDescribedAndShown() {
        for field in schema.fields() {
            #expect(field.schema["description"]?.text?.isEmpty == false, "\(field)")
            let isSection = field.schema["properties"] != nil || field.path == "pools"
            let isPassedThrough = field.path.contains("Config.")
            #expect(isSection || isPassedThrough || !field.shown.isEmpty, "\(field) shows no value")
        }
    }

    @Test func everyObjectIsClosed() {
        for field in schema.fields() where field.schema["properties"] != nil {
            #expect(field.schema["additionalProperties"] == .bool(false), "\(field)")
        }
    }

    @Test func theExampleIsValid() throws {
        let text = try String(contentsOf: Self.example, encoding: .utf8)
        #expect(FleetFile.parse(text, file: "f").diagnostics == [])
        #expect(schema.accepts(try JSON(parsing: text)))
        #expect(schema.unknown == [])
    }

    @Test func theDecoderTakesWhatTheSchemaShows() {
        for field in schema.fields() {
            for value in field.shown {
                let document = schema.document(field.steps, value)
                #expect(schema.accepts(document), "\(document)")
                #expect(errors(document, at: field.path) == [], "\(document)")
            }
        }
    }

    static let probes: [JSON] = [
        .null, .bool(true), .integer(7), .integer(-1), .double(1.5), .string(""), .string("x y"), .array([]), .object([:]),
        .array([.integer(7)]), .array([.string("x y")]), .object(["x y": .integer(7)]),
    ]

    @Test func theDecoderRefusesWhatTheSchemaRefuses() {
        for field in schema.fields() {
            let edges = [field.schema["minimum"]?.number.map { $0 - 1 }, field.schema["maximum"]?.number.map { $0 + 1 }]
            for value in Self.probes + edges.compactMap({ $0.map(JSON.integer) }) where !schema.accepts(value, field.schema) {
                let document = schema.document(field.steps, value)
                #expect(errors(document, at: field.tellingPath) != [], "\(document)")
            }
        }
    }

    @Test func theSchemaRefusesNoFileThatTheDecoderTakes() throws {
        let rows = PoolTableTests.all + SpecTableTests.all
        var good = 0
        for row in rows {
            guard FleetFile.parse(row.text, file: "f").fleet != nil else { continue }
            good += 1
            #expect(schema.accepts(try JSON(parsing: row.text)), "\(row.name)")
        }
        #expect(good > 5)
    }

    @Test func theDefaultsAreTheDecoders() {
        for field in schema.fields() {
            guard let value = field.schema["default"] else { continue }
            let with = FleetFile.parse("\(schema.document(field.steps, value))", file: "f").fleet
            let without = FleetFile.parse("\(schema.document(field.steps, nil))", file: "f").fleet
            #expect(with != nil && with == without, "\(field)")
        }
    }

    @Test func theKeysOfK3sStandInOneTable() {
        let tables = K3sKeys.anyRole + K3sKeys.agentOnly + K3sKeys.serverOnly + K3sKeys.owned.keys
        #expect(Set(tables).count == tables.count)
    }

    private func errors(_ document: JSON, at path: String) -> [String] {
        let told = FleetFile.parse("\(document)", file: "f").diagnostics
        return told.filter { $0.severity == .error && $0.path.hasPrefix(path) }.map(\.description)
    }
}
