import Records
import Units

/// A chart with what a reader needs beside it: what it shows in words, and the numbers as a table.
struct Chart: Sendable {
  /// Also the name of its image file.
  var id: String
  var title: String
  var spec: VegaLite
  /// What is measured, virtual, modelled or imported, n, and what the marks mean.
  var caption: HTML
  /// One sentence for those who do not see the chart.
  var description: String
  var table: ColumnTable?

  /// The figure and its data. Without the table, `details` is left out.
  func html() throws(RecordError) -> HTML {
    let numbers: HTML =
      table.map {
        """
        <details><summary>Numbers of this chart</summary>
        \(HTML($0, caption: title))</details>
        """
      } ?? ""
    return """
      <div class="chart" id="chart-\(id)"><figure>
      <h3>\(title)</h3>
      <div class="plot" role="img" aria-label="\(description)" data-spec="spec-\(id)"></div>
      \(HTML.data(id: "spec-\(id)", json: try JSONText.line(spec)))\
      <figcaption>\(caption)</figcaption></figure>
      \(numbers)</div>

      """
  }
}
