import Testing

@testable import Reporting

@Suite struct HTMLTests {
  @Test("interpolated text is escaped, interpolated markup is not")
  func escaping() {
    let text = "<script>alert('x')</script> & \"quotes\"\u{0}\u{1B}"
    let part: HTML = "<b title=\"\(text)\">\(text)</b>"
    let shown =
      "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;quotes&quot;\u{FFFD}\u{FFFD}"
    #expect(part.markup == "<b title=\"\(shown)\">\(shown)</b>")
    let page: HTML = "<p>\(part)\([part, "-"])\(7)</p>"
    #expect(page.markup == "<p>\(part.markup)\(part.markup)-7</p>")
  }

  @Test("JSON in a page cannot end its element and still means the same")
  func data() throws {
    let element = HTML.data(id: "spec-x", json: "{\"a\":\"</script><!--<script>\"}").markup
    #expect(
      element == "<script type=\"application/json\" id=\"spec-x\">"
        + "{\"a\":\"\\u003c/script>\\u003c!--\\u003cscript>\"}</script>\n")
  }

  @Test("a table has a caption, headers with scope, and no line without numbers")
  func table() {
    let table = ColumnTable(
      keys: [.init("layout", alignment: .leading, cells: ["tp1", "<tp2>", "tp4"])],
      columns: [
        .init("n", cells: ["1", "2", "0"], definition: "n"),
        .init("x & y", unit: "%", cells: ["-", "5", "-"]),
      ])
    let markup = HTML(table, caption: "What").markup
    #expect(markup.contains("<caption>What</caption>"))
    #expect(
      markup.contains("<th scope=\"col\" class=\"r\"><a class=\"def\" href=\"#def-n\">n</a></th>"))
    #expect(markup.contains("x &amp; y <span class=\"unit\">%</span>"))
    #expect(markup.contains("<th scope=\"row\">&lt;tp2&gt;</th><td class=\"r\">2</td>"))
    #expect(markup.contains("<td class=\"r\">–</td>") && !markup.contains("tp4"))
    #expect(markup.contains("tabindex=\"0\""))
    let empty = ColumnTable(keys: [.init("a", cells: [])], columns: [])
    #expect(HTML(empty, caption: "What").markup == "")
  }
}
