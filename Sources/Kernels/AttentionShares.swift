import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What the shares of a query slot's keys gave: outputs `[group, width]`, each of a softmax of its own,
/// and the logarithms of what it was divided by `[group]`.
struct AttentionShares {
  private let group, width: Int
  private let memory: UnsafeMutablePointer<Float>

  /// - Parameter storage: grown on demand; must outlive the shares.
  init(_ count: Int, group: Int, width: Int, storage: inout Storage) {
    let elements = count * group * (width + 1)
    if storage.count < elements { storage = Storage(count: elements) }
    (self.group, self.width) = (group, width)
    memory = storage.pointer
  }

  func out(_ share: Int) -> UnsafeMutablePointer<Float> { memory + share * group * (width + 1) }
  func logSums(_ share: Int) -> UnsafeMutablePointer<Float> { out(share) + group * width }

  /// Puts shares together: `out[group, width]` = Σ exp(lse - largest) · share / Σ exp(lse - largest)
  /// (Dao et al. 2023, Flash-Decoding).
  func combine(_ shares: Range<Int>, into out: UnsafeMutablePointer<Float>) {
    for head in 0..<group {
      let target = out + head * width
      target.update(repeating: 0, count: width)
      var largest = -Float.infinity
      for share in shares { largest = max(largest, logSums(share)[head]) }
      // Nothing but masked keys.
      guard largest > -.infinity else { continue }
      var total: Float = 0
      for share in shares { total += expf(logSums(share)[head] - largest) }
      for share in shares {
        let weight = expf(logSums(share)[head] - largest) / total
        let part = self.out(share) + head * width
        for index in 0..<width { target[index] += weight * part[index] }
      }
    }
  }
}
