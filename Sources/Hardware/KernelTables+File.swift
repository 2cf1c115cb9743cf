import JSONReading
import Units

/// The file's form.
private struct File: Decodable {
  let schema: String
  let version: Int
  let name: String
  let source: String
  let date: String
  let bandwidth: Double
  let peaks: [String: Double]
  let efficiency: Efficiency
  let surfaces: [Surface]

  enum CodingKeys: String, CodingKey {
    case schema, version, name, source, date, efficiency, surfaces
    case bandwidth = "bandwidth_gbps"
    case peaks = "peak_tflops"
  }

  struct Efficiency: Decodable {
    let gemm: Double
    let attention: Double
    let memory: Double
    let launch: Double
    let attentionMemory: Double
    let attentionLaunch: Double

    enum CodingKeys: String, CodingKey {
      case gemm, attention, memory
      case launch = "launch_us"
      case attentionMemory = "attention_memory"
      case attentionLaunch = "attention_launch_us"
    }
  }

  struct Surface: Decodable {
    let operation: String
    let format: String
    let rows: Int
    let rowsDigest: String
    let launch: Double
    let axes: [[Int]]
    let values: [Int]

    enum CodingKeys: String, CodingKey {
      case operation, format, rows, axes
      case rowsDigest = "rows_digest"
      case launch = "launch_us"
      case values = "log_thousandths"
    }
  }
}

extension KernelTables {
  static let schema = "padtax.kernels"

  public init(_ document: JSONDocument) throws(HardwareError) {
    let file: File
    do throws(JSONProblem) {
      file = try document.decode(File.self)
    } catch {
      throw HardwareError(.file, error)
    }
    func fail(_ steps: [JSONStep], _ message: String) -> HardwareError {
      HardwareError(.table, document.problem(at: steps, message))
    }
    guard file.schema == Self.schema, file.version == 1 else {
      throw fail([.key("schema")], "must be \(Self.schema), version 1")
    }
    func positive(_ value: Double, _ steps: [JSONStep]) throws(HardwareError) -> Double {
      guard value > 0, value.isFinite else {
        throw fail(steps, "\(JSONDocument.name(steps)) must be above 0, found \(value)")
      }
      return value
    }
    func format(_ name: String, _ steps: [JSONStep]) throws(HardwareError) -> NumberFormat {
      guard let format = NumberFormat(rawValue: name) else {
        let known = NumberFormat.allCases.map(\.rawValue)
        throw fail(steps, "no number format '\(name)'; \(NearestName.text(name, among: known))")
      }
      return format
    }
    var peaks: [NumberFormat: Double] = [:]
    for (name, peak) in file.peaks.sorted(by: { $0.key < $1.key }) {
      let steps: [JSONStep] = [.key("peak_tflops"), .key(name)]
      peaks[try format(name, steps)] = try positive(peak, steps) * 1e12
    }
    let roofline = KernelRoofline(
      peaks: peaks, bandwidth: try positive(file.bandwidth, [.key("bandwidth_gbps")]) * 1e9)
    var surfaces: [KernelSurface] = []
    for (index, surface) in file.surfaces.enumerated() {
      let steps: [JSONStep] = [.key("surfaces"), .index(index)]
      guard let operation = KernelOperation(rawValue: surface.operation) else {
        let known = KernelOperation.allCases.map(\.rawValue)
        throw fail(
          steps + [.key("operation")],
          "no operation '\(surface.operation)'; \(NearestName.text(surface.operation, among: known))"
        )
      }
      guard surface.axes.count == operation.columns.count else {
        throw fail(
          steps + [.key("axes")],
          "\(operation.rawValue) has \(operation.columns.count) axes "
            + "(\(operation.columns.joined(separator: " "))), found \(surface.axes.count)")
      }
      for (axis, knots) in surface.axes.enumerated() {
        guard let first = knots.first, first >= 1, zip(knots, knots.dropFirst()).allSatisfy(<)
        else {
          throw fail(steps + [.key("axes"), .index(axis)], "knots must grow from 1 on")
        }
      }
      let count = surface.axes.reduce(1) { $0 * $1.count }
      guard surface.values.count == count else {
        throw fail(
          steps + [.key("log_thousandths")],
          "must have a number for each of \(count) knots, found \(surface.values.count)")
      }
      // e^20 is far beyond any kernel; it keeps times finite.
      if let wrong = surface.values.firstIndex(where: { $0.magnitude > 20_000 }) {
        throw fail(
          steps + [.key("log_thousandths"), .index(wrong)],
          "must be within ±20000, found \(surface.values[wrong])")
      }
      surfaces.append(
        KernelSurface(
          operation: operation, format: try format(surface.format, steps + [.key("format")]),
          rows: surface.rows, rowsDigest: surface.rowsDigest,
          launch: try positive(surface.launch, steps + [.key("launch_us")]) / 1e6,
          axes: surface.axes.map(KnotAxis.init), values: surface.values))
    }
    func share(_ value: Double, _ key: String) throws(HardwareError) -> Double {
      let steps: [JSONStep] = [.key("efficiency"), .key(key)]
      guard try positive(value, steps) <= 1.5 else {
        throw fail(steps, "\(JSONDocument.name(steps)) is a share of 1, found \(value)")
      }
      return value
    }
    self.init(
      name: file.name, source: file.source, date: file.date,
      roofline: roofline,
      efficiency: .init(
        gemm: try share(file.efficiency.gemm, "gemm"),
        attention: try share(file.efficiency.attention, "attention"),
        memory: try share(file.efficiency.memory, "memory"),
        launch: try positive(
          file.efficiency.launch, [.key("efficiency"), .key("launch_us")]) / 1e6,
        attentionMemory: try share(file.efficiency.attentionMemory, "attention_memory"),
        attentionLaunch: try positive(
          file.efficiency.attentionLaunch, [.key("efficiency"), .key("attention_launch_us")])
          / 1e6),
      surfaces: surfaces)
  }

