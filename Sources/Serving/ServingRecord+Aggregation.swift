import Records
import Scheduling
import Workloads

extension RequestRecord {
  /// What happened to a request of a workload.
  public init(_ finished: FinishedRequest, entry: ServingEntry, run: ServingRun) {
    self.init(
      run: run, request: finished.request.id, kind: entry.kind, sharedTokens: entry.sharedTokens,
      promptTokens: finished.request.prompt.count, outputTokens: finished.tokenTimes.count,
      arrivalSeconds: finished.request.arrival, admittedSeconds: finished.admitted,
      tokenSeconds: finished.tokenTimes, releasedSeconds: finished.released,
      preemptions: finished.preemptions, recomputedTokens: finished.recomputedTokens,
      reusedBlocks: finished.reusedBlocks, reusedTokens: finished.reusedTokens)
  }
}

extension ServingRecord {
  /// What a run came to.
  /// - Parameters:
  ///   - requests: those that were answered.
  ///   - refused: those that can never run.
  ///   - warmup: leading requests left out of the figures; nil finds the steady state.
  public init(
    run: ServingRun, requests: [RequestRecord], iterations: [IterationRecord], refused: Int = 0,
    limits: SchedulerLimits, levels: ServiceLevels, warmup: Int? = nil, ranks: Int
  ) {
    self.init(run: run, ranks: ranks, levels: levels)
    completed = requests.count
    self.requests = requests.count + refused
    self.refused = refused
    let window = ServingWindow(requests, warmup: warmup)
    (windowStart, windowEnd, windowRequests) = (window.start, window.end, window.requests.count)
    isSteady = window.isSteady
    metrics = window.metrics(levels: levels, ranks: ranks)
    maxBatchSize = limits.maxBatchSize
    maxNumTokens = limits.maxNumTokens
    blockSize = limits.blockSize
    blockCount = limits.blockCount
    if case .contiguous = limits.reservation { reservations = limits.blockCount / limits.run }
    promptTokens = requests.reduce(0) { $0 + $1.promptTokens }
    reusedTokens = requests.reduce(0) { $0 + $1.reusedTokens }
    recomputedTokens = requests.reduce(0) { $0 + $1.recomputedTokens }
    if !requests.isEmpty {
      let blocks = requests.reduce(0) {
        $0 + limits.blocks(for: $1.promptTokens + $1.outputTokens - 1)
      }
      meanRequestBlocks = Double(blocks) / Double(requests.count)
    }
    offeredRate = try? ArrivalProcess(parsing: run.load).rate
    var seconds = 0.0
    var wasted = 0.0
    for iteration in iterations {
      peakRunning = max(peakRunning, iteration.running)
      peakWaiting = max(peakWaiting, iteration.waiting)
      preemptions += iteration.preemptions
      prefillTokens += iteration.prefillTokens
      prefillSlots += iteration.prefillSlots
      decodeTokens += iteration.decodeTokens
      decodeSlots += iteration.decodeSlots
      if let slots = iteration.graphSlots { graphSlots = (graphSlots ?? 0) + slots }
      pairs += iteration.pairs
      usefulPairs += iteration.usefulPairs
      planBytes += iteration.planBytes
      seconds += iteration.stepSeconds
      wasted += iteration.stepSeconds * iteration.kv.waste
    }
    self.iterations = iterations.count
    memoryWaste = seconds > 0 ? wasted / seconds : 0
  }
}
