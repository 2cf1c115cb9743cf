import Models

extension ModelConfiguration {
  /// Throws when the model cannot run a policy: an encoder sees whole rows, so that none can be fed
  /// position by position.
  public func validate(_ policy: Policy) throws(SchedulingError) {
    guard isEncoder, policy == .megatronIterative else { return }
    throw SchedulingError(
      "policy \(policy) feeds prompts position by position; \(name) is an encoder, whose attention "
        + "sees whole rows")
  }
}
