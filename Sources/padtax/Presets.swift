import ArgumentParser
import Models
import Studies
import Units

/// Lists the published architectures that jobs can name.
struct Presets: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the published architectures that jobs can name, with their sizes.",
    discussion: """
      Example:
        padtax presets
      """)

  func run() throws {
    let header = ("preset", "parameters", "layers", "hidden", "heads", "KV heads")
    var rows = [header]
    for name in ModelConfiguration.presetNames {
      let model = try ModelConfiguration.preset(name)
      rows.append(
        (
          name, model.parameterCount.grouped, "\(model.layerCount)", "\(model.hiddenSize)",
          "\(model.queryHeads)", "\(model.kvHeads)"
        ))
    }
    for row in rows {
      Terminal.line(
        row.0.padded(to: 16, alignment: .leading) + row.1.padded(to: 18) + row.2.padded(to: 8)
          + row.3.padded(to: 8) + row.4.padded(to: 7) + row.5.padded(to: 10))
    }
  }
}
