import Units

extension HTML {
  /// A table in a box of its own that scrolls when it is wider than the page; nothing when it has
  /// nothing to say. Rows without any number are left out. Key columns become row headers, column titles link to their definitions.
  init(_ table: ColumnTable, caption: String) {
    let rows = (0..<(table.keys.first?.cells.count ?? 0)).filter { row in
      table.columns.contains { !["", "0", ColumnTable.blank].contains($0.cells[row]) }
    }
    guard !rows.isEmpty else {
      self = ""
      return
    }
    let columns = table.keys + table.columns
    let heads = columns.map { column -> HTML in
      let title =
        column.definition.map { Glossary.link($0, text: column.title) }
        ?? HTML(text: column.title)
      let unit: HTML = column.unit.isEmpty ? "" : " <span class=\"unit\">\(column.unit)</span>"
      return "<th scope=\"col\" class=\"\(column.side)\">\(title)\(unit)</th>"
    }
    let lines = rows.map { row -> HTML in
      let cells = columns.enumerated().map { index, column -> HTML in
        let text = column.cells[row] == ColumnTable.blank ? "–" : column.cells[row]
        return index < table.keys.count && column.alignment == .leading
          ? "<th scope=\"row\">\(text)</th>" : "<td class=\"\(column.side)\">\(text)</td>"
      }
      return "<tr>\(cells)</tr>\n"
    }
    self = """
      <div class="scroll" role="region" tabindex="0" aria-label="\(caption)"><table>
      <caption>\(caption)</caption>
      <thead><tr>\(heads)</tr></thead>
      <tbody>\(lines)</tbody></table></div>

      """
  }
}

extension ColumnTable.Column {
  fileprivate var side: String { alignment == .leading ? "l" : "r" }
}
