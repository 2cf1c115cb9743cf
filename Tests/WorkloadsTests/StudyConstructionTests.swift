import Statistics
import TestSupport
import Testing
import Workloads

@Suite struct StudyConstructionTests {
  /// Means of p and of a spread over many batches.
  func means(
    _ construction: StudyConstruction, _ p: Double, _ cov: Double, batches: Int = 60,
    _ spread: (Batch) -> Double
  ) throws -> (padRatio: Double, spread: Double) {
    var (ratio, total) = (0.0, 0.0)
    for id in 0..<batches {
      let lengths = try construction.lengths(
        rows: 128, padRatio: p, cov: cov, seed: 3, batch: id)
      let batch = try Batch(id: id, lengths: lengths)
      ratio += batch.padRatio
      total += spread(batch)
    }
    return (ratio / Double(batches), total / Double(batches))
  }

  @Test(arguments: [(0.2, 0.15), (0.3, 0.35), (0.5, 0.25), (0.7, 0.15)])
  func versionTwoHasTheTargetsOfTheWholeBatch(p: Double, cov: Double) throws {
    // Without the corrections p would be low by 1/128 of itself and cov_pad up to 0.03 off.
    let found = try means(.fixedLongest(128), p, cov) { $0.covPadding ?? 0 }
    #expect(abs(found.padRatio - p) < 0.003, "\(found)")
    #expect(abs(found.spread - cov) < 0.006, "\(found)")
  }

  @Test(arguments: [(0.2, 0.05), (0.3, 0.2), (0.5, 0.2), (0.7, 0.2)])
  func versionOneHasTheTargetsOfAllRowsButTheLongest(p: Double, cov: Double) throws {
    let construction = StudyConstruction.fixedMean(87.5)
    let longest = try construction.longest(rows: 128, padRatio: p)
    let found = try means(construction, p, cov) { batch in
      var others = batch.lengths.sorted()
      #expect(others.removeLast() == longest && batch.longest == longest)
      let sample = try? Sample(others.map(Double.init))
      return (sample?.populationStandardDeviation ?? 0) / (sample?.mean ?? 1)
    }
    #expect(abs(found.padRatio - p) < 0.006, "\(found)")
    #expect(abs(found.spread - cov) < 0.01, "\(found)")
  }

  @Test(
    .enabled(
      if: SharedData.path("study/benchmark_dataset_v2/pad50_cov25.json") != nil,
      "\(SharedData.missing("study/benchmark_dataset_v2"))"))
  func versionTwoDrawsLengthsLikeTheStudys() throws {
    // The two-sample Kolmogorov distance of 5 · 127 published rows and as many times eight of ours;
    // 0.1 % of pairs of equal distributions exceed 1.95 · √(1/n + 1/m) = 0.082.
    for (pad, cov) in [(20, 15), (30, 45), (50, 25), (70, 15), (70, 35)] {
      let path = try #require(
        SharedData.path("study/benchmark_dataset_v2/pad\(pad)_cov\(cov).json"))
      var published: [Int] = []
      for entry in try StudyCell(contentsOf: path).batches {
        published += entry.batch.lengths.sorted().dropLast()
      }
      var ours: [Int] = []
      for id in 0..<40 {
        ours += try StudyConstruction.fixedLongest(128).lengths(
          rows: 128, padRatio: Double(pad) / 100, cov: Double(cov) / 100, seed: 1, batch: id
        ).sorted().dropLast()
      }
      let distance = (1...128).reduce(0.0) { largest, length in
        max(largest, (share(published, upTo: length) - share(ours, upTo: length)).magnitude)
      }
      #expect(distance < 0.082, "pad\(pad)_cov\(cov): \(distance)")
    }
  }

  func share(_ lengths: [Int], upTo length: Int) -> Double {
    Double(lengths.count { $0 <= length }) / Double(lengths.count)
  }

  @Test func versionOnesLongestFollowsFromThePadding() throws {
    // f = (16 · 0.5 − 1)/15 = 7/15; 87.5/f = 187.5. All others at 87.5: p = 15 · 100/(16 · 187.5).
    #expect(try StudyConstruction.fixedMean(87.5).longest(rows: 16, padRatio: 0.5) == 188)
    #expect(try StudyConstruction.fixedLongest(128).longest(rows: 16, padRatio: 0.5) == 128)
  }

  @Test func isSeeded() throws {
    let construction = StudyConstruction.fixedLongest(128)
    let lengths = try construction.lengths(rows: 16, padRatio: 0.5, cov: 0.35, seed: 1)
    #expect(try lengths == construction.lengths(rows: 16, padRatio: 0.5, cov: 0.35, seed: 1))
    #expect(try lengths != construction.lengths(rows: 16, padRatio: 0.5, cov: 0.35, seed: 2))
    #expect(
      try lengths != construction.lengths(rows: 16, padRatio: 0.5, cov: 0.35, seed: 1, batch: 1))
    #expect(lengths.contains(128))
  }

  @Test func refusesTargetsWithoutParameters() {
    func message(
      _ construction: StudyConstruction, _ p: Double, _ cov: Double, rows: Int = 16,
      shortest: Int = 1
    ) -> String {
      fileError {
        _ = try construction.lengths(
          rows: rows, padRatio: p, cov: cov, shortest: shortest, seed: 1)
      }?.message ?? "none"
    }
    #expect(message(.fixedLongest(128), 0.95, 0.3).contains("below 1 − 1/16"))
    #expect(message(.fixedLongest(128), 0, 0.3).contains("must be above 0"))
    #expect(message(.fixedLongest(128), 0.5, 0.2).contains("cov_pad 0.2 is outside 0.258"))
    #expect(message(.fixedLongest(128), 0.5, 1).contains("to 1.0, which 16 rows"))
    #expect(message(.fixedLongest(128), 0.5, .nan).contains("must be a number"))
    #expect(message(.fixedLongest(128), 0.5, 0.5, rows: 1).contains("2 to"))
    #expect(message(.fixedLongest(128), 0.5, 0.5, shortest: 129).contains("exceeds the longest"))
    #expect(message(.fixedLongest(0), 0.5, 0.5).contains("zero tokens"))
    #expect(message(.fixedMean(0), 0.5, 0.5).contains("mean must be 1 to"))
    #expect(message(.fixedMean(1e6), 0.9, 0.5).contains("needs a longest length"))
    #expect(message(.fixedMean(80), 0.5, 0.5) == "none")
  }
}
