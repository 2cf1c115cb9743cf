import Records

extension Summary {
  enum CodingKeys: String, CodingKey {
    case schema, version, run, job, question, origin, clock, pretended, seed, model, machine, rows,
      grid, serving, servingVariations, bandwidth, warnings, audit
  }

  /// Reads also summaries of before there were all of these keys.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      run: try values.decode(String.self, forKey: .run),
      job: try values.decode(String.self, forKey: .job),
      question: try values.decode(String.self, forKey: .question),
      origin: try values.decode(String.self, forKey: .origin),
      clock: try values.decode(String.self, forKey: .clock),
      pretended: try values.decodeIfPresent(String.self, forKey: .pretended),
      seed: try values.decode(UInt64.self, forKey: .seed),
      model: try values.decodeIfPresent(ModelFacts.self, forKey: .model),
      machine: try values.decode(String.self, forKey: .machine),
      rows: try values.decode([SummaryRow].self, forKey: .rows),
      warnings: try values.decode([String].self, forKey: .warnings))
    grid = try values.decodeIfPresent([GridRow].self, forKey: .grid) ?? []
    serving = try values.decodeIfPresent([ServingRecord].self, forKey: .serving)
    servingVariations = try values.decodeIfPresent(
      [String: String].self, forKey: .servingVariations)
    bandwidth = try values.decodeIfPresent([CollectiveBandwidth].self, forKey: .bandwidth)
    audit = try values.decodeIfPresent([String].self, forKey: .audit) ?? []
  }
}
