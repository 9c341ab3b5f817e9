import K3s

/// The JSON Schema (draft 2020-12) of a fleet file, for editors. `SchemaTests` hold it against the decoder: what the decoder
/// accepts is valid here. The program's own checks go further, since most of them need two fields at once.
package enum FleetSchema {
    package static let json = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "exedev-k8s fleet",
          "description": "A k3s cluster on exe.dev: its control plane, its pools of agents, and how far the program may go.",
          "type": "object",
          "required": ["apiVersion", "cluster"],
          "additionalProperties": false,
          "properties": {
            "$schema": {"description": "Where an editor finds this schema.", "type": "string", "examples": ["./fleet.schema.json"]},
            "apiVersion": {"description": "The shape of this file.", "const": "\#(FleetReader.apiVersion)"},
            "cluster": \#(cluster),
            "defaults": {
              "description": "What holds for every pool that says nothing else.",
              "type": "object", "additionalProperties": false, "properties": {
                \#(shape)
              }
            },
            "pools": {
              "description": "Agents, by the name of their pool.",
              "type": "object",
              "propertyNames": {"pattern": "\#(name)", "maxLength": 63, "not": {"const": "servers"}},
              "additionalProperties": {"$ref": "#/$defs/pool", "required": ["nodes"]}
            },
            "limits": \#(limits),
            "policy": {
              "description": "What the program may do beyond creating and repairing.",
              "type": "object", "additionalProperties": false, "properties": {
                "prune": {"description": "Drain and remove VMs of this fleet that the file no longer asks for.", \#(off)},
                "drain": {
                  "description": "How the pods of a node end that is removed, as kubectl drain has it.",
                  "type": "object", "additionalProperties": false, "properties": {
                    "force": {"description": "Also end pods that nothing would start again.", \#(off)},
                    "timeout": {"description": "Seconds after which a drain that cannot end is left to you.", "type": "integer", "minimum": 20, "maximum": 86400, "default": 300},
                    "deleteEmptyDir": {"description": "Also end pods whose emptyDir volumes are lost with them.", "type": "boolean", "default": true}
                  }
                },
                "window": {
                  "description": "When nodes that serve may be restarted, drained or removed; at any time when left out. What is down is repaired at once.",
                  "examples": [{"from": "22:00", "to": "04:00"}],
                  "anyOf": [{"$ref": "#/$defs/window"}, {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/window"}}]
                },
                "replace": {
                  "description": "Which nodes are made again by themselves, with an empty disk: those that are dead although they were restarted, and those whose image the file changes.",
                  "enum": ["never", "agents", "all"], "default": "never"
                }
              }
            },
            "ssh": \#(ssh),
            "transport": {
              "description": "How exe.dev is spoken to: over HTTPS with an API token, or over SSH with a registered key and none. $EXE_DEV_TRANSPORT comes first.",
              "enum": ["https", "ssh"]
            }
          },
          "$defs": {
            "pool": \#(pool),
            "secret": \#(secret),
            "window": {
              "type": "object", "required": ["from", "to"], "additionalProperties": false, "properties": {
                "days": {
                  "description": "Days on which it opens.", "type": "array", "minItems": 1,
                  "items": {"enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
                  "default": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
                },
                "from": {"description": "When it opens.", "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["22:00"]},
                "to": {
                  "description": "When it closes; on the day after when that is not later than from.",
                  "type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", "examples": ["04:00"]
                },
                "zone": {
                  "description": "A time zone of the IANA's, which the system's tzdata knows, as Europe/Berlin.",
                  "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z][A-Za-z0-9_+-]*){0,2}$", "maxLength": 64, "default": "UTC"
                }
              }
            },
            "labelValue": {"type": "string", "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", "maxLength": 63},
            "taint": {
              "anyOf": [
                {"type": "string", "pattern": ":(NoSchedule|PreferNoSchedule|NoExecute)$"},
                {"type": "object", "required": ["key", "effect"], "additionalProperties": false, "properties": {
                  "key": {"description": "[prefix/]name.", "type": "string", "pattern": "\#(key)", "examples": ["dedicated"]},
                  "value": {"description": "May be left out.", "$ref": "#/$defs/labelValue", "default": ""},
                  "effect": {"description": "What happens to pods that do not tolerate it.", "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]}
                }}
              ]
            },
            "k3sValue": {
              "description": "See https://docs.k3s.io/cli/server and https://docs.k3s.io/cli/agent.",
              "type": ["string", "integer", "boolean", "array"], "items": {"type": "string"}
            }
          }
        }
        """#

    private static let name = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
    private static let key =
        #"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"#
    private static let release =
        #""type": "string", "pattern": "^v(\#(n))\\.(\#(n))\\.(\#(n))\\+k3s(\#(n))$", "examples": ["v1.34.9+k3s1"]"#
    private static let n = "0|[1-9][0-9]{0,5}"
    private static let size = #""type": "string", "pattern": "^[1-9][0-9]{0,5}(M|MB|G|GB)$""#
    private static let off = #""type": "boolean", "default": false"#
    private static let path = #""type": "string", "minLength": 1"#
    private static let network = #""type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$""#

    private static func words(_ items: [String]) -> String { "[" + items.map { "\"\($0)\"" }.joined(separator: ", ") + "]" }

    /// An editor offers exactly the keys that are legal for the role.
    private static func keys(_ known: [String]) -> String {
        "{" + known.sorted().map { "\"\($0)\": {\"$ref\": \"#/$defs/k3sValue\"}" }.joined(separator: ", ") + "}"
    }

    private static let cluster = #"""
        {
              "description": "What all nodes share.",
              "type": "object", "required": ["name", "k3s"], "additionalProperties": false, "properties": {
                "name": {
                  "description": "Begins the names of all VMs, which are one namespace for all customers of exe.dev; also the tag fleet-<name>.",
                  "type": "string", "pattern": "\#(name)", "maxLength": 20, "examples": ["demo"]
                },
                "k3s": {"description": "An exact release of k3s.", \#(release)},
                "upgradePath": {
                  "description": "Releases that an upgrade passes on its way to k3s, in rising order: no minor may be left out.",
                  "type": "array", "items": {\#(release)}, "default": []
                },
                "servers": {
                  "description": "The control plane: a number, or a pool. Several keep their state in etcd, and tolerate the loss of 1 of 3, 2 of 5.", "default": 1,
                  "anyOf": [{"enum": [1, 3, 5]}, {"$ref": "#/$defs/pool", "properties": {"nodes": {"enum": [1, 3, 5]}}}]
                },
                "datastore": {
                  "description": "Where servers keep the cluster's state; without it one server keeps it in sqlite. It goes from sqlite to etcd, never back.",
                  "enum": ["sqlite", "etcd"]
                },
                "clusterCIDR": {"description": "The pods' network, private, a /24 per node.", \#(network), "default": "10.244.0.0/16"},
                "serviceCIDR": {"description": "The services' network, private, /12 to /24.", \#(network), "default": "10.245.0.0/16"},
                "network": {
                  "description": "How VMs reach each other: exe.dev has no network between them.",
                  "type": "object", "additionalProperties": false, "properties": {
                    "mode": {"description": "Tailscale is the only one.", "enum": ["tailscale"], "default": "tailscale"},
                    "authKey": {
                      "description": "Where a reusable, tagged, non-ephemeral auth key or an OAuth client secret is read from; never the key itself.",
                      "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
                      "default": {"env": "TS_AUTHKEY"}, "properties": {
                        "env": {"description": "An environment variable.", "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "examples": ["TS_AUTHKEY"]},
                        "file": {"description": "A file, relative to this one.", \#(path), "examples": ["ts.key"]}
                      }
                    },
                    "tags": {
                      "description": "Tags of the machines in the tailnet, for hosts that join from now on; an OAuth client secret needs one.",
                      "type": "array", "items": {"type": "string", "pattern": "^tag:[A-Za-z][A-Za-z0-9-]*$", "maxLength": 64}, "default": []
                    },
                    "controlURL": {
                      "description": "A control server of one's own, for hosts that join from now on; else Tailscale's.",
                      "type": "string", "maxLength": 254, "examples": ["https://headscale.example"],
                      "pattern": "\#(serverURL)"
                    }
                  }
                },
                "disable": {
                  "description": "Components that k3s brings and this cluster does without.",
                  "type": "array", "items": {"enum": \#(words(K3sKeys.packaged))}, "default": []
                },
                "serverConfig": {
                  "description": "Further keys of the servers' /etc/rancher/k3s/config.yaml.",
                  "type": "object", "additionalProperties": false, "default": {}, "properties": \#(keys(K3sKeys.known(to: .server)))
                },
                "agentConfig": {
                  "description": "Further keys of the agents' /etc/rancher/k3s/config.yaml.",
                  "type": "object", "additionalProperties": false, "default": {}, "properties": \#(keys(K3sKeys.known(to: .agent)))
                },
                "registries": \#(registries)
              }
            }
        """#

    private static let registries = #"""
        {
                  "description": "Where images are pulled from, on every node: /etc/rancher/k3s/registries.yaml. A change restarts k3s.",
                  "type": "object", "additionalProperties": false, "default": {}, "properties": {
                    "mirrors": {
                      "description": "By registry, or * for all others.", "type": "object", "default": {},
                      "propertyNames": {"pattern": "^([*]|[A-Za-z0-9.-]+(:[0-9]{1,5})?)$"},
                      "additionalProperties": {"type": "object", "additionalProperties": false, "properties": {
                        "endpoints": {
                          "description": "URLs that are asked in turn before the registry itself.", "type": "array", "default": [],
                          "items": {"type": "string", "maxLength": 254, "pattern": "\#(serverURL)"}
                        },
                        "rewrites": {
                          "description": "Regular expressions on names of images, and what they become.", "type": "object", "default": {},
                          "additionalProperties": {"type": "string"}
                        }
                      }}
                    },
                    "configs": {
                      "description": "How a host that images are pulled from is entered, by its name and port.", "type": "object", "default": {},
                      "propertyNames": {"pattern": "^[A-Za-z0-9.-]+(:[0-9]{1,5})?$"},
                      "additionalProperties": {"type": "object", "additionalProperties": false, "properties": {
                        "auth": {
                          "description": "A login with its password, or a token.", "type": "object", "additionalProperties": false,
                          "properties": {
                            "username": {"description": "Goes with password.", "type": "string", "minLength": 1, "examples": ["robot"]},
                            "password": {"description": "Where it is read from.", "$ref": "#/$defs/secret"},
                            "token": {"description": "Where an identity token is read from.", "$ref": "#/$defs/secret"}
                          }
                        },
                        "tls": {
                          "description": "Certificates, as PEM.", "type": "object", "additionalProperties": false, "properties": {
                            "ca": {"description": "That vouches for the host.", "$ref": "#/$defs/secret"},
                            "cert": {"description": "Ours; goes with key.", "$ref": "#/$defs/secret"},
                            "key": {"description": "Goes with cert.", "$ref": "#/$defs/secret"},
                            "insecureSkipVerify": {"description": "The certificate is not verified.", \#(off)}
                          }
                        }
                      }}
                    }
                  }
                }
        """#

    private static let secret = #"""
        {
              "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false, "properties": {
                "env": {"description": "An environment variable.", "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "examples": ["REGISTRY_SECRET"]},
                "file": {"description": "A file, relative to this one.", \#(path), "examples": ["registry.secret"]}
              }
            }
        """#

    private static let serverURL = #"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9/._~-]*)?$"#

    /// The fields that `defaults` and pools have in common.
    private static let shape = #"""
        "image": {"description": "The VM's image.", "type": "string", "pattern": "^[!-,.-~][!-~]*$", "default": "exeuntu"},
                "cpu": {"description": "Virtual CPUs.", "type": "integer", "minimum": 1, "maximum": 512, "default": 2},
                "memory": {"description": "With its unit. k3s asks for 2GB on a server, 512MB on an agent.", \#(size), "default": "4GB"},
                "disk": {"description": "With its unit, 10GB at least.", \#(size), "default": "20GB"},
                "tags": {
                  "description": "Tags of the VMs; a pool adds to the defaults.", "type": "array", "default": [],
                  "items": {"type": "string", "pattern": "^(?!fleet-)[a-z][a-z0-9_-]*$"}
                },
                "labels": {
                  "description": "Labels of the nodes; a pool adds to the defaults.", "type": "object", "default": {},
                  "propertyNames": {"pattern": "\#(key)"}, "additionalProperties": {"$ref": "#/$defs/labelValue"}
                },
                "taints": {
                  "description": "Taints of the nodes, as key=value:Effect; a pool adds to the defaults.",
                  "type": "array", "items": {"$ref": "#/$defs/taint"}, "default": []
                },
                "isolated": {"description": "Only pods that tolerate exedev.dev/pool=<pool>:NoSchedule run here.", \#(off)}
        """#

    private static let pool = #"""
        {
              "type": "object", "additionalProperties": false, "properties": {
                "nodes": {"description": "How many.", "type": "integer", "minimum": 0, "maximum": 1000, "examples": [1]},
                "vmPrefix": {
                  "description": "Begins the VMs' names, <vmPrefix>-n1 and so on; else <cluster>-<pool>.",
                  "type": "string", "pattern": "\#(name)", "minLength": 2, "maxLength": 49, "examples": ["shop-web"]
                },
                "k3s": {"description": "An exact release, at most 3 minors behind cluster.k3s, which it is by default.", \#(release)},
                "project": {"description": "The label exedev.dev/project.", "$ref": "#/$defs/labelValue", "minLength": 1, "examples": ["shop"]},
                "task": {"description": "The label exedev.dev/task.", "$ref": "#/$defs/labelValue", "minLength": 1, "examples": ["nightly"]},
                "comment": {
                  "description": "What exe.dev's list of VMs says of each; left as it is when never said, cleared once it is said no more.",
                  "type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]([ -~]*[!-~])?$", "examples": ["shop, ask ada"]
                },
                "share": {
                  "description": "exe.dev's HTTPS proxy in front of each VM; left as it is when never said, private again once it is said no more.",
                  "type": "object", "additionalProperties": false, "properties": {
                    "port": {"description": "The port that is shown.", "type": "integer", "minimum": 1, "maximum": 65535, "examples": [8080]},
                    "public": {"description": "Without a login.", \#(off)},
                    "users": {
                      "description": "Who else may enter.", "type": "array", "default": [],
                      "items": {"type": "string", "pattern": "^[^-@ ][^@ ]*@[^@ ]+\\.[^@ ]+$", "maxLength": 254}
                    },
                    "probe": {
                      "description": "What each VM is to answer there before its node counts as settled; nothing is restarted or replaced for it.",
                      "type": "object", "required": ["path"], "additionalProperties": false, "properties": {
                        "path": {
                          "description": "A path on the shared port, with its slash.", "type": "string", "maxLength": 200,
                          "pattern": "^/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*$", "examples": ["/healthz"]
                        },
                        "status": {"description": "The status of a good answer; redirects are not followed.", "type": "integer", "minimum": 100, "maximum": 599, "default": 200}
                      }
                    }
                  }
                },
                \#(shape)
              }
            }
        """#

    private static let limits = #"""
        {
              "description": "How far the program may go.",
              "type": "object", "additionalProperties": false, "properties": {
                "maxVMs": {
                  "description": "VMs of this fleet that may exist at any instant.",
                  "type": "integer", "minimum": 1, "maximum": 1000, "default": 25
                },
                "deletionsPerPass": {"description": "VMs removed in one pass.", "type": "integer", "minimum": 0, "maximum": 1000, "default": 1},
                "hostsAtOnce": {"description": "Hosts worked on at the same time.", "type": "integer", "minimum": 1, "maximum": 1000, "default": 20},
                "connectsPerMinute": {
                  "description": "SSH connections begun in a minute; exe.dev shuts out those who hurry.",
                  "type": "integer", "minimum": 1, "maximum": 10000, "default": 60
                },
                "maxUnavailable": {
                  "description": "Nodes of a pool that may be down by our doing: a number, or a share of them, which is rounded up.", "default": 1,
                  "anyOf": [
                    {"type": "integer", "minimum": 1, "maximum": 1000}, {"type": "string", "pattern": "^([1-9][0-9]?|100)%$", "examples": ["25%"]}
                  ]
                },
                "etcdRoundTripMilliseconds": {
                  "description": "No server is joined to another one that answers more slowly: etcd would lose its leader again and again.",
                  "type": "integer", "minimum": 1, "maximum": 1000, "default": 10
                }
              }
            }
        """#

    private static let ssh = #"""
        {
              "description": "How hosts are entered.",
              "type": "object", "additionalProperties": false, "properties": {
                "keyFile": {"description": "A key registered with exe.dev, alone: a private key, or the .pub file of an ssh-agent's; else $EXE_DEV_SSH_KEY, the agent and ~/.ssh.", \#(path), "examples": ["id_ed25519"]},
                "user": {
                  "description": "The login name; else what exe.dev says, or exedev.",
                  "type": "string", "pattern": "^[a-z_][a-z0-9_-]*$", "maxLength": 32, "examples": ["exedev"]
                },
                "config": {
                  "description": "OpenSSH's configuration (ssh -G HOST) gives IdentityFile, User, ProxyJump, UserKnownHostsFile, HostKeyAlias where this file does not; ProxyCommand is refused. Or the file with it.",
                  "type": ["boolean", "string"], "minLength": 1, "default": false, "examples": ["ssh_config"]
                },
                "hostKeys": {
                  "description": "How a host proves who it is. Every VM of an account shows the key of exe.dev's SSH proxy.", "default": "standard",
                  "anyOf": [
                    {"enum": ["standard", "trust-on-first-use"]},
                    {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^SHA256:[A-Za-z0-9+/]{43}$"}},
                    {"type": "object", "required": ["knownHosts"], "additionalProperties": false, "properties": {
                      "knownHosts": {"description": "A file in the form of ~/.ssh/known_hosts.", \#(path), "examples": ["known_hosts"]}
                    }}
                  ]
                }
              }
            }
        """#
}
