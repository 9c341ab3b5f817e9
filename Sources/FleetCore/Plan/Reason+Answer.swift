/// What is said of `share.probe`.
extension Reason {
    var answerText: String? {
        switch self {
        case .awaitingShareProbe: "its VM to be asked behind exe.dev's HTTPS proxy"
        case .shareProbeFails(let question, let answer): "\(question.url) to answer \(question.probe.status) (\(answer.words))"
        default: nil
        }
    }

    /// Of one that was waited for in vain.
    var answerAdvice: String? {
        guard case .shareProbeFails(let question, let answer) = self else { return nil }
        switch answer {
        case .status, .silent:
            return "see what it answers: exedev-ctl curl \(question.vm)\(question.probe.path); nothing is restarted for it, and it is "
                + "asked again in each pass"
        case .unasked:
            return "name a key that is on the account with ssh.keyFile or $EXE_DEV_SSH_KEY, or the .pub file of one in the ssh-agent"
        }
    }

    /// The check that looks closer at a reason that blocks.
    package var doctorCheck: DoctorCheck? {
        if case .waitTimedOut(let reason, _, _) = self, let check = reason.doctorCheck { return check }
        return code.doctorCheck
    }
}

extension ShareAnswer {
    package var words: String {
        switch self {
        case .status(let status): "it answers \(status)"
        case .silent(let reason): reason
        case .unasked(let reason): "it was not asked: \(reason)"
        }
    }
}
