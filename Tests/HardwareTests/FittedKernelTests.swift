import FoundationEssentials
import Hardware
import Statistics
import TestSupport
import Testing

/// The committed fits against the measured tables beside the package.
@Suite struct FittedKernelTests {
  /// Those of the A100 and the sparest of the H100: fits take seconds without optimisation, and
  /// `padtax validate --kernels` judges all.
  static let tables: [(device: String, file: String)] = [
    ("a100", "gemm_bf16"), ("a100", "prefill_attention_bf16"), ("a100", "decode_attention_bf16"),
    ("h100", "gemm_bf16"), ("h100", "prefill_attention_bf16"),
  ]

  /// A table, its device's rates and its committed surface.
  private struct Fitted {
    let table: KernelMeasurements
    let roofline: KernelRoofline
    let surface: KernelSurface

    init(_ device: String, _ file: String) throws {
      let path = try #require(SharedData.path("\(device)/\(file).csv"))
      table = try KernelMeasurements(contentsOf: path)
      let tables = try KernelCatalogue.tables(device)
      roofline = tables.roofline
      surface = try #require(tables.surface(table.operation, table.format))
    }
  }

  @Test(
    .enabled(if: SharedData.path("a100") != nil, "\(SharedData.missing("a100"))"),
    arguments: tables.suffix(2))
  func `the committed numbers are what the rows give`(device: String, file: String) throws {
    let fitted = try Fitted(device, file)
    let again = try KernelSurface(
      fitting: fitted.table, roofline: fitted.roofline, axes: fitted.surface.axes)
    #expect(again.rowsDigest == fitted.surface.rowsDigest)
    // Another machine's logarithms may round a thousandth the other way.
    let apart = zip(again.values, fitted.surface.values).map { abs($0 - $1) }
    #expect(apart.allSatisfy { $0 <= 1 })
    #expect(apart.count == fitted.surface.values.count)
  }

  @Test(
    .enabled(if: SharedData.path("a100") != nil, "\(SharedData.missing("a100"))"),
    arguments: tables)
  func `rows left out are met within the stated tolerance`(device: String, file: String) throws {
    let fitted = try Fitted(device, file)
    let errors = try KernelFit.crossValidation(
      fitted.table, roofline: fitted.roofline, folds: 3, seed: 11, axes: fitted.surface.axes)
    let sizes = try Sample(errors.map(\.magnitude))
    let isProduct = fitted.table.operation == .gemm
    #expect(sizes.median <= (isProduct ? 0.04 : 0.05))
    #expect(sizes.quantile(0.9) <= (isProduct ? 0.15 : 0.2))
    #expect(abs(try Sample(errors).mean) < 0.03)
  }

  @Test func `the catalogue lists the folder's files`() throws {
    let folder = SharedData.packageFolder + "/Sources/Hardware/Catalogue"
    let files = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(
      files.filter { $0.hasSuffix(".json") }.sorted() == KernelCatalogue.names.map { "\($0).json" })
    #expect(
      files.filter { $0.hasSuffix(".yaml") }.sorted()
        == HardwareCatalogue.names.map { "\($0).yaml" })
  }
}
