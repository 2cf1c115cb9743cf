extension LengthShape {
  /// The text forms, for messages and help.
  public static let forms = [
    "fixed:LENGTH", "uniform:SHORTEST-LONGEST", "normal:MEAN,DEVIATION[,LONGEST]",
    "lognormal:MEDIAN,SIGMA[,LONGEST]", "zipf:EXPONENT,LONGEST", "bimodal:SHORT,LONG,SHARE",
    "vllm-range:LENGTH,RATIO", "sglang-range:LENGTH,RATIO", "chat[:MEDIAN,SIGMA,LONGEST]",
    "file:PATH",
  ]

  /// Reads a text form such as `uniform:16-128` or `lognormal:24,0.8`; `file:` reads its file.
  ///
  /// SHARE is the share of long ones. LONGEST defaults to `Request.longestLength`.
  /// - Throws: with the form that the name wants, or all forms for an unknown name.
  public init(parsing text: String) throws(WorkloadError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    let rest = parts.count > 1 ? String(parts[1]) : nil
    guard let form = Self.forms.first(where: { $0.prefix(while: { !":[".contains($0) }) == name })
    else {
      throw WorkloadError(
        "unknown length distribution '\(text)'; valid forms: \(Self.forms.joined(separator: ", "))")
    }
    if name == "file" {
      guard let rest, !rest.isEmpty else {
        throw WorkloadError("length distribution '\(text)' names no file; its form is \(form)")
      }
      self = .empirical(try LengthTable(contentsOf: rest))
      return
    }
    if name == "chat", rest == nil {
      self = .chat128
      return
    }
    let fields = Fields(text: text, form: form, name: name, rest: rest ?? "")
    switch name {
    case "fixed":
      self = .fixed(try fields.whole(0, of: 1...1))
    case "uniform":
      let (low, high) = (try fields.whole(0, of: 2...2), try fields.whole(1, of: 2...2))
      guard low <= high else {
        throw WorkloadError("'\(text)': the shortest, \(low), exceeds the longest, \(high)")
      }
      self = .uniform(low...high)
    case "normal":
      self = .normal(
        mean: try fields.number(0, of: 2...3), deviation: try fields.number(1, of: 2...3),
        maximum: try fields.longest(2, of: 2...3))
    case "lognormal":
      self = .logNormal(
        median: try fields.number(0, of: 2...3), sigma: try fields.number(1, of: 2...3),
        maximum: try fields.longest(2, of: 2...3))
    case "chat":
      self = .chat(
        median: try fields.number(0, of: 3...3), sigma: try fields.number(1, of: 3...3),
        maximum: try fields.whole(2, of: 3...3))
    case "zipf":
      self = .zipf(
        exponent: try fields.number(0, of: 2...2), maximum: try fields.whole(1, of: 2...2))
    case "bimodal":
      self = .bimodal(
        short: try fields.whole(0, of: 3...3), long: try fields.whole(1, of: 3...3),
        share: try fields.number(2, of: 3...3))
    case "vllm-range":
      self = .vllmRange(
        length: try fields.whole(0, of: 2...2), ratio: try fields.number(1, of: 2...2))
    default:
      self = .sglangRange(
        length: try fields.whole(0, of: 2...2), ratio: try fields.number(1, of: 2...2))
    }
    try validate()
  }

  /// The name in the text form.
  var name: String {
    switch self {
    case .fixed: "fixed"
    case .uniform: "uniform"
    case .chat: "chat"
    case .normal: "normal"
    case .logNormal: "lognormal"
    case .zipf: "zipf"
    case .bimodal: "bimodal"
    case .vllmRange: "vllm-range"
    case .sglangRange: "sglang-range"
    case .empirical: "file"
    }
  }

  /// The text form that `init(parsing:)` reads back to the same distribution.
  public var text: String {
    switch self {
    case .fixed(let length): "\(name):\(length)"
    case .uniform(let range): "\(name):\(range.lowerBound)-\(range.upperBound)"
    case .chat(let a, let b, let maximum), .normal(let a, let b, let maximum),
      .logNormal(let a, let b, let maximum):
      "\(name):\(a),\(b),\(maximum)"
    case .zipf(let exponent, let maximum): "\(name):\(exponent),\(maximum)"
    case .bimodal(let short, let long, let share): "\(name):\(short),\(long),\(share)"
    case .vllmRange(let length, let ratio), .sglangRange(let length, let ratio):
      "\(name):\(length),\(ratio)"
    case .empirical(let table): "\(name):\(table.source)"
    }
  }
}

/// The numbers of one text form.
private struct Fields {
  let text: String
  let form: String
  let values: [Substring]

  init(text: String, form: String, name: String, rest: String) {
    self.text = text
    self.form = form
    let separator: Character = name == "uniform" ? "-" : ","
    values =
      rest.isEmpty ? [] : rest.split(separator: separator, omittingEmptySubsequences: false)
  }

  func number(_ index: Int, of counts: ClosedRange<Int>) throws(WorkloadError) -> Double {
    let field = try field(index, counts)
    // Digits, point, signs and e: no `nan`, `inf` or hexadecimal.
    let isPlain = field.utf8.allSatisfy {
      ($0 >= 48 && $0 <= 57) || [46, 43, 45, 101].contains($0)
    }
    guard isPlain, let value = Double(field), value.isFinite else {
      throw WorkloadError("'\(text)': '\(field)' is no number; the form is \(form)")
    }
    return value
  }

  func whole(_ index: Int, of counts: ClosedRange<Int>) throws(WorkloadError) -> Int {
    let field = try field(index, counts)
    let isDigits = !field.isEmpty && field.utf8.allSatisfy { $0 >= 48 && $0 <= 57 }
    guard isDigits, let value = Int(field) else {
      throw WorkloadError("'\(text)': '\(field)' is no whole number; the form is \(form)")
    }
    return value
  }

  func longest(_ index: Int, of counts: ClosedRange<Int>) throws(WorkloadError) -> Int {
    values.count > index ? try whole(index, of: counts) : Request.longestLength
  }

  private func field(_ index: Int, _ counts: ClosedRange<Int>) throws(WorkloadError) -> Substring {
    guard counts.contains(values.count) else {
      throw WorkloadError("'\(text)' has \(values.count) numbers; the form is \(form)")
    }
    return values[index]
  }
}
