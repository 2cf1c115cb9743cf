/// The α-β summary of a link: seconds = latency + bytes / bandwidth.
public struct LatencyBandwidth: Hashable, Sendable {
  /// Seconds of an empty message.
  public let latency: Double
  /// Bytes per second.
  public let bandwidth: Double

  public init(latency: Double, bandwidth: Double) {
    self.latency = latency
    self.bandwidth = bandwidth
  }

  public func seconds(bytes: Double) -> Double { latency + bytes / bandwidth }
}

extension TimeTable {
  /// α and β that fit the points with the least relative error; a summary, not what times are
  /// computed from.
  ///
  /// Least squares of (α + β·bytes − t)/t, so that microseconds of small messages count as much as
  /// milliseconds of large ones. A fit with a negative part falls back to the first point's
  /// time and the bandwidth above the last point.
  public var fit: LatencyBandwidth {
    // Normal equations with weights 1/t².
    var (s, sx, sxx, sy, sxy) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for point in points {
      let (x, y) = (Double(point.bytes), point.seconds)
      let weight = 1 / (y * y)
      s += weight
      sx += weight * x
      sxx += weight * x * x
      sy += weight * y
      sxy += weight * x * y
    }
    let determinant = s * sxx - sx * sx
    let latency = (sxx * sy - sx * sxy) / determinant
    let slope = (s * sxy - sx * sy) / determinant
    guard determinant > 0, latency > 0, slope > 0, latency.isFinite, slope.isFinite else {
      return LatencyBandwidth(latency: points[0].seconds, bandwidth: lastBandwidth)
    }
    return LatencyBandwidth(latency: latency, bandwidth: 1 / slope)
  }
}
