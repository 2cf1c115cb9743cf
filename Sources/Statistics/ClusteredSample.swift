/// Measurements in clusters, such as repeats of batches: values of one cluster share what the batch
/// does to them and are not independent.
public struct ClusteredSample: Sendable, Hashable {
  /// At least one cluster, each with at least one finite value.
  public let clusters: [[Double]]
  public let sample: Sample

  public init(_ clusters: [[Double]]) throws(StatisticsError) {
    for (index, cluster) in clusters.enumerated() where cluster.isEmpty {
      throw StatisticsError(message: "cluster \(index) has no value")
    }
    self.clusters = clusters
    sample = try Sample(clusters.flatMap { $0 })
  }

  /// Percentile interval of the median by a two-stage bootstrap: clusters are drawn with
  /// replacement, then as many values of each as it has (Davison and Hinkley, "Bootstrap methods and
  /// their application", 1997, section 3.8). With one cluster it is the plain bootstrap.
  ///
  /// Few clusters make a wide interval that still covers too seldom: with two, a quarter of the draws
  /// take the same one twice. Same seed, same interval, on any machine.
  public func bootstrapMedian(
    level: Double = 0.95, resamples: Int = 2000, seed: UInt64
  ) -> Interval {
    precondition(level > 0 && level < 1, "a confidence level lies between 0 and 1")
    precondition(resamples >= 1, "a bootstrap needs at least one resample")
    guard clusters.count > 1 else {
      return sample.bootstrapMedian(level: level, resamples: resamples, seed: seed)
    }
    var random = SequentialRandom(
      seed: seed, stream: CounterRandom.stream(named: "cluster bootstrap"))
    func draw(_ count: Int) -> Int {
      Int(random.next().multipliedFullWidth(by: UInt64(count)).high)
    }
    var medians: [Double] = []
    medians.reserveCapacity(resamples)
    for _ in 0..<resamples {
      var values: [Double] = []
      for _ in clusters.indices {
        let cluster = clusters[draw(clusters.count)]
        for _ in cluster.indices { values.append(cluster[draw(cluster.count)]) }
      }
      values.sort()
      medians.append(interpolatedQuantile(values, 0.5))
    }
    medians.sort()
    let tail = (1 - level) / 2
    return Interval(
      lower: interpolatedQuantile(medians, tail), upper: interpolatedQuantile(medians, 1 - tail),
      level: level)
  }
}
