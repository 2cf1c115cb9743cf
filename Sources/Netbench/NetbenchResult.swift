/// One variant of one operation at one size, with nccl-tests' field names.
public struct VariantResult: Codable, Hashable, Sendable {
  /// Microseconds per call, the median over slices; of ping-pong one way.
  public var time: Double
  /// S / time in GB/s (10⁹ bytes).
  public var algorithmBandwidth: Double
  /// algbw times the operation's factor.
  public var busBandwidth: Double
  /// Elements with a wrong value, over all ranks.
  public var wrong: Int

  enum CodingKeys: String, CodingKey {
    case time
    case algorithmBandwidth = "alg_bw"
    case busBandwidth = "bus_bw"
    case wrong = "nwrong"
  }

  init(size: Int, ranks: Int, operation: MeasuredOperation, time: Double, wrong: Int) {
    self.time = time
    algorithmBandwidth = time > 0 ? Double(size) / time * 1e-3 : 0
    busBandwidth = algorithmBandwidth * operation.busFactor(ranks: ranks)
    self.wrong = wrong
  }
}

/// One operation at one size on one set of groups: a row of the results.
///
/// The keys of nccl-tests' `-J` output (size … in_place, out_of_place_per_iter, …) mean what they
/// mean there; `operation` and what follows is ours.
public struct NetbenchResult: Codable, Hashable, Sendable {
  /// S in bytes.
  public var size: Int
  /// Count argument of the call.
  public var count: Int
  public var type = "float"
  /// `sum`, or `none`.
  public var reduction: String
  /// `-1` where there is none.
  public var root: String
  public var outOfPlace: VariantResult?
  public var inPlace: VariantResult?
  public var outOfPlaceSlices: TimingStatistics?
  public var inPlaceSlices: TimingStatistics?
  /// Timed calls of a variant.
  public var calls: Int
  public var experiment: String
  public var operation: MeasuredOperation
  /// Name of the groups, see `RankGroups`.
  public var communicator: String
  /// Ranks of a group.
  public var ranks: Int
  public var placement: RankGroups.Placement

  enum CodingKeys: String, CodingKey {
    case size, count, type
    case reduction = "redop"
    case root
    case outOfPlace = "out_of_place"
    case inPlace = "in_place"
    case outOfPlaceSlices = "out_of_place_per_iter"
    case inPlaceSlices = "in_place_per_iter"
    case calls = "actual_iterations"
    case experiment = "experiment_name"
    case operation, communicator, ranks, placement
  }

  public init(
    size: Int, count: Int, operation: MeasuredOperation, groups: RankGroups, plan: TimingPlan
  ) {
    self.size = size
    self.count = count
    self.operation = operation
    reduction = operation.reduces ? "sum" : "none"
    root = operation.isRooted ? "0" : "-1"
    calls = plan.calls * plan.slices
    communicator = groups.name
    ranks = groups.ranks
    placement = groups.placement
    experiment = "\(operation.rawValue) \(groups.name)"
  }

  /// Enters the timings of a variant.
  public mutating func set(
    _ variant: MeasuredOperation.Variant, _ statistics: TimingStatistics, wrong: Int
  ) {
    let result = VariantResult(
      size: size, ranks: ranks, operation: operation, time: statistics.median, wrong: wrong)
    switch variant {
    case .outOfPlace: (outOfPlace, outOfPlaceSlices) = (result, statistics)
    case .inPlace: (inPlace, inPlaceSlices) = (result, statistics)
    }
  }

  /// The variants there are, with their slices.
  public var variants: [(MeasuredOperation.Variant, VariantResult, TimingStatistics)] {
    var found: [(MeasuredOperation.Variant, VariantResult, TimingStatistics)] = []
    if let outOfPlace, let outOfPlaceSlices {
      found.append((.outOfPlace, outOfPlace, outOfPlaceSlices))
    }
    if let inPlace, let inPlaceSlices { found.append((.inPlace, inPlace, inPlaceSlices)) }
    return found
  }
}
