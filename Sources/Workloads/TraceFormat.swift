/// A kind of request trace, known by the names of its three columns (CSV) or fields (JSON Lines).
///
/// Further columns and fields are passed over.
public enum TraceFormat: String, Sendable, Hashable, Codable, CaseIterable {
  /// Azure LLM inference traces 2023 and 2024 (github.com/Azure/AzurePublicDataset).
  case azure
  /// BurstGPT (github.com/HPMLL/BurstGPT): rows with no response token are failed requests; they are
  /// dropped and counted.
  case burstGPT
  /// Mooncake (github.com/kvcache-ai/Mooncake), time in milliseconds.
  case mooncake
  /// padtax's own names, time in seconds.
  case padtax

  var timeName: String {
    switch self {
    case .azure: "TIMESTAMP"
    case .burstGPT: "Timestamp"
    case .mooncake: "timestamp"
    case .padtax: "arrival_s"
    }
  }
  var inputName: String {
    switch self {
    case .azure: "ContextTokens"
    case .burstGPT: "Request tokens"
    case .mooncake: "input_length"
    case .padtax: "prompt_tokens"
    }
  }
  var outputName: String {
    switch self {
    case .azure: "GeneratedTokens"
    case .burstGPT: "Response tokens"
    case .mooncake: "output_length"
    case .padtax: "output_tokens"
    }
  }
  var names: [String] { [timeName, inputName, outputName] }

  var dropsFailed: Bool { self == .burstGPT }

  /// The format whose names are all among `names`.
  init?(names: some Collection<String>) {
    guard let format = Self.allCases.first(where: { $0.names.allSatisfy(names.contains) }) else {
      return nil
    }
    self = format
  }

  /// Every format's names, for messages.
  static let known = allCases.map { "\($0.names.joined(separator: ",")) (\($0.rawValue))" }
    .joined(separator: " or ")

  /// A time as its parts, so that differences keep nanoseconds; nil for text that is none.
  func time(_ text: Substring) -> TraceTime? {
    if self == .azure {
      return Timestamp(text).map { .date($0) }
    }
    let isPlain =
      !text.isEmpty
      && text.utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || [46, 43, 45, 69, 101].contains($0) }
    guard isPlain, let value = Double(text), value.isFinite, value >= 0 else { return nil }
    return .number(value, perSecond: self == .mooncake ? 1000 : 1)
  }

  var timeExpectation: String {
    switch self {
    case .azure: "must look like 2023-11-16 18:17:03.9799600"
    case .mooncake: "must be a number of milliseconds, 0 or more"
    case .burstGPT, .padtax: "must be a number of seconds, 0 or more"
    }
  }
}

/// When a request of a trace came.
enum TraceTime {
  case date(Timestamp)
  case number(Double, perSecond: Double)

  /// Seconds since an earlier time of the same trace; negative when this one is earlier.
  func seconds(since start: TraceTime) -> Double {
    switch (self, start) {
    case (.date(let a), .date(let b)): a.seconds(since: b)
    case (.number(let a, let unit), .number(let b, _)): (a - b) / unit
    // One trace has one format.
    default: preconditionFailure("times of two trace formats cannot be subtracted")
    }
  }
}
