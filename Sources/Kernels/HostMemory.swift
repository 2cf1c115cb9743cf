import Tensors

/// A weight whose rows can be had back, as the backend computes with them.
protocol ReadableWeight: LinearWeight {
  /// Writes row `index`, `inputs` floats.
  func copyRow(_ index: Int, to target: UnsafeMutablePointer<Float>)
}

/// A backend whose matrices are ordinary memory: copies are plain and nothing is asynchronous.
public protocol HostBackend: Backend {}

extension HostBackend {
  public var readsBlockTables: Bool { true }

  public func allocate(_ count: Int) throws -> Storage {
    do {
      return try Storage(allocating: count)
    } catch {
      throw KernelsError.allocation(reason: error.description)
    }
  }

  public func upload(_ values: UnsafeBufferPointer<Float>, to matrix: Matrix) {
    precondition(
      values.count == matrix.count,
      "\(values.count) values do not fill a matrix [\(matrix.rows), \(matrix.columns)]")
    guard matrix.columns > 0, let source = values.baseAddress else { return }
    for row in 0..<matrix.rows {
      matrix.row(row).update(from: source + row * matrix.columns, count: matrix.columns)
    }
  }

  public func download(_ matrix: Matrix) -> [Float] { matrix.array() }

  public func synchronize() {}

  public func embed(_ tokens: [Int32], table: Matrix, firstToken: Int, into y: Matrix) {
    precondition(
      tokens.count == y.rows && table.columns == y.columns,
      "\(tokens.count) tokens of width \(table.columns) do not fill [\(y.rows), \(y.columns)]")
    for (slot, token) in tokens.enumerated() {
      let index = Int(token) - firstToken
      if index >= 0 && index < table.rows {
        y.row(slot).update(from: table.row(index), count: y.columns)
      } else {
        y.row(slot).update(repeating: 0, count: y.columns)
      }
    }
  }

  public func embed(
    _ tokens: [Int32], rowsOf weight: any LinearWeight, firstToken: Int, into y: Matrix
  ) {
    guard let weight = weight as? any ReadableWeight else {
      preconditionFailure("the weight was made by a backend that does not give its rows back")
    }
    precondition(
      tokens.count == y.rows && weight.inputs == y.columns,
      "\(tokens.count) tokens of width \(weight.inputs) do not fill [\(y.rows), \(y.columns)]")
    for (slot, token) in tokens.enumerated() {
      let index = Int(token) - firstToken
      if index >= 0 && index < weight.outputs {
        weight.copyRow(index, to: y.row(slot))
      } else {
        y.row(slot).update(repeating: 0, count: y.columns)
      }
    }
  }

  public func store(
    keys: Matrix, values: Matrix, rows: [AttentionRow], into cache: KVCacheView
  ) {
    let width = cache.headDimension
    precondition(
      keys.columns == cache.kvHeads * width && values.columns == cache.kvHeads * width,
      "keys of \(keys.columns) and values of \(values.columns) columns do not fill "
        + "\(cache.kvHeads) heads of \(width)")
    for row in rows {
      row.check(querySlots: min(keys.rows, values.rows), cache: cache)
      for head in 0..<cache.kvHeads {
        for slot in 0..<row.slots {
          let target = cache.element(of: row, kvHead: head, slot: row.context + slot)
          let (key, value) = (
            keys.row(row.firstSlot + slot) + head * width,
            values.row(row.firstSlot + slot) + head * width
          )
          if cache.format == .bfloat16 {
            for index in 0..<width {
              cache.halfKeys[target + index] = BFloat16Bits(rounding: key[index])
              cache.halfValues[target + index] = BFloat16Bits(rounding: value[index])
            }
            continue
          }
          (cache.keys.pointer + target).update(from: key, count: width)
          (cache.values.pointer + target).update(from: value, count: width)
        }
      }
    }
  }

  public func gatherRows(_ x: Matrix, rows: [Int], into y: Matrix) {
    precondition(
      rows.count == y.rows && x.columns == y.columns,
      "\(rows.count) rows of width \(x.columns) do not fill [\(y.rows), \(y.columns)]")
    for (target, source) in rows.enumerated() {
      y.row(target).update(from: x.row(source), count: y.columns)
    }
  }
}