  /// The file: numbers as they are used, one line for each run of the last axis.
  public var fileText: String {
    func quoted(_ text: String) -> String { JSONLiteral.string(text) }
    let peaks = NumberFormat.allCases.compactMap { format in
      roofline.peaks[format].map { "\"\(format.rawValue)\": \(Self.number($0 / 1e12))" }
    }
    var lines = [
      "{",
      "  \"schema\": \"\(Self.schema)\",",
      "  \"version\": 1,",
      "  \"name\": \(quoted(name)),",
      "  \"source\": \(quoted(source)),",
      "  \"date\": \(quoted(date)),",
      "  \"bandwidth_gbps\": \(Self.number(roofline.bandwidth / 1e9)),",
      "  \"peak_tflops\": {\(peaks.joined(separator: ", "))},",
      "  \"efficiency\": {\"gemm\": \(Self.number(efficiency.gemm)), \"attention\": "
        + "\(Self.number(efficiency.attention)), \"memory\": \(Self.number(efficiency.memory)), "
        + "\"launch_us\": \(Self.number(efficiency.launch * 1e6)),",
      "    \"attention_memory\": \(Self.number(efficiency.attentionMemory)), "
        + "\"attention_launch_us\": \(Self.number(efficiency.attentionLaunch * 1e6))},",
      "  \"surfaces\": [",
    ]
    for (index, surface) in surfaces.enumerated() {
      let axes = surface.axes.map { "[\($0.knots.map(String.init).joined(separator: ","))]" }
      lines += [
        "    {\"operation\": \"\(surface.operation.rawValue)\", \"format\": "
          + "\"\(surface.format.rawValue)\", \"rows\": \(surface.rows), \"rows_digest\": "
          + "\(quoted(surface.rowsDigest)), \"launch_us\": \(Self.number(surface.launch * 1e6)),",
        "     \"axes\": [\(axes.joined(separator: ", "))],",
        "     \"log_thousandths\": [",
      ]
      let run = surface.axes.last?.knots.count ?? 1
      let starts = stride(from: 0, to: surface.values.count, by: run)
      lines += starts.map { start in
        let values = surface.values[start..<start + run].map(String.init).joined(separator: ",")
        return start + run < surface.values.count ? values + "," : values + "]}"
      }
      if index + 1 < surfaces.count { lines[lines.count - 1] += "," }
    }
    return (lines + ["  ]", "}", ""]).joined(separator: "\n")
  }

  /// Seven digits: more than any measurement has, and what is read gives the same text again.
  private static func number(_ value: Double) -> String { value.significant(7) }
}
