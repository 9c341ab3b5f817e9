import K3s

/// What a VM answers behind exe.dev's HTTPS proxy, once all else of its node is as it should be: the last rule, so that it holds up nothing.
extension Join {
    static let answering: Rule = { joined, _ in
        guard let question = joined.want.question else { return nil }
        switch joined.node.answer {
        case nil:
            return joined.node.hasAnswered ? nil : .wait(Wait(.awaitingShareProbe, read: .web(question), every: 1))
        case let answer? where answer.fits(question.probe): return nil
        // Its node may tell why.
        case let answer?: return .wait(Wait(.shareProbeFails(question, answer), read: .web(question), every: 3, diagnostics: .cluster))
        }
    }
}
