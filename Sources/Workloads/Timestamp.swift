/// A UTC time of day and date in whole nanoseconds.
struct Timestamp: Comparable {
  let days: Int
  let nanoseconds: Int

  /// Reads `YYYY-MM-DD hh:mm:ss` with up to nine decimals and, at the end, nothing, `Z` or
  /// `+00:00`; nil for anything else.
  init?(_ text: Substring) {
    var bytes = Array(text.utf8)
    for zone in ["Z", "+00:00"].map({ Array($0.utf8) }) where bytes.count > 19 {
      if bytes.suffix(zone.count).elementsEqual(zone) { bytes.removeLast(zone.count) }
    }
    guard bytes.count >= 19, bytes[4] == 45, bytes[7] == 45, bytes[10] == 32 || bytes[10] == 84,
      bytes[13] == 58, bytes[16] == 58
    else { return nil }
    func number(_ range: Range<Int>, _ valid: ClosedRange<Int>) -> Int? {
      var value = 0
      for byte in bytes[range] {
        guard byte >= 48, byte <= 57 else { return nil }
        value = value * 10 + Int(byte - 48)
      }
      return valid.contains(value) ? value : nil
    }
    guard let year = number(0..<4, 1...9999), let month = number(5..<7, 1...12),
      let day = number(8..<10, 1...Self.days(in: month, of: year)),
      let hour = number(11..<13, 0...23), let minute = number(14..<16, 0...59),
      let second = number(17..<19, 0...59)
    else { return nil }
    var fraction = 0
    if bytes.count > 19 {
      let decimals = bytes.count - 20
      guard bytes[19] == 46, (1...9).contains(decimals),
        let digits = number(20..<bytes.count, 0...999_999_999)
      else { return nil }
      fraction = (decimals..<9).reduce(digits) { value, _ in value * 10 }
    }
    days = Self.dayNumber(year: year, month: month, day: day)
    nanoseconds = ((hour * 60 + minute) * 60 + second) * 1_000_000_000 + fraction
  }

  func seconds(since start: Timestamp) -> Double {
    Double((days - start.days) * 86_400) + Double(nanoseconds - start.nanoseconds) / 1e9
  }

  static func < (a: Timestamp, b: Timestamp) -> Bool {
    (a.days, a.nanoseconds) < (b.days, b.nanoseconds)
  }

  private static func days(in month: Int, of year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  }

  /// Days in the proleptic Gregorian calendar from a fixed origin (years begin in March).
  private static func dayNumber(year: Int, month: Int, day: Int) -> Int {
    let shifted = month > 2 ? year : year - 1
    let monthFromMarch = (month + 9) % 12
    return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400
      + (153 * monthFromMarch + 2) / 5 + day
  }
}
