extension Batch {
  /// Prompt lengths row by row, L.
  public var lengths: [Int] { requests.map(\.promptLength) }
  /// Rows, B.
  public var count: Int { requests.count }
  /// Longest prompt, M.
  public var longest: Int { requests.reduce(0) { max($0, $1.promptLength) } }
  public var shortest: Int { requests.reduce(.max) { min($0, $1.promptLength) } }
  /// ΣL.
  public var realTokens: Int { requests.reduce(0) { $0 + $1.promptLength } }
  /// Slots of the prefill padded to the longest prompt: B·M.
  public var slots: Int { count * longest }
  /// Slots that carry no token: B·M − ΣL.
  public var paddedSlots: Int { slots - realTokens }
  /// ΣL², what attention costs without padding; ΣL²/(B·M²) = (1 − p)²(1 + c²).
  public var sumOfSquares: Int { requests.reduce(0) { $0 + $1.promptLength * $1.promptLength } }
  /// ΣL/B.
  public var meanLength: Double { Double(realTokens) / Double(count) }

  /// Pad ratio p = padded slots / slots, padded to the longest prompt.
  public var padRatio: Double { padRatio(to: longest) }

  /// Pad ratio 1 − mean(L)/slotLength when every row is padded to `slotLength` ≥ longest.
  public func padRatio(to slotLength: Int) -> Double {
    precondition(slotLength >= longest, "rows are padded to at least the longest prompt")
    return Double(count * slotLength - realTokens) / Double(count * slotLength)
  }

  /// `cov_len` c = pstd(L)/mean(L).
  public var covLength: Double { lengthDeviation / meanLength }

  /// `cov_pad` = pstd(M − L)/mean(M − L) = c(1 − p)/p; nil when nothing is padded.
  public var covPadding: Double? {
    paddedSlots > 0 ? lengthDeviation / (Double(longest) - meanLength) : nil
  }

  /// Memory waste W = 1 − ΣL/(B·reserved) when each row reserves `reserved` ≥ longest slots.
  public func memoryWaste(reserved: Int) -> Double { padRatio(to: reserved) }

  /// 1 − L/reserved, row by row.
  public func rowWaste(reserved: Int) -> [Double] {
    precondition(reserved >= longest, "rows reserve at least the longest prompt")
    return requests.map { Double(reserved - $0.promptLength) / Double(reserved) }
  }

  /// pstd(L).
  private var lengthDeviation: Double {
    let mean = meanLength
    let squares = requests.reduce(0.0) {
      let deviation = Double($1.promptLength) - mean
      return $0 + deviation * deviation
    }
    return (squares / Double(count)).squareRoot()
  }
}
