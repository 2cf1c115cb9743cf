import Models

/// Rows in the form of `serving/qwen3-32b_h100_sglang.csv`: what an engine measured of closed loops.
///
/// Each of so many users sends a prompt of `isl` tokens, takes `osl` tokens and sends the next; TTFT and
/// TPOT are means in milliseconds. Columns may stand in any order; those not named here are not looked at.
public struct ServingTable: Sendable {
  /// Columns that a table must have.
  public static let columns = [
    "model_path", "system", "isl", "osl", "tp_size", "pp_size", "concurrency", "silicon_ttft_ms",
    "silicon_tpot_ms",
  ]

  public struct Row: Sendable, Hashable {
    public let line: Int
    public let model: ModelConfiguration
    public let layout: ParallelLayout
    public let prompt: Int
    public let output: Int
    public let users: Int
    /// Milliseconds.
    public let ttft: Double
    public let tpot: Double

    /// As people name it.
    public var name: String {
      "line \(line): \(layout), \(users) users, \(prompt) + \(output) tokens"
    }

    /// What was measured, and on what; not where it stands.
    func isSame(as other: Row) -> Bool {
      (model, layout) == (other.model, other.layout)
        && (prompt, output, users) == (other.prompt, other.output, other.users)
        && (ttft, tpot) == (other.ttft, other.tpot)
    }
  }

  public let source: String
  public let rows: [Row]
  /// Rows that cannot be judged: file, line, column, and what is valid there.
  public let problems: [String]

  init(source: String, rows: [Row]) {
    self.source = source
    self.rows = rows
    problems = []
  }

  /// - Parameters:
  ///   - source: the file's name, for errors.
  ///   - hardware: a device whose name the column `system` begins with.
  /// - Throws: `SimulationError` where the header lacks a column, or there is no row.
  public init(parsing text: String, source: String, hardware: String) throws(SimulationError) {
    self.source = source
    var header: [String]?
    var rows: [Row] = []
    var problems: [String] = []
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    for (index, line) in lines.enumerated() where !line.isEmpty && !line.hasPrefix("#") {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      guard let names = header else {
        for name in Self.columns where !fields.contains(name) {
          throw SimulationError(
            .data,
            "\(source):\(index + 1): column \(name) is missing; wanted: "
              + Self.columns.joined(separator: ","))
        }
        header = fields
        continue
      }
      do {
        let reader = Fields(place: "\(source):\(index + 1)", names: names, values: fields)
        rows.append(try reader.row(line: index + 1, hardware: hardware))
      } catch { problems.append(error.description) }
    }
    guard !rows.isEmpty || !problems.isEmpty else {
      throw SimulationError(
        .data,
        "\(source): has no rows; wanted: \(Self.columns.joined(separator: ",")) and rows below it")
    }
    self.rows = rows
    self.problems = problems
  }
}

/// The fields of one row.
private struct Fields {
  let place: String
  let names: [String]
  let values: [String]

  private func fail(_ column: String, _ found: String?, _ wanted: String) -> SimulationError {
    let found = found.flatMap { $0.isEmpty ? nil : "is '\($0)'" } ?? "is missing"
    return SimulationError(.data, "\(place): column \(column) \(found); \(wanted)")
  }

  /// Empty where there is no such column.
  private func text(_ column: String) -> String {
    names.firstIndex(of: column).map { values[$0] } ?? ""
  }

  private func number(
    _ column: String, _ wanted: String, _ isValid: (Double) -> Bool
  ) throws(SimulationError) -> Double {
    let text = text(column)
    guard let value = Double(text), value.isFinite, isValid(value) else {
      throw fail(column, text, "it must be \(wanted)")
    }
    return value
  }

  /// A whole number, which files may write as 2.0.
  private func whole(_ column: String, to most: Int = 1 << 20) throws(SimulationError) -> Int {
    Int(
      try number(column, "a whole number from 1 to \(most)") {
        $0 >= 1 && $0 <= Double(most) && $0.rounded() == $0
      })
  }

  func row(line: Int, hardware: String) throws(SimulationError) -> ServingTable.Row {
    guard values.count == names.count else {
      throw SimulationError(
        .data,
        "\(place): \(values.count) fields; wanted \(names.count): \(names.joined(separator: ","))")
    }
    let path = text("model_path")
    let preset = (path.split(separator: "/").last ?? "").lowercased()
    guard let model = try? ModelConfiguration.preset(preset) else {
      throw fail(
        "model_path", path,
        "its last part must be a preset: "
          + ModelConfiguration.presetNames.joined(separator: " "))
    }
    let system = text("system")
    guard system.split(separator: "_").first == hardware.split(separator: "_").first else {
      throw fail("system", system, "the rows must be of \(hardware), such as \(hardware)_sxm")
    }
    if !["", "1", "1.0"].contains(text("attention_dp_size")) {
      throw fail(
        "attention_dp_size", text("attention_dp_size"), "only 1 or nothing can be priced")
    }
    if !["", "bfloat16", "bf16"].contains(text("gemm_quant_mode")) {
      throw fail("gemm_quant_mode", text("gemm_quant_mode"), "only bfloat16 or nothing is priced")
    }
    let (tensor, pipeline) = (try whole("tp_size"), try whole("pp_size"))
    let layout: ParallelLayout
    do {
      layout = try ParallelLayout(tensor: tensor, pipeline: pipeline)
      try layout.validate(for: model)
    } catch { throw fail("tp_size", text("tp_size"), "\(error)") }
    return ServingTable.Row(
      line: line, model: model, layout: layout, prompt: try whole("isl"),
      output: try whole("osl"), users: try whole("concurrency", to: 1 << 14),
      ttft: try number("silicon_ttft_ms", "a number above 0") { $0 > 0 },
      tpot: try number("silicon_tpot_ms", "a number above 0") { $0 > 0 })
  }
}
