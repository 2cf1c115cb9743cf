import Records
import Units

extension FindingEvidence {
  var leftBeatsRight: Finding {
    let cases = cells.compactMap { cell -> Finding.Case? in
      guard let ratio = ratio(of: "left-pad", to: "right-pad", in: cell, Metrics.decodeTPS) else {
        return nil
      }
      return .init(
        condition: cell.layoutName + cell.variationSuffix,
        effect: "decode rate left/right \(ratio.text)", value: ratio.median,
        lower: ratio.interval.lower, upper: ratio.interval.upper, pairs: ratio.pairs,
        verdict: ratio.verdict())
    }
    return Finding(
      id: "left-beats-right", hypothesis: "left padding beats right padding in decode",
      test:
        "decode_tps of left-pad over that of right-pad, same batch and repeat; above 1 supports",
      cases: cases,
      missing: "needs left-pad and right-pad with decode steps, \(Self.fewestPairs) pairs or more")
  }

  /// Share of right padding's extra TTFT over packing that other policies save.
  var othersRecover: Finding {
    var cases: [Finding.Case] = []
    for cell in cells {
      let padded = values(cell, "right-pad", Self.ttft)
      let packed = values(cell, "packed", Self.ttft)
      for policy in cell.policyNames where policy != "right-pad" && policy != "left-pad" {
        guard let ratio = ratio(padded, values(cell, policy, Self.ttft)) else { continue }
        var effect = "TTFT right-pad/\(policy) \(ratio.text)"
        if policy != "packed", ratio.verdict() == .supported,
          let most = self.ratio(padded, packed), most.verdict() == .supported
        {
          let share = (1 - 1 / ratio.median) / (1 - 1 / most.median)
          effect += ", \((share * 100).fixed(0)) % of what packing saves"
        }
        cases.append(
          .init(
            condition: "\(cell.layoutName) \(policy)\(cell.variationSuffix)", effect: effect,
            value: ratio.median, lower: ratio.interval.lower, upper: ratio.interval.upper,
            pairs: ratio.pairs, verdict: ratio.verdict()))
      }
    }
    return Finding(
      id: "others-recover",
      hypothesis: "sorting, bucketing and packing recover what right padding costs",
      test: "batch_ttft_s of right-pad over the policy's, same batch and repeat; above 1 supports",
      cases: cases, missing: "needs right-pad and another policy, \(Self.fewestPairs) pairs or more"
    )
  }

  /// Bytes are counted, not timed: they need no interval.
  var padsAmplifyCommunication: Finding {
    let cases = cells.compactMap { cell -> Finding.Case? in
      guard let layout = cell.parallelLayout, layout.tensor > 1 else { return nil }
      func bytes(_ policy: String) -> Double? {
        let phases = cell.ranks.totals.phases.filter { $0.key.policy == policy }
        let sent = phases.flatMap(\.traffic).filter {
          $0.communicator == "tensor" && CellAggregation.sends($0.operation)
        }.reduce(0) { $0 + $1.bytes }
        let turns = Set(
          phases.flatMap { phase in phase.turns.map { Place(batch: phase.key.batch, turn: $0) } }
        ).count
        return sent > 0 ? Double(sent) / Double(turns) : nil
      }
      func slots(_ policy: String) -> Double {
        let records = cell.executions(policy)
        let sum = records.reduce(0) { $0 + $1.prefillSlots + $1.decodeSlots }
        return Double(sum) / Double(max(1, records.count))
      }
      guard let padded = bytes("right-pad"), let packed = bytes("packed"), slots("packed") > 0
      else { return nil }
      let (ratio, slotRatio) = (padded / packed, slots("right-pad") / slots("packed"))
      return .init(
        condition: cell.layoutName + cell.variationSuffix,
        effect: "bytes of the tensor group right-pad/packed \(ratio.fixed(3)), slots "
          + "\(slotRatio.fixed(3))",
        value: ratio, verdict: ratio > 1 + Self.band ? .supported : .refuted)
    }
    return Finding(
      id: "pads-amplify-communication",
      hypothesis: "pads amplify communication under tensor parallelism",
      test:
        "bytes sent per batch, right-pad over packed; above 1 supports, and the slots' ratio beside "
        + "it says whether bytes grow faster than slots", cases: cases,
      missing: "needs a tensor-parallel layout with right-pad and packed")
  }
}
