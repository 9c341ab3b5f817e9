import FleetCore
import K3s
import Live
import Reconciler

/// What VMs answer behind exe.dev's HTTPS proxy.
extension Doctor {
    mutating func checkShareProbes() async {
        guard let fleet = known(.shareProbe) else { return }
        let questions = fleet.nodes.compactMap(\.question)
        guard !questions.isEmpty else { return note(.ok(.shareProbe, "looked for share.probe", "no pool asks for an answer")) }
        guard let world, let vms else { return note(.skipped(.shareProbe, "the VMs are not known")) }
        let present = questions.filter { question in vms.contains { $0.name == question.vm && $0.tags.contains(fleet.cluster.tag) } }
        guard !present.isEmpty else { return note(.skipped(.shareProbe, "no VM of a pool with share.probe is there")) }
        let answers = await Self.ask(present, world, atOnce: fleet.limits.hostsAtOnce)
        for question in present { if let answer = answers[question] { tell(answer, to: question) } }
    }

    private struct Answered: Sendable {
        var question: ShareQuestion
        var answer: ShareAnswer
    }

    private static func ask(_ questions: [ShareQuestion], _ world: LiveWorld, atOnce: Int) async -> [ShareQuestion: ShareAnswer] {
        await withTaskGroup(of: Answered.self) { group in
            var (waiting, answers) = (questions[...], [ShareQuestion: ShareAnswer]())
            for question in waiting.prefix(atOnce) { group.addTask { await ask(question, world) } }
            waiting = waiting.dropFirst(atOnce)
            for await answered in group {
                answers[answered.question] = answered.answer
                if let question = waiting.popFirst() { group.addTask { await ask(question, world) } }
            }
            return answers
        }
    }

    private static func ask(_ question: ShareQuestion, _ world: LiveWorld) async -> Answered {
        Answered(question: question, answer: await Observer(world: world.reader).answer(to: question))
    }

    private mutating func tell(_ answer: ShareAnswer, to question: ShareQuestion) {
        let (did, found) = ("asked \(question.url)", "\(question.vm): \(answer.words), \(question.probe.status) is asked for")
        guard !answer.fits(question.probe) else { return note(.ok(.shareProbe, did, found)) }
        note(.failed(.shareProbe, did, found, advice: answer.advice(question)))
    }
}

extension ShareAnswer {
    /// What the status, or that there is none, points to.
    fileprivate func advice(_ question: ShareQuestion) -> String {
        let look = "exedev-ctl curl \(question.vm)\(question.probe.path)"
        return switch self {
        case .status(300..<400):
            "a redirect is not followed: to exe.dev's login when the VM is not shared as the file asks, else the VM's own"
        case .status(401), .status(403): "the key that signs the VM's token is not on the account, or the VM itself refuses: \(look)"
        case .status(502...504): "nothing listens on the shared port there: exedev-ctl share show \(question.vm)"
        case .status: "see what it answers: \(look)"
        case .silent: "the proxy's address or certificate: \(look)"
        case .unasked: "name a key that is on the account with ssh.keyFile or $EXE_DEV_SSH_KEY"
        }
    }
}
