import ExeDev
import FleetCore
import Reconciler
import Synchronization

/// Asks VMs behind exe.dev's HTTPS proxy: public ones as anybody would, private ones with a token of theirs that our SSH key signs.
final class ShareProber: Sendable {
    private static let deadline = 10.0
    /// A token that ends sooner is signed anew: clocks differ.
    private static let spare = 120.0

    private let web: WebGet
    private let identity: Identity
    private let program: SignatureProgram
    private let clock: any WallClock
    private let waits: Waits
    /// By VM; in memory alone.
    private let tokens = Mutex<[String: ProxyToken]>([:])

    /// `signer`: the program that signs.
    init(identity: Identity, waits: Waits, clock: any WallClock = SystemClock(), signer: String = "ssh-keygen") {
        (self.identity, self.waits, self.clock) = (identity, waits, clock)
        web = WebGet(environment: identity.environment)
        program = SignatureProgram(environment: identity.environment, program: signer)
    }

    func status(_ question: ShareQuestion) async throws(EffectError) -> Int {
        let headers = question.isPublic ? [] : [try await token(of: question.vm).headerLine]
        let end = waits.begin("\(question.vm) to answer behind exe.dev's HTTPS proxy", atMost: Self.deadline)
        defer { end() }
        do throws(TransportFailure) {
            return try await web.status(of: question.url, headerLines: headers, deadline: .seconds(Self.deadline))
        } catch {
            throw EffectError(error.reason, remedy: .retry(after: nil))
        }
    }

    private func token(of vm: String) async throws(EffectError) -> ProxyToken {
        if let token = tokens.withLock({ $0[vm] }), token.ends - clock.now > Self.spare { return token }
        do {
            let token = try await ProxyToken.signAlone(vm: vm, key: try identity.signingKey(), program, now: clock.now)
            tokens.withLock { $0[vm] = token }
            return token
        } catch let error as StateError {
            throw EffectError(error.message, remedy: .askOperator(advice: error.advice ?? Self.advice))
        } catch {
            throw EffectError("no token of \(vm) was signed: \(error)", remedy: .askOperator(advice: Self.advice))
        }
    }

    private static let advice = "name a key with ssh.keyFile or $EXE_DEV_SSH_KEY"
}
