import FoundationEssentials
import Workloads

extension JobChecks {
  func batches() throws(RecordError) -> [Batch] {
    let source = job.workload
    let batches = try at("workload.\(source.kind.rawValue)") { try load() }
    if let longest = source.longest {
      return try at("workload.longest") { try batches.map { try Self.cut($0, to: longest) } }
    }
    return batches
  }

  private func load() throws -> [Batch] {
    let source = job.workload
    let limits = LengthLimits(empty: .drop)
    switch source.kind {
    case .batches: return try taken(BatchFile(contentsOf: source.value).batches)
    case .study:
      var isFolder = false
      guard FileManager.default.fileExists(atPath: source.value, isDirectory: &isFolder), isFolder
      else { return try taken(StudyCell(contentsOf: source.value).batches.map(\.batch)) }
      return try StudyFolder(source.value)
        .batches(first: source.first, count: source.batchCount).map(cutRows)
    case .sharegpt:
      guard source.first == 0 else {
        throw RecordError("its batches are drawn at random by the seed; leave out workload.first")
      }
      return try drawn(
        .shareGPT(contentsOf: source.value, limits: limits), .random(seed: job.seed))
    case .trace:
      return try drawn(
        .trace(contentsOf: source.value, limits: limits), .consecutive(offset: source.first))
    case .generate:
      let count = (source.batchSize ?? 16) * (source.batchCount ?? 4) + source.first
      return try drawn(
        .generated(LengthShape(parsing: source.value), count: count, seed: job.seed),
        .consecutive(offset: source.first))
    case .padRatio:
      guard let padding = source.padding else { throw RecordError("has no spread") }
      return try padding.batches(
        rows: source.batchSize ?? 16, count: source.batchCount ?? 2, longest: source.longest,
        seed: job.seed)
    }
  }

  /// Whole batches of a file: those from `first` on, each with the requests that the job asks for.
  private func taken(_ batches: [Batch]) throws -> [Batch] {
    let source = job.workload
    let rest = batches.dropFirst(source.first)
    guard !rest.isEmpty, rest.count >= source.batchCount ?? 1 else {
      throw RecordError(
        "\(source.value) has \(batches.count) batches; batches-taken is "
          + "\(source.batchCount.map(String.init) ?? "not set") and first \(source.first)")
    }
    return try rest.prefix(source.batchCount ?? .max).map(cutRows)
  }

  /// The batch's first requests, as many as the job asks for.
  private func cutRows(_ batch: Batch) throws -> Batch {
    guard let size = job.workload.batchSize else { return batch }
    guard batch.count >= size else {
      throw RecordError(
        "batch \(batch.id) of \(job.workload.value) has \(batch.count) requests; batch-size is \(size)"
      )
    }
    return try batch.replacing(Array(batch.requests.prefix(size)))
  }

  private func drawn(_ list: RequestList, _ order: DrawOrder) throws -> [Batch] {
    var list = list
    if let outputs = job.workload.outputs {
      list = try list.withOutputs(OutputLengths(parsing: outputs), seed: job.seed)
    }
    return try list.batches(
      size: job.workload.batchSize ?? 16, count: job.workload.batchCount ?? 4, order: order)
  }

  /// The batch with prompts of at most `longest` tokens: what is longer loses its end.
  private static func cut(_ batch: Batch, to longest: Int) throws -> Batch {
    try batch.replacing(
      batch.requests.map { request in
        guard request.promptLength > longest else { return request }
        return try Request(
          id: request.id, promptLength: longest, outputLength: request.outputLength,
          tokens: request.tokens.map { Array($0.prefix(longest)) }, arrival: request.arrival)
      })
  }

  /// The first batches of each padding pair, or of all where no pairs were asked for.
  func warmupBatches(_ batches: [Batch]) throws(RecordError) -> Set<Int> {
    guard let count = job.warmupBatches else { return [] }
    var seen: [PaddingPair?: Int] = [:]
    let warm = batches.indices.filter { index in
      let before = seen[batches[index].target, default: 0]
      seen[batches[index].target] = before + 1
      return before < count
    }
    return try at("warm-up-batches") {
      guard let fewest = seen.values.min(), fewest > count else {
        throw RecordError(
          "\(count) batches would warm up of \(seen.values.min() ?? 0); at least one must count")
      }
      return Set(warm)
    }
  }
}
