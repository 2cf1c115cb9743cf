import Units

/// A JUnit XML file, as continuous integration reads gates: one suite of cases.
public struct JUnitReport: Sendable, Hashable {
  public struct Case: Sendable, Hashable {
    public var group: String
    public var name: String
    /// What went wrong; nil for a case that passed.
    public var failure: String?
    /// Why it was not decided; nil for one that was.
    public var skipped: String?
    public var output: String

    public init(
      group: String, name: String, failure: String? = nil, skipped: String? = nil,
      output: String = ""
    ) {
      self.group = group
      self.name = name
      self.failure = failure
      self.skipped = skipped
      self.output = output
    }
  }

  public var name: String
  public var cases: [Case]

  public init(name: String, cases: [Case]) {
    self.name = name
    self.cases = cases
  }

  public var xml: String {
    let failures = cases.count { $0.failure != nil }
    let skips = cases.count { $0.failure == nil && $0.skipped != nil }
    let counts =
      "tests=\"\(cases.count)\" failures=\"\(failures)\" skipped=\"\(skips)\" errors=\"0\""
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text += "<testsuites \(counts)>\n<testsuite name=\"\(Self.escaped(name))\" \(counts)>\n"
    for item in cases {
      text += "<testcase classname=\"\(Self.escaped(item.group))\""
      text += " name=\"\(Self.escaped(item.name))\">"
      if let failure = item.failure {
        text += "<failure message=\"\(Self.escaped(failure))\"/>"
      } else if let skipped = item.skipped {
        text += "<skipped message=\"\(Self.escaped(skipped))\"/>"
      }
      if !item.output.isEmpty { text += "<system-out>\(Self.escaped(item.output))</system-out>" }
      text += "</testcase>\n"
    }
    return text + "</testsuite>\n</testsuites>\n"
  }

  /// Text for an attribute or an element; characters that XML 1.0 cannot hold become U+FFFD.
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "\n": out += "&#10;"
      case "\t": out += "&#9;"
      case "\r": out += "&#13;"
      case _ where scalar.value < 0x20 || scalar.value == 0xfffe || scalar.value == 0xffff:
        out += "\u{fffd}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
