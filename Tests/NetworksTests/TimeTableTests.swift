import Networks
import TestSupport
import Testing

@Suite struct TimeTableTests {
  @Test func `log time is linear in log size between two points`() throws {
    let table = try Sample.table([(1000, 1), (100_000, 100)])
    #expect(isClose(table.seconds(bytes: 1000), 1e-6))
    #expect(isClose(table.seconds(bytes: 10_000), 10e-6))
    let bent = try Sample.table([(100, 2), (400, 2), (1600, 8)])
    #expect(isClose(bent.seconds(bytes: 200), 2e-6))
    #expect(isClose(bent.seconds(bytes: 800), 4e-6))
  }

  @Test func `below the smallest size the time stays`() throws {
    let table = try Sample.table([(8, 3), (64, 5)])
    #expect(isClose(table.seconds(bytes: 0), 3e-6))
    #expect(isClose(table.seconds(bytes: 1), 3e-6))
  }

  @Test func `above the largest size the last stretch's bandwidth goes on`() throws {
    // 10 µs + bytes at 1 GB/s.
    let table = try Sample.table([(100_000, 110), (200_000, 210), (400_000, 410)])
    #expect(isClose(table.lastBandwidth, 1e9))
    #expect(isClose(table.seconds(bytes: 1_000_000), 1010e-6))
    // A last stretch without growth says nothing: the average counts.
    let noisy = try Sample.table([(100_000, 110), (200_000, 109)])
    #expect(isClose(noisy.seconds(bytes: 400_000) / noisy.seconds(bytes: 200_000), 2))
  }

  @Test(arguments: 1...20) func `a larger message never takes less time`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var points: [(bytes: Int, microseconds: Double)] = []
    var time = 5.0
    for exponent in 3..<20 {
      time *= Double.random(in: 1...1.8, using: &random)
      points.append((1 << exponent, time * Double.random(in: 0.86...1.14, using: &random)))
    }
    let table = try Sample.table(points)
    var last = 0.0
    for step in 0..<400 {
      let seconds = table.seconds(bytes: Double(step * step * step))
      #expect(seconds >= last, "seed \(seed), \(step * step * step) bytes")
      last = seconds
    }
  }

  @Test func `the summary finds latency and bandwidth of an exact line`() throws {
    let line = LatencyBandwidth(latency: 3e-6, bandwidth: 12e9)
    let points = (3..<25).map { exponent in
      TimePoint(bytes: 1 << exponent, seconds: line.seconds(bytes: Double(1 << exponent)))
    }
    let fit = try TimeTable(points).fit
    #expect(isClose(fit.latency, line.latency, within: 1e-6))
    #expect(isClose(fit.bandwidth, line.bandwidth, within: 1e-6))
    let single = try Sample.table([(1000, 1)]).fit
    #expect(isClose(single.latency, 1e-6))
    #expect(isClose(single.bandwidth, 1e9))
  }

  @Test func `points that are no table are refused with their place`() throws {
    func problem(_ points: [(bytes: Int, microseconds: Double)]) -> TimeTableProblem? {
      do throws(TimeTableProblem) {
        _ = try TimeTable(points.map { TimePoint(bytes: $0.bytes, seconds: $0.microseconds) })
        return nil
      } catch { return error }
    }
    #expect(problem([])?.message.contains("at least one point") == true)
    #expect(problem([(0, 1)])?.message.contains("bytes must be 1 or more, found 0") == true)
    #expect(problem([(8, 1), (16, -1)])?.index == 1)
    #expect(problem([(8, .infinity)])?.message.contains("must be positive") == true)
    #expect(problem([(8, .nan)])?.index == 0)
    #expect(problem([(8, 1), (16, 2), (16, 2)])?.index == 2)
    #expect(problem([(16, 1), (8, 2)])?.message.contains("found 8 after 16") == true)
    // 29 % faster than the slowest before passes as noise, 31 % does not.
    #expect(problem([(8, 1), (16, 0.95), (32, 0.71)]) == nil)
    #expect(problem([(8, 1), (16, 0.95), (32, 0.69)])?.index == 2)
  }
}
