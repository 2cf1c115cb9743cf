import Records

extension CellContents {
  /// Serving runs whose answers agreed with the reference's; those that nothing was executed for
  /// need none.
  public var verifiedServing: [ServingRecord] {
    serving.filter { !unverifiedSystems.contains($0.run.system) }
  }

  /// Systems that were executed and whose answers were not compared, or differed.
  var unverifiedSystems: [String] {
    serving.filter { $0.run.origin == .measured || $0.run.origin == .virtual }
      .map(\.run.system).unique
      .filter { system in
        let own = verifications.filter { $0.policy == system }
        return own.isEmpty || own.contains { !$0.passed }
      }
  }
}
