import CKernels
import Tensors

/// The threads of a rank: the caller's, and others that wait for parts of its work.
final class ThreadTeam {
  let threads: Int
  /// nil for one thread.
  private let team: OpaquePointer?

  /// Starts `threads - 1` threads, which inherit the cores that the caller is bound to.
  init(threads: Int) throws(KernelsError) {
    guard (1...1024).contains(threads) else { throw KernelsError.invalidThreads(threads) }
    self.threads = threads
    guard threads > 1 else {
      team = nil
      return
    }
    guard let team = ck_team_make(threads) else { throw KernelsError.threads(threads) }
    self.team = team
  }

  deinit {
    if let team { ck_team_end(team) }
  }

  /// `body(part, thread)` for each part, each once, in any order and on any thread; returns when all
  /// are done. Parts must write apart from each other.
  func run(_ parts: Int, _ body: (_ part: Int, _ thread: Int) -> Void) {
    guard let team, parts > 1 else {
      for part in 0..<parts { body(part, 0) }
      return
    }
    withoutActuallyEscaping(body) { body in
      var body = body
      withUnsafeMutablePointer(to: &body) { body in
        ck_team_run(
          team, parts,
          { body, part, thread in
            body?.assumingMemoryBound(to: ((Int, Int) -> Void).self).pointee(part, thread)
          }, body)
      }
    }
  }

  /// `body(rows, outputs, thread)` for each part of a product that has any.
  func run(
    _ parts: ProductParts,
    _ body: (_ rows: Range<Int>, _ outputs: Range<Int>, _ thread: Int) -> Void
  ) {
    run(parts.count) { part, thread in
      let (rows, outputs) = parts[part]
      if !rows.isEmpty && !outputs.isEmpty { body(rows, outputs, thread) }
    }
  }

  /// `body(range, thread)` of ranges that make up 0..<rows, on no more threads than it pays to wake for
  /// rows of so many elements.
  func run(rows: Int, columns: Int, _ body: (_ rows: Range<Int>, _ thread: Int) -> Void) {
    // One thread needs about 2 us for so many.
    let worthwhile = 1 << 14
    let parts = min(threads, rows, max(1, rows * columns / worthwhile))
    run(parts) { part, thread in body(ThreadTeam.share(part, of: parts, in: rows), thread) }
  }

  /// The part of 0..<count that is `part`'s of `parts`, as equal as can be in steps of `unit`.
  static func share(_ part: Int, of parts: Int, in count: Int, unit: Int = 1) -> Range<Int> {
    let units = (count + unit - 1) / unit
    return min(count, units * part / parts * unit)..<min(count, units * (part + 1) / parts * unit)
  }
}

/// How a product `y[rows, outputs]` is cut into a part for each thread.
///
/// A part reads or packs its share of the inputs' rows and of the weight's; the cut that makes these two
/// the shortest is taken.
struct ProductParts {
  let rows, outputs: Int
  let rowParts, outputParts: Int

  init(rows: Int, outputs: Int, threads: Int) {
    self.rows = rows
    self.outputs = outputs
    var best = (cut: 1, cost: Int.max)
    for cut in 1...threads where threads % cut == 0 && cut <= max(1, rows) {
      let cost = (rows + cut - 1) / cut + outputs * cut / threads
      if cost < best.cost { best = (cut, cost) }
    }
    rowParts = best.cut
    outputParts = threads / best.cut
  }

  var count: Int { rowParts * outputParts }
  /// Rows of the largest part.
  var mostRows: Int { (rows + rowParts - 1) / rowParts }

  /// Outputs in whole panels of 16.
  subscript(part: Int) -> (rows: Range<Int>, outputs: Range<Int>) {
    (
      ThreadTeam.share(part / outputParts, of: rowParts, in: rows),
      ThreadTeam.share(part % outputParts, of: outputParts, in: outputs, unit: 16)
    )
  }
}

/// Scratch memory of each thread of a team, grown on demand; the content is undefined.
struct ThreadScratch {
  private let threads: Int
  private var storage = Storage(count: 0)
  /// Floats of a thread, in whole cache lines.
  private var each = 0

  init(threads: Int) { self.threads = threads }

  /// Memory for `count` floats a thread.
  mutating func reserve(_ count: Int) -> ThreadScratch {
    if each < count {
      each = (count + 15) / 16 * 16
      storage = Storage(count: each * threads)
    }
    return self
  }

  subscript(thread: Int) -> UnsafeMutablePointer<Float> { storage.pointer + thread * each }

  /// A thread's memory as a matrix.
  func matrix(_ thread: Int, rows: Int, columns: Int) -> Matrix {
    Matrix(storage: storage, offset: thread * each, rows: rows, columns: columns)
  }
}
