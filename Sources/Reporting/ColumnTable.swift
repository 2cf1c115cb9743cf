import Units

/// Rows of text in aligned columns. A table that is too wide is cut into blocks that repeat the
/// leading columns.
public struct ColumnTable: Sendable {
  /// A column: two header lines, where its text stands, and one cell per row.
  public struct Column: Sendable {
    let title: String
    let unit: String
    let alignment: ColumnAlignment
    let cells: [String]
    /// Key of the glossary entry that says what the column holds.
    let definition: String?

    public init(
      _ title: String, unit: String = "", alignment: ColumnAlignment = .trailing, cells: [String],
      definition: String? = nil
    ) {
      self.title = title
      self.unit = unit
      self.alignment = alignment
      self.cells = cells
      self.definition = definition
    }

    /// True when no row has anything to say.
    var isBlank: Bool { cells.allSatisfy { $0.isEmpty || $0 == ColumnTable.blank } }

    var width: Int { ([title, unit] + cells).map(\.count).max() ?? 0 }
  }

  /// What stands where there is no number.
  public static let blank = "-"

  let keys: [Column]
  let columns: [Column]

  /// - Parameters:
  ///   - keys: columns that name a row; every block begins with them.
  ///   - columns: the rest; those without any text are left out.
  public init(keys: [Column], columns: [Column]) {
    let rows = keys.first?.cells.count ?? 0
    precondition((keys + columns).allSatisfy { $0.cells.count == rows }, "columns of one length")
    self.keys = keys
    self.columns = columns.filter { !$0.isBlank }
  }

  /// The table in lines of at most `width` characters, as far as one column beside the keys fits.
  public func text(width: Int) -> String {
    var blocks: [[Column]] = []
    let fixed = keys.reduce(-2) { $0 + $1.width + 2 }
    var used = 0
    for column in columns {
      if blocks.isEmpty || used + 2 + column.width > width {
        blocks.append([])
        used = fixed
      }
      blocks[blocks.count - 1].append(column)
      used += 2 + column.width
    }
    return blocks.map { lines(keys + $0) }.joined(separator: "\n")
  }

  private func lines(_ columns: [Column]) -> String {
    func line(_ texts: [String]) -> String {
      let padded = zip(columns, texts).map { column, text in
        text.padded(to: column.width, alignment: column.alignment)
      }
      var line = padded.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }
    var out = line(columns.map(\.title))
    if columns.contains(where: { !$0.unit.isEmpty }) { out += line(columns.map(\.unit)) }
    out += line(columns.map { String(repeating: "-", count: $0.width) })
    for row in 0..<(columns.first?.cells.count ?? 0) {
      out += line(columns.map { $0.cells[row] })
    }
    return out
  }
}
