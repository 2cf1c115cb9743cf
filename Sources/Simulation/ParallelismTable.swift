import Hardware
import Models

/// Rows of a table in the form of `parallelism-2603.05692.csv`: what a paper says of a model on devices
/// under a layout, and how far off a model may be.
public struct ParallelismTable: Sendable {
  public static let header =
    "id,model,gpu,precision,tp,pp,batch,isl,osl,metric,baseline,value,unit,tolerance,kind"

  /// What is claimed.
  public enum Kind: String, Sendable, CaseIterable {
    /// Arithmetic: equal within the tolerance.
    case exact
    /// A cost model should land within the tolerance.
    case model
    /// Only on which side of the value.
    case trendAbove = "trend_above"
    case trendBelow = "trend_below"
    /// The configuration does not fit into memory.
    case refuse
  }

  public struct Row: Sendable {
    public let line: Int
    public let id: String
    public let model: String
    public let gpu: String
    public let format: NumberFormat
    public let layout: ParallelLayout
    public let batch: Int?
    public let prompt: Int?
    public let generate: Int?
    public let metric: String
    public let baseline: String
    public let value: Double
    public let unit: String
    public let tolerance: Double?
    public let kind: Kind
  }

  public let rows: [Row]
  /// Rows that cannot be judged: file, line, column, and what is valid there.
  public let problems: [String]

  /// Reads comma-separated rows under the header; lines that begin with `#` are comments.
  /// - Parameter source: the file's name, for errors.
  /// - Throws: `SimulationError` where the header is another, or there is no row.
  public init(parsing text: String, source: String) throws(SimulationError) {
    var rows: [Row] = []
    var problems: [String] = []
    var hasHeader = false
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    for (index, line) in lines.enumerated() where !line.isEmpty && !line.hasPrefix("#") {
      let place = "\(source):\(index + 1)"
      guard hasHeader else {
        guard line == Self.header else {
          throw SimulationError(
            .data, "\(place): the first line is '\(line)'; wanted: \(Self.header)")
        }
        hasHeader = true
        continue
      }
      do throws(SimulationError) {
        let row = try Self.row(line, index + 1, place)
        if let other = rows.first(where: { $0.id == row.id }) {
          throw SimulationError(
            .data, "\(place): id '\(row.id)' is there twice; first in line \(other.line)")
        }
        rows.append(row)
      } catch { problems.append(error.description) }
    }
    guard !rows.isEmpty || !problems.isEmpty else {
      throw SimulationError(
        .data, "\(source): has no rows; wanted: \(Self.header) and rows below it")
    }
    self.rows = rows
    self.problems = problems
  }

  private static func row(
    _ line: Substring, _ number: Int, _ place: String
  ) throws(SimulationError) -> Row {
    let names = header.split(separator: ",").map(String.init)
    let fields = line.split(separator: ",", omittingEmptySubsequences: false).map {
      String($0.drop { $0 == " " })
    }
    guard fields.count == names.count else {
      throw SimulationError(
        .data, "\(place): \(fields.count) fields; wanted \(names.count): \(header)")
    }
    func fail(_ index: Int, _ wanted: String) -> SimulationError {
      SimulationError(
        .data,
        "\(place): \(names[index]) is \(fields[index].isEmpty ? "missing" : "'\(fields[index])'"); "
          + wanted)
    }
    func whole(_ index: Int) throws(SimulationError) -> Int? {
      guard !fields[index].isEmpty else { return nil }
      guard let value = Int(fields[index]), (1...(1 << 30)).contains(value) else {
        throw fail(index, "it must be a whole number from 1, or empty")
      }
      return value
    }
    guard !fields[0].isEmpty else { throw fail(0, "each row needs an id") }
    guard ModelConfiguration.presetNames.contains(fields[1]) else {
      throw fail(1, "presets: \(ModelConfiguration.presetNames.joined(separator: " "))")
    }
    guard let format = NumberFormat(rawValue: fields[3]) else {
      throw fail(3, "valid: \(NumberFormat.allCases.map(\.rawValue).joined(separator: " "))")
    }
    guard let tensor = try whole(4), let pipeline = try whole(5) else {
      throw fail(fields[4].isEmpty ? 4 : 5, "tp and pp must be whole numbers from 1")
    }
    let layout = try SimulationError.wrap {
      try ParallelLayout(tensor: tensor, pipeline: pipeline)
    }
    guard let value = Double(fields[11]), value.isFinite, value >= 0 else {
      throw fail(11, "it must be a number from 0")
    }
    guard let kind = Kind(rawValue: fields[14]) else {
      throw fail(14, "valid: \(Kind.allCases.map(\.rawValue).joined(separator: " "))")
    }
    let tolerance = fields[13].isEmpty ? nil : Double(fields[13])
    if kind == .exact || kind == .model {
      guard let tolerance, tolerance >= 0, tolerance.isFinite else {
        throw fail(13, "it must be a share from 0, such as 0.05")
      }
    } else if !fields[13].isEmpty, tolerance == nil || (tolerance ?? 0) < 0 {
      throw fail(13, "it must be a share from 0, or empty")
    }
    return Row(
      line: number, id: fields[0], model: fields[1], gpu: fields[2], format: format,
      layout: layout, batch: try whole(6), prompt: try whole(7), generate: try whole(8),
      metric: fields[9], baseline: fields[10], value: value, unit: fields[12],
      tolerance: tolerance, kind: kind)
  }
}
