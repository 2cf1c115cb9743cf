import Workloads

/// What a cell's own ranks serve: the units of a job whose rates and service levels are multiples
/// (`serving.calibrate`). Measured in flight, paged, without prefix cache, at the start of the cell.
public struct ServingCalibration: Hashable, Sendable, Codable {
  /// Requests that are served one at a time to find what latencies are without company.
  public static let requestsAlone = 20

  /// Requests a second when all come at once.
  public var requestRate: Double
  /// 90th percentiles over requests that are served one at a time; nil where no request has the
  /// figure.
  public var ttftMilliseconds: Double?
  public var tpotMilliseconds: Double?
  public var e2elMilliseconds: Double?

  public init(
    requestRate: Double, ttftMilliseconds: Double?, tpotMilliseconds: Double?,
    e2elMilliseconds: Double?
  ) {
    self.requestRate = requestRate
    self.ttftMilliseconds = ttftMilliseconds
    self.tpotMilliseconds = tpotMilliseconds
    self.e2elMilliseconds = e2elMilliseconds
  }

  enum CodingKeys: String, CodingKey {
    case requestRate = "request_rate"
    case ttftMilliseconds = "ttft_ms"
    case tpotMilliseconds = "tpot_ms"
    case e2elMilliseconds = "e2el_ms"
  }

  /// - Parameters:
  ///   - saturated: the requests when all came at once.
  ///   - alone: requests that were served one at a time.
  /// - Throws: `RecordError` when nothing was answered.
  public init(saturated: ServingRecord, alone: ServingRecord) throws(RecordError) {
    guard let rate = saturated.metrics["request_throughput"], rate > 0 else {
      throw RecordError(
        "serving.calibrate: none of the \(saturated.requests) requests could be answered in "
          + "flight, of which \(saturated.refused) were refused")
    }
    self.init(
      requestRate: rate, ttftMilliseconds: alone.metrics["p90_ttft_ms"],
      tpotMilliseconds: alone.metrics["p90_tpot_ms"],
      e2elMilliseconds: alone.metrics["p90_e2el_ms"])
  }
}

extension ServingChoice {
  /// A load as records name it: rates that are multiples end in an x.
  public func name(of load: ArrivalProcess) -> String {
    isCalibrated ? load.relativeDescription : load.description
  }

  /// The arrivals of a load, in requests a second.
  /// - Precondition: a calibration where the job asks for one.
  public func arrivals(
    of load: ArrivalProcess, _ calibration: ServingCalibration?
  ) -> ArrivalProcess {
    guard isCalibrated else { return load }
    guard let calibration else { preconditionFailure("multiples are of a calibration") }
    return load.scaled(by: calibration.requestRate)
  }

  /// The service levels in milliseconds. One of which the calibration has no time is left out.
  /// - Precondition: a calibration where the job asks for one.
  public func levels(_ calibration: ServingCalibration?) -> ServiceLevels {
    guard isCalibrated else { return levels }
    guard let calibration else { preconditionFailure("multiples are of a calibration") }
    return levels.scaled { metric in
      switch metric {
      case .ttft: calibration.ttftMilliseconds
      case .tpot: calibration.tpotMilliseconds
      case .e2el: calibration.e2elMilliseconds
      }
    }
  }
}

extension ServiceLevels {
  /// The levels times what `unit` gives for them, to a microsecond; without those it has nothing for.
  func scaled(by unit: (Metric) -> Double?) -> ServiceLevels {
    var scaled: [(metric: Metric, milliseconds: Double)] = []
    for (metric, multiple) in limits {
      guard let unit = unit(metric), unit > 0 else { continue }
      scaled.append((metric, max(0.001, (unit * multiple * 1000).rounded() / 1000)))
    }
    return ServiceLevels(scaled)
  }
}
