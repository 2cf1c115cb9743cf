import Glibc

/// How far one kernel is from its roofline, over the logarithms of its sizes.
///
/// A kernel takes (launch + FLOPs/peak + bytes/bandwidth) · exp(f). f is known at the knots of a grid
/// and multilinear in the logarithms between them; beyond the grid it stays as at its edge.
public struct KernelSurface: Hashable, Sendable {
  public let operation: KernelOperation
  public let format: NumberFormat
  /// How many rows it was fitted to, and their digest (`KernelMeasurements.digest`).
  public let rows: Int
  public let rowsDigest: String
  /// Seconds of the smallest kernel measured.
  public let launch: Double
  public let axes: [KnotAxis]
  /// f at the knots, in thousandths; the last axis runs fastest.
  public let values: [Int]

  let strides: SIMD4<Int>
  private let factors: [Double]

  /// Keeps the knots; `values` has one number for each.
  public init(
    operation: KernelOperation, format: NumberFormat, rows: Int, rowsDigest: String, launch: Double,
    axes: [KnotAxis], values: [Int]
  ) {
    precondition(axes.count == operation.columns.count, "a surface has an axis for each column")
    precondition(
      values.count == axes.reduce(1) { $0 * $1.knots.count }, "a surface has a value for each knot")
    self.operation = operation
    self.format = format
    self.rows = rows
    self.rowsDigest = rowsDigest
    self.launch = launch
    self.axes = axes
    self.values = values
    factors = values.map { Double($0) / 1000 }
    strides = Self.strides(axes)
  }

  static func strides(_ axes: [KnotAxis]) -> SIMD4<Int> {
    var strides = SIMD4<Int>()
    var stride = 1
    for axis in axes.indices.reversed() {
      strides[axis] = stride
      stride *= axes[axis].knots.count
    }
    return strides
  }

  /// f at a point, by the operation's columns, and whether the point is inside the grid.
  func logFactor(at point: SIMD4<Double>) -> (value: Double, inside: Bool) {
    let cell = Cell(point, axes, strides)
    var sum = 0.0
    for corner in 0..<(1 << axes.count) {
      let (offset, weight) = cell.corner(corner, strides, axes.count)
      if weight > 0 { sum += weight * factors[offset] }
    }
    return (sum, cell.inside)
  }

  /// The surface at one place of its last two axes, for points that differ in the first two.
  struct Slice {
    /// Corners of the last two axes, and what each weighs.
    fileprivate let offsets: SIMD4<Int>
    fileprivate let weights: SIMD4<Double>
    fileprivate let inside: Bool
  }

  func slice(_ third: Double, _ fourth: Double) -> Slice {
    let (c, d) = (axes[2].place(third), axes[3].place(fourth))
    let low = c.lower * strides[2] + d.lower * strides[3]
    // An axis of one knot has no upper one; its weight is 0.
    let (up, right) = (c.share > 0 ? strides[2] : 0, d.share > 0 ? strides[3] : 0)
    return Slice(
      offsets: SIMD4(low, low + up, low + right, low + up + right),
      weights: SIMD4(
        (1 - c.share) * (1 - d.share), c.share * (1 - d.share), (1 - c.share) * d.share,
        c.share * d.share), inside: c.inside && d.inside)
  }

  /// f at a point of the first two axes of a slice, and whether it is inside the grid.
  func logFactor(
    _ first: Double, _ second: Double, in slice: Slice
  ) -> (value: Double, inside: Bool) {
    let (a, b) = (axes[0].place(first), axes[1].place(second))
    let (up, right) = (a.share > 0 ? strides[0] : 0, b.share > 0 ? strides[1] : 0)
    let low = a.lower * strides[0] + b.lower * strides[1]
    func value(_ offset: Int) -> Double {
      let places = slice.offsets &+ offset
      return
        (slice.weights
        * SIMD4(
          factors[places[0]], factors[places[1]], factors[places[2]], factors[places[3]])).sum()
    }
    let sum =
      (1 - a.share) * ((1 - b.share) * value(low) + b.share * value(low + right))
      + a.share * ((1 - b.share) * value(low + up) + b.share * value(low + up + right))
    return (sum, a.inside && b.inside && slice.inside)
  }

  /// The box of knots around a point.
  struct Cell {
    /// Place of its lowest corner.
    private var base = 0
    /// How far the point is from the lower to the upper knot, by axis.
    private var shares = SIMD4<Double>()
    private(set) var inside = true

    @inline(__always)
    init(_ point: SIMD4<Double>, _ axes: [KnotAxis], _ strides: SIMD4<Int>) {
      for axis in axes.indices {
        let (lower, share, within) = axes[axis].place(point[axis])
        base += lower * strides[axis]
        shares[axis] = share
        inside = inside && within
      }
    }

    /// Place and weight of a corner; bit a of its number says upper on axis a.
    @inline(__always)
    func corner(_ corner: Int, _ strides: SIMD4<Int>, _ count: Int) -> (Int, Double) {
      var (offset, weight) = (base, 1.0)
      for axis in 0..<count {
        if corner >> axis & 1 == 1 {
          weight *= shares[axis]
          offset += strides[axis]
        } else {
          weight *= 1 - shares[axis]
        }
      }
      return (offset, weight)
    }
  }
}

/// Sizes at which a surface is known, growing.
public struct KnotAxis: Hashable, Sendable {
  public let knots: [Int]
  private let logs: [Double]

  /// Keeps the knots: one or more, from 1 on, growing.
  public init(_ knots: [Int]) {
    precondition(
      !knots.isEmpty && knots[0] >= 1 && zip(knots, knots.dropFirst()).allSatisfy { $0 < $1 },
      "knots grow from 1 on")
    self.knots = knots
    logs = knots.map { log(Double($0)) }
  }

  /// The lower knot, how far the size is from it to the next in logarithms, and whether it is within
  /// the knots; beyond them the edge counts. With one knot every size is there.
  @inline(__always)
  func place(_ size: Double) -> (lower: Int, share: Double, inside: Bool) {
    let last = knots.count - 1
    if last == 0 { return (0, 0, size == Double(knots[0])) }
    let x = log(size)
    // Rounding of a size that was computed may put it a hair beyond the edge.
    if x <= logs[0] { return (0, 0, x > logs[0] - 1e-9) }
    if x >= logs[last] { return (last - 1, 1, x < logs[last] + 1e-9) }
    var (lower, upper) = (0, last)
    while upper - lower > 1 {
      let middle = (lower + upper) / 2
      if logs[middle] <= x { lower = middle } else { upper = middle }
    }
    return (lower, (x - logs[lower]) / (logs[upper] - logs[lower]), true)
  }

  /// At most `count` of the values, evenly spread in their logarithms, both ends among them.
  public static func spread(over values: [Int], count: Int) -> KnotAxis {
    let all = Set(values).sorted()
    guard all.count > count, let first = all.first, let last = all.last, count > 1 else {
      return KnotAxis(all)
    }
    let (low, high) = (log(Double(first)), log(Double(last)))
    let chosen = (0..<count).map { step in
      let target = low + (high - low) * Double(step) / Double(count - 1)
      return all.min { abs(log(Double($0)) - target) < abs(log(Double($1)) - target) } ?? first
    }
    return KnotAxis(Set(chosen).sorted())
  }
}
