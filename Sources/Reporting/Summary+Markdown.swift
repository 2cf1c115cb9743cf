import Units

extension Summary {
  /// The answer and the main tables in GitHub's Markdown, for a pull request's comment.
  public var markdown: String {
    let answer = Answer(self)
    var out = "### padtax: \(Self.markdown(question.isEmpty ? job : question))\n\n"
    if !audit.isEmpty {
      out += "> [!WARNING]\n" + audit.map { "> - \(Self.markdown($0))\n" }.joined() + "\n"
    }
    out += answer.sentences.map { Self.markdown($0.plain) }.joined(separator: " ") + "\n"
    for caveat in answer.caveats { out += "\n_\(Self.markdown(caveat))_\n" }
    out +=
      "\n\(Self.markdown("Job \(job), run \(run): \(origin) times, \(clock) clock; \(machine)."))\n"
    for (title, table) in [("Padding", paddingTable), ("Latency and throughput", throughputTable)] {
      guard !rows.isEmpty, !table.columns.isEmpty else { continue }
      out += "\n**\(title)**\n\n" + table.markdown
    }
    let served = ServingTables(self)
    if !served.isEmpty {
      out += "\n**Serving**\n\n" + served.latencies.markdown
      for (title, table) in served.comparisons {
        out += "\n**Systems side by side: \(Self.markdown(title))**\n\n" + table.markdown
      }
    }
    let warnings = otherWarnings
    guard !warnings.isEmpty else { return out }
    out += "\n<details><summary>\(warnings.count) warnings</summary>\n\n"
    out += warnings.map { "- \(Self.markdown($0))\n" }.joined()
    return out + "\n</details>\n"
  }

  /// Text as Markdown that shows it: no markup, no HTML, no line ends.
  static func markdown(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\", "`", "*", "_", "[", "]", "#", "|", "~":
        out += "\\"
        out.unicodeScalars.append(scalar)
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "&": out += "&amp;"
      // A mention would write to somebody.
      case "@": out += "&#64;"
      case "\n", "\r": out += " "
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}

extension ColumnTable {
  /// A Markdown table; the two header lines become one.
  var markdown: String {
    let all = keys + columns
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
    var out = line(
      all.map { column in
        Summary.markdown(column.unit.isEmpty ? column.title : "\(column.title), \(column.unit)")
      })
    out += line(all.map { $0.alignment == .leading ? ":--" : "--:" })
    for row in 0..<(keys.first?.cells.count ?? 0) {
      out += line(all.map { Summary.markdown($0.cells[row]) })
    }
    return out
  }
}
