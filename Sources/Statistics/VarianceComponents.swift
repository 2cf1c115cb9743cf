/// What differs between clusters against what differs within them: one-way random-effects analysis
/// of variance, for clusters of any sizes.
///
/// With a clusters of nᵢ values, N in all: between = (MS_between − MS_within)/n₀ but not below 0,
/// n₀ = (N − Σnᵢ²/N)/(a − 1). Source: Searle, Casella, McCulloch, "Variance components" (1992),
/// chapter 3 (ANOVA estimators).
public struct VarianceComponents: Sendable, Hashable, Codable {
  /// Variance of the clusters' true means, and of values within a cluster.
  public let between: Double
  public let within: Double
  /// MS_between / MS_within; nil when values within clusters do not differ.
  public let f: Double?

  /// Intraclass share: the part of all variance that lies between clusters, 0 where nothing varies.
  public var intraclass: Double { between + within > 0 ? between / (between + within) : 0 }

  /// Nil for fewer than two clusters, or no cluster with two values.
  public init?(_ sample: ClusteredSample) {
    let clusters = sample.clusters
    let (count, total) = (Double(clusters.count), Double(sample.sample.count))
    guard clusters.count > 1, total > count else { return nil }
    let means = clusters.map { compensatedSum($0) / Double($0.count) }
    let grand = sample.sample.mean
    let betweenSum = compensatedSum(
      zip(clusters, means).map { Double($0.count) * ($1 - grand) * ($1 - grand) })
    let withinSum = compensatedSum(
      zip(clusters, means).flatMap { cluster, mean in
        cluster.map { ($0 - mean) * ($0 - mean) }
      })
    let betweenMean = betweenSum / (count - 1)
    within = withinSum / (total - count)
    let squares = clusters.reduce(0.0) { $0 + Double($1.count * $1.count) }
    let size = (total - squares / total) / (count - 1)
    between = max(0, (betweenMean - within) / size)
    f = within > 0 ? betweenMean / within : nil
  }
}
