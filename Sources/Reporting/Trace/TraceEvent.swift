/// An event of the Trace Event Format (Chrome's JSON, which Perfetto reads): times in microseconds.
public struct TraceEvent: Encodable, Sendable, Hashable {
  public enum Value: Encodable, Sendable, Hashable {
    case text(String)
    case number(Double)
    case integer(Int)

    public func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let value): try container.encode(value)
      case .number(let value): try container.encode(value)
      case .integer(let value): try container.encode(value)
      }
    }
  }

  public var name: String
  public var category: String?
  /// `X` a slice, `M` metadata, `C` a counter, `s` and `f` the ends of an arrow.
  public var phase: String
  public var time: Double?
  public var duration: Double?
  public var process: Int
  public var thread: Int?
  /// Names an arrow.
  public var identifier: Int?
  /// `e`: an arrow ends in the slice that encloses it.
  public var binding: String?
  public var arguments: [String: Value]?

  enum CodingKeys: String, CodingKey {
    case name
    case category = "cat"
    case phase = "ph"
    case time = "ts"
    case duration = "dur"
    case process = "pid"
    case thread = "tid"
    case identifier = "id"
    case binding = "bp"
    case arguments = "args"
  }

  static func slice(
    _ name: String, _ category: String, from start: Double, seconds: Double, process: Int,
    thread: Int, _ arguments: [String: Value] = [:]
  ) -> TraceEvent {
    TraceEvent(
      name: name, category: category, phase: "X", time: start * 1e6, duration: seconds * 1e6,
      process: process, thread: thread, arguments: arguments.isEmpty ? nil : arguments)
  }

  static func counter(_ name: String, at time: Double, process: Int, _ values: [String: Value])
    -> TraceEvent
  {
    TraceEvent(name: name, phase: "C", time: time * 1e6, process: process, arguments: values)
  }

  static func arrow(_ end: String, _ identifier: Int, at time: Double, process: Int, thread: Int)
    -> TraceEvent
  {
    TraceEvent(
      name: "message", category: "message", phase: end, time: time * 1e6, process: process,
      thread: thread, identifier: identifier, binding: end == "f" ? "e" : nil)
  }

  static func named(_ what: String, _ name: String, process: Int, thread: Int? = nil) -> TraceEvent
  {
    TraceEvent(
      name: what, phase: "M", process: process, thread: thread, arguments: ["name": .text(name)])
  }
}
