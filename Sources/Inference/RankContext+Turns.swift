import Locality
import MPI
import Records

extension RankContext {
  /// Lets only as many ranks of this host compute at once as it has cores, if the job wants that.
  /// Collective.
  /// - Returns: ranks of a host that can compute at once, the most of any host; nil without a token.
  func takeTurns(_ choice: TokenChoice, cores: Int) throws -> Int? {
    guard let clock else { return nil }
    let host = try control.splitByHost(label: Traffic.control)
    let path = try host.broadcastArray(Array(ComputeToken.newPath().utf8), root: 0)
    let isWanted = choice == .on || choice == .one || choice == .auto && host.size > cores
    let count = choice == .one ? 1 : cores
    let token = try together("compute token") {
      isWanted
        ? try ComputeToken(
          path: String(decoding: path, as: UTF8.self), count: count, index: host.rank) : nil
    }
    // All have opened the files by now.
    if host.rank == 0 { token?.removeNames() }
    if let token {
      self.token = token
      clock.open(VirtualClock.Gate(enter: token.acquire, leave: token.release))
    }
    var most = [Int32(clamping: token?.count ?? 0)]
    try control.allReduce(inPlace: &most, .max)
    return most[0] > 0 ? Int(most[0]) : nil
  }
}
