import Glibc
import Models
import Records
import Units

/// What a run says about the claims that are made about padding and parallelism.
public struct Findings: Record, Hashable {
  public static let schemaName = "padtax/findings"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  public var run: String
  public var findings: [Finding]

  public init(_ contents: RunContents) {
    schema = Self.schemaName
    version = Self.schemaVersion
    run = contents.identifier
    let evidence = FindingEvidence(contents)
    findings = [
      evidence.leftBeatsRight, evidence.othersRecover, evidence.continuousRecovers,
      Self.tenPercentCostsGigabytes(),
      evidence.padsAmplifyCommunication, evidence.overheadGrows,
      evidence.pipelinesTakeVariedLengths,
      evidence.tensorWinsLatency, evidence.pipelineWinsThroughput, evidence.hybridLatency,
      evidence.hybridThroughput, evidence.unbalancedHybrids,
    ]
  }

  public var text: String {
    "findings of \(run)\n\n" + findings.map(\.text).joined(separator: "\n")
      + "\nratios: median over pairs (batch, repeat) with a bootstrap 95 % interval over batches and "
      + "repeats;\nless than \((FindingEvidence.band * 100).fixed(0)) % makes no claim true. Each "
      + "verdict stands alone: of many, some are wrong by chance.\n"
  }

  /// KV memory of padding, by formula: the claim says nothing about how much is resident.
  static func tenPercentCostsGigabytes() -> Finding {
    var cases: [Finding.Case] = []
    if let model = try? ModelConfiguration.preset("qwen2.5-32b") {
      let token = model.kvBytesPerToken(elementBytes: 2)
      // "Several" is taken as two or more.
      let needed = Int((2e9 / (0.1 * Double(token))).rounded(.up))
      for (batch, length) in [(8, 2048), (64, 2048), (64, 8192)] {
        let bytes = 0.1 * Double(batch * length * token)
        cases.append(
          .init(
            condition: "\(batch) rows of \(length) slots", effect: "\((bytes / 1e9).fixed(2)) GB",
            value: bytes, verdict: bytes >= 2e9 ? .supported : .refuted))
      }
      return Finding(
        id: "ten-percent-of-32b",
        hypothesis: "10 % padding wastes several GB of KV memory on a 32B model",
        test:
          "0.1 x slots x \(token) bytes per slot (\(model.name): 2 x \(model.layerCount) layers x "
          + "\(model.kvWidth) x 2 bytes); several means 2 GB, reached from \(needed.grouped) slots on",
        origin: "modelled", cases: cases, missing: "")
    }
    return Finding(
      id: "ten-percent-of-32b",
      hypothesis: "10 % padding wastes several GB of KV memory on a 32B model", test: "KV formula",
      origin: "modelled", cases: [], missing: "the model is not among the presets")
  }

  enum CodingKeys: String, CodingKey { case schema, version, run, findings }
}
