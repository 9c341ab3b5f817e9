import Daemon
import Live

extension Arguments.Option {
    /// The options for a daemon's webhook and hook.
    static let outlets: [Arguments.Option] = [
        .value("webhook", "POST events as JSON to this https URL (others may see it in the list of processes)"),
        .path("webhook-file", "a file with that URL, when it is a secret (else systemd's credential webhook-url)"),
        .path("webhook-secret", "a file with the key that signs events (else systemd's credential webhook-secret)"),
        .path("hook", "run this program on events, with the JSON on standard input"),
    ]
}

extension Arguments {
    /// The outlets in the options and in systemd's credentials. Throws a `Failure` when one is unusable.
    func outlets(environment: [String: String]) throws -> [any Outlet] {
        do {
            return [try webhook(credentials: environment["CREDENTIALS_DIRECTORY"]), try hook(path: environment["PATH"])].compactMap { $0 }
        } catch let error as StateError {
            throw Failure(error.message, advice: error.advice)
        }
    }

    private func webhook(credentials: String?) throws -> (any Outlet)? {
        func credential(_ name: String) throws -> String? {
            guard let file = credentials.map({ $0 + "/" + name }), try StateDirectory.read(file) != nil else { return nil }
            return file
        }
        if value("webhook") != nil, value("webhook-file") != nil {
            throw UsageError("--webhook and --webhook-file are two answers to one question")
        }
        let file = try value("webhook-file") ?? (value("webhook") == nil ? credential("webhook-url") : nil)
        let key = try value("webhook-secret") ?? credential("webhook-secret")
        guard let url = try value("webhook") ?? file.map({ try Webhook.secret(file: $0) }) else {
            if value("webhook-secret") != nil { throw UsageError("--webhook-secret needs --webhook or --webhook-file") }
            return nil
        }
        return WebhookOutlet(try Webhook(url: url, secret: try key.map { Array(try Webhook.secret(file: $0).utf8) }))
    }

    private func hook(path: String?) throws -> (any Outlet)? {
        guard let program = value("hook") else { return nil }
        guard program.hasPrefix("/") else { throw UsageError("--hook takes an absolute path") }
        guard Hook.isProgram(program) else {
            throw Failure("\(program) is no program that this user may run", advice: "chmod +x, and mind that its #! line names one too")
        }
        return HookOutlet(Hook(program: program, path: path ?? "/usr/local/bin:/usr/bin:/bin"))
    }
}
