/// In the file a record is an object with `state` and exactly the fields of that state.
extension NodeRecord: Codable {
    private enum State: String, Codable { case requested, present, leaving, gone }

    private enum Key: String, CodingKey { case state, sentAt, missingSince, spec, previous, stage, createdAt, removedAt }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        switch try fields.decode(State.self, forKey: .state) {
        case .requested:
            var request = VMRequest(sentAt: try fields.decode(Double.self, forKey: .sentAt))
            request.missingSince = try fields.decodeIfPresent(Double.self, forKey: .missingSince)
            request.spec = try fields.decodeIfPresent(VMSpec.self, forKey: .spec)
            request.previous = try fields.decodeIfPresent(NodeRecord.self, forKey: .previous)
            self = .requested(request)
        case .present: self = .present(try Instance(from: decoder))
        case .leaving: self = .leaving(try Instance(from: decoder), try fields.decode(LeaveStage.self, forKey: .stage))
        case .gone:
            self = .gone(
                RemovedInstance(
                    createdAt: try fields.decodeIfPresent(String.self, forKey: .createdAt),
                    removedAt: try fields.decode(Double.self, forKey: .removedAt)))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        switch self {
        case .requested(let request):
            try fields.encode(State.requested, forKey: .state)
            try fields.encode(request.sentAt, forKey: .sentAt)
            try fields.encodeIfPresent(request.missingSince, forKey: .missingSince)
            try fields.encodeIfPresent(request.spec, forKey: .spec)
            try fields.encodeIfPresent(request.previous, forKey: .previous)
        case .present(let instance):
            try fields.encode(State.present, forKey: .state)
            try instance.encode(to: encoder)
        case .leaving(let instance, let stage):
            try fields.encode(State.leaving, forKey: .state)
            try fields.encode(stage, forKey: .stage)
            try instance.encode(to: encoder)
        case .gone(let gone):
            try fields.encode(State.gone, forKey: .state)
            try fields.encodeIfPresent(gone.createdAt, forKey: .createdAt)
            try fields.encode(gone.removedAt, forKey: .removedAt)
        }
    }
}

extension Instance: Codable {
    private enum Key: String, CodingKey {
        case createdAt, previousCreatedAt, spec, hasStaleIdentity, missingSince, startedAt, isRestarting, poweredOnAt, restartedAt
        case commandSentAt, drain, configuration, isServer, entrance, share, grants, maintenance, failedUpgrade, resize, otherSizeSince,
            listedSize
    }

    /// Stands in the file for a configuration whose install has no known outcome.
    private static let unknown = "unknown"

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        createdAt = try fields.decodeIfPresent(String.self, forKey: .createdAt)
        previousCreatedAt = try fields.decodeIfPresent(String.self, forKey: .previousCreatedAt)
        spec = try fields.decodeIfPresent(VMSpec.self, forKey: .spec)
        hasStaleIdentity = try fields.decodeIfPresent(Bool.self, forKey: .hasStaleIdentity) ?? false
        missingSince = try fields.decodeIfPresent(Double.self, forKey: .missingSince)
        startedAt = try fields.decodeIfPresent(Double.self, forKey: .startedAt)
        isRestarting = try fields.decodeIfPresent(Bool.self, forKey: .isRestarting) ?? false
        poweredOnAt = try fields.decodeIfPresent(Double.self, forKey: .poweredOnAt)
        restartedAt = try fields.decodeIfPresent(Double.self, forKey: .restartedAt)
        commandSentAt = try fields.decodeIfPresent(Double.self, forKey: .commandSentAt)
        drain = try fields.decodeIfPresent(DrainProgress.self, forKey: .drain)
        maintenance = try fields.decodeIfPresent(Maintenance.self, forKey: .maintenance)
        failedUpgrade = try fields.decodeIfPresent(FailedUpgrade.self, forKey: .failedUpgrade)
        resize = try fields.decodeIfPresent(ResizeRecord.self, forKey: .resize)
        otherSizeSince = try fields.decodeIfPresent(Double.self, forKey: .otherSizeSince)
        listedSize = try fields.decodeIfPresent(VMFields.Size.self, forKey: .listedSize)
        if let word = try fields.decodeIfPresent(String.self, forKey: .configuration) {
            configuration = word == Self.unknown ? .unknown : .digest(word)
        }
        isServer = try fields.decodeIfPresent(Bool.self, forKey: .isServer) ?? false
        entrance = try fields.decodeIfPresent(String.self, forKey: .entrance)
        if let share = try fields.decodeIfPresent(Share.self, forKey: .share) {
            sharing = .known(share)
        } else if let grants = try fields.decodeIfPresent([String].self, forKey: .grants) {
            sharing = .uncertain(grants: grants)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encodeIfPresent(createdAt, forKey: .createdAt)
        try fields.encodeIfPresent(previousCreatedAt, forKey: .previousCreatedAt)
        try fields.encodeIfPresent(spec, forKey: .spec)
        if hasStaleIdentity { try fields.encode(true, forKey: .hasStaleIdentity) }
        try fields.encodeIfPresent(missingSince, forKey: .missingSince)
        try fields.encodeIfPresent(startedAt, forKey: .startedAt)
        if isRestarting { try fields.encode(true, forKey: .isRestarting) }
        try fields.encodeIfPresent(poweredOnAt, forKey: .poweredOnAt)
        try fields.encodeIfPresent(restartedAt, forKey: .restartedAt)
        try fields.encodeIfPresent(commandSentAt, forKey: .commandSentAt)
        try fields.encodeIfPresent(drain, forKey: .drain)
        try fields.encodeIfPresent(maintenance, forKey: .maintenance)
        try fields.encodeIfPresent(failedUpgrade, forKey: .failedUpgrade)
        try fields.encodeIfPresent(resize, forKey: .resize)
        try fields.encodeIfPresent(otherSizeSince, forKey: .otherSizeSince)
        try fields.encodeIfPresent(listedSize, forKey: .listedSize)
        switch configuration {
        case .notRecorded: break
        case .unknown: try fields.encode(Self.unknown, forKey: .configuration)
        case .digest(let digest): try fields.encode(digest, forKey: .configuration)
        }
        if isServer { try fields.encode(true, forKey: .isServer) }
        try fields.encodeIfPresent(entrance, forKey: .entrance)
        switch sharing {
        case .notSet: break
        case .known(let share): try fields.encode(share, forKey: .share)
        case .uncertain(let grants): try fields.encode(grants, forKey: .grants)
        }
    }
}
