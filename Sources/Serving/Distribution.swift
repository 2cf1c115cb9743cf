import Statistics

/// Figures of one kind of time, under vLLM's names.
struct Distribution {
  /// Percentiles that are given beside mean, median and deviation.
  static let percentiles: [Double] = [50, 90, 95, 99]

  let sample: Sample

  /// Nil without values or when one is not finite.
  init?(_ values: [Double]) {
    guard let sample = try? Sample(values) else { return nil }
    self.sample = sample
  }

  /// `mean_NAME_ms`, `median_NAME_ms`, `std_NAME_ms` (population), `p50_NAME_ms` and so on.
  func metrics(_ name: String) -> [(String, Double)] {
    [
      ("mean_\(name)_ms", sample.mean), ("median_\(name)_ms", sample.median),
      ("std_\(name)_ms", sample.populationStandardDeviation),
    ]
      + Self.percentiles.map { ("p\(Int($0))_\(name)_ms", sample.quantile($0 / 100)) }
  }
}
