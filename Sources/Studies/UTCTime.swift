import Glibc

/// A second of Coordinated Universal Time in digits.
public struct UTCTime: Hashable, Sendable {
  public let secondsSince1970: Int

  public init(secondsSince1970: Int) { self.secondsSince1970 = secondsSince1970 }

  public static func now() -> UTCTime { UTCTime(secondsSince1970: time(nil)) }

  /// ISO 8601: `2026-11-21T11:30:00Z`.
  public var iso8601: String { text(dateSeparator: "-", timeSeparator: ":") }

  /// Without separators, for names: `20261121T113000Z`.
  public var compact: String { text(dateSeparator: "", timeSeparator: "") }

  private func text(dateSeparator: String, timeSeparator: String) -> String {
    var seconds = time_t(secondsSince1970)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let date = [String(Int(parts.tm_year) + 1900), two(parts.tm_mon + 1), two(parts.tm_mday)]
    let clock = [two(parts.tm_hour), two(parts.tm_min), two(parts.tm_sec)]
    return date.joined(separator: dateSeparator) + "T" + clock.joined(separator: timeSeparator)
      + "Z"
  }
}
