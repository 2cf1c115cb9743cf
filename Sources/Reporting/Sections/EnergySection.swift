import Records

extension ReportData {
  /// Joules by layout and policy, where the ranks' boards tell.
  var energySection: ReportSection? {
    let told = rows.filter { $0[.energyPerToken] != nil }
    guard !told.isEmpty else { return nil }
    var section = ReportSection(id: "energy", title: "Energy")
    section.lead = """
      <p>What the GPU boards took, by their own counters. A counter moves several times a second: of \
      batches shorter than that only the sum of many means something.\(sharedNote)</p>
      """
    section.body = HTML(
      ColumnTable(
        keys: [.init("layout, policy", alignment: .leading, cells: told.map { series($0) })],
        columns: [
          numbers("energy", unit: "J/batch", told, .energy) { $0.significant(4) },
          numbers("energy", unit: "J/real token", told, .energyPerToken) { $0.significant(4) },
          .init("n", cells: told.map { "\($0.executions)" }, definition: "n"),
        ]), caption: "Energy of all ranks' boards")
    return section
  }

  /// Where ranks share a board, whose counter would be read twice.
  private var sharedNote: HTML {
    let places = Self.unique(rows.filter(sharesGPU).map { place($0) })
    if places.isEmpty { return "" }
    return " No energy is given for \(places.joined(separator: ", ")): ranks share a board there."
  }
}
