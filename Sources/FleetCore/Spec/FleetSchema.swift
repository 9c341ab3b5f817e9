/// The JSON Schema (draft 2020-12) of a fleet file, for editors; the program's own checks go further.
package enum FleetSchema {
    package static let json = """
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "exedev-k8s fleet", "type": "object",
        "required": ["apiVersion", "cluster"], "additionalProperties": false, "properties": {
        "$schema": {"type": "string"}, "apiVersion": {"const": "exedev-k8s/v1"},
        "cluster": {"type": "object", "required": ["name", "k3s"], "additionalProperties": false, "properties": \(any(SpecFields.cluster))},
        "defaults": \(closed(SpecFields.shape)),
        "pools": {"type": "object", "additionalProperties": {"type": "object", "required": ["nodes"], "additionalProperties": false,
        "properties": \(any(SpecFields.pool))}},
        "limits": \(closed(SpecFields.limits)), "policy": \(closed(SpecFields.policy)), "ssh": \(closed(SpecFields.ssh))}}
        """

    private static func any(_ names: [String]) -> String { "{" + names.map { "\"\($0)\": {}" }.joined(separator: ", ") + "}" }

    private static func closed(_ names: [String]) -> String {
        "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": \(any(names))}"
    }
}
