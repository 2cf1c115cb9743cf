import Units

/// How ranks divide a model: tensor-, pipeline- and data-parallel degrees.
///
/// Written `tp4`, `pp4`, `tp2pp2dp2`; the tensor degree varies fastest in rank order, then the
/// pipeline stage, then the replica.
public struct ParallelLayout: Hashable, Sendable, TextCodable {
  public let tensor: Int
  public let pipeline: Int
  public let data: Int

  /// Largest accepted degree, far above any cluster; keeps products in `Int`.
  public static let largestDegree = 65_536

  /// One rank with the whole model, `tp1`.
  public static let single = ParallelLayout(unchecked: (1, 1, 1))

  private init(unchecked degrees: (Int, Int, Int)) {
    (tensor, pipeline, data) = degrees
  }

  /// Throws when a degree is below 1 or absurd.
  public init(tensor: Int = 1, pipeline: Int = 1, data: Int = 1) throws(ModelError) {
    self.init(unchecked: (tensor, pipeline, data))
    let named = [
      ("tensor-parallel", tensor), ("pipeline-parallel", pipeline), ("data-parallel", data),
    ]
    for (name, degree) in named where !(1...Self.largestDegree).contains(degree) {
      throw ModelError(
        .layout, "\(name) degree is \(degree); it must be 1 to \(Self.largestDegree)")
    }
  }

  /// Reads `tp2pp2dp2`: parts `tp`, `pp`, `dp` in this order, each at most once, at least one.
  public init(parsing text: String) throws(ModelError) {
    var degrees: [Int] = []
    var rest = Substring(text)
    for prefix in ["tp", "pp", "dp"] {
      guard rest.hasPrefix(prefix) else {
        degrees.append(1)
        continue
      }
      let digits = rest.dropFirst(2).prefix { $0.isASCII && $0.isNumber }
      guard let degree = Int(digits) else { throw Self.malformed(text) }
      degrees.append(degree)
      rest = rest[digits.endIndex...]
    }
    guard rest.isEmpty, !text.isEmpty else { throw Self.malformed(text) }
    try self.init(tensor: degrees[0], pipeline: degrees[1], data: degrees[2])
  }

  private static func malformed(_ text: String) -> ModelError {
    ModelError(
      .layout, "layout '\(text)' is not of the form tpXppYdpZ (such as tp4, pp4 or tp2pp2dp2)")
  }

  /// Ranks in all: tensor · pipeline · data.
  public var worldSize: Int { tensor * pipeline * data }
  /// Ranks that hold one copy of the model.
  public var ranksPerReplica: Int { tensor * pipeline }

  /// The canonical text: degrees of 1 are left out, `tp1` when all are.
  public var description: String {
    let parts = [("tp", tensor), ("pp", pipeline), ("dp", data)].filter { $0.1 > 1 }
    return parts.isEmpty ? "tp1" : parts.map { "\($0.0)\($0.1)" }.joined()
  }

  /// A rank's place: its shard within the stage, its stage, its replica.
  public struct Coordinates: Hashable, Codable, Sendable {
    public var tensor: Int
    public var stage: Int
    public var replica: Int

    public init(tensor: Int, stage: Int, replica: Int) {
      self.tensor = tensor
      self.stage = stage
      self.replica = replica
    }
  }

  public func coordinates(of rank: Int) -> Coordinates {
    precondition((0..<worldSize).contains(rank), "a rank of \(self) lies in 0..<\(worldSize)")
    return Coordinates(
      tensor: rank % tensor, stage: rank / tensor % pipeline, replica: rank / ranksPerReplica)
  }

  public func rank(of place: Coordinates) -> Int {
    precondition(
      (0..<tensor).contains(place.tensor) && (0..<pipeline).contains(place.stage)
        && (0..<data).contains(place.replica), "coordinates \(place) lie outside \(self)")
    return (place.replica * pipeline + place.stage) * tensor + place.tensor
  }
}
