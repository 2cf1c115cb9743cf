import Kernels
import Tensors

extension GPUBackend {
  public func rmsNorm(_ x: Matrix, weight: Storage, epsilon: Float, into y: Matrix) {
    checkNorm(x, weight: weight, width: x.columns, into: y)
    norm(x, residual: nil, weight: weight, epsilon: epsilon, into: y)
  }

  public func addRMSNorm(
    _ x: Matrix, residual: Matrix, weight: Storage, epsilon: Float, into y: Matrix
  ) {
    checkSameShape(x, residual)
    checkNorm(x, weight: weight, width: x.columns, into: y)
    norm(x, residual: residual, weight: weight, epsilon: epsilon, into: y)
  }

  private func norm(
    _ x: Matrix, residual: Matrix?, weight: Storage, epsilon: Float, into y: Matrix
  ) {
    checkAlike(x, y, residual ?? x)
    launch("rms_norm", y) {
      $0.address(y.address).long(y.stride).address(x.address).long(x.stride)
        .address(residual?.address ?? 0).long(residual?.stride ?? 0).address(weight.address)
        .int(x.columns).float(epsilon)
    }
  }

  public func add(_ x: Matrix, into y: Matrix) {
    checkSameShape(x, y)
    checkAlike(x, y)
    launch("add", y) {
      $0.address(y.address).long(y.stride).address(x.address).long(x.stride).int(x.columns)
    }
  }

  public func headNorm(_ x: Matrix, heads: Int, weight: Storage, epsilon: Float) {
    let width = headWidth(x, heads: heads)
    checkNorm(x, weight: weight, width: width, into: x)
    launch("head_norm", x) {
      $0.address(x.address).long(x.stride).address(weight.address).int(heads).int(width)
        .float(epsilon)
    }
  }

  public func rotate(_ x: Matrix, heads: Int, positions: [Int32], table: RotaryTable) {
    checkRotate(x, heads: heads, positions: positions, table: table)
    let table = onDevice(table)
    launch("rotate", x) {
      $0.address(x.address).long(x.stride).address(lists.address(of: positions, .positions))
        .address(table.cosines.address).address(table.sines.address).int(heads)
        .int(table.headDimension)
    }
  }

  /// A host table's copy in float32, made once.
  private func onDevice(_ table: RotaryTable) -> RotaryTable {
    if table.cosines.storage.staging != nil { return table }
    if let found = tables.first(where: { $0.host.cosines.storage === table.cosines.storage }) {
      return found.device
    }
    func copied(_ matrix: Matrix) -> Matrix {
      do {
        let copy = try logitMatrix(rows: matrix.rows, columns: matrix.columns)
        upload(matrix.array(), to: copy)
        return copy
      } catch {
        context.stop("a table of positions [\(matrix.rows), \(matrix.columns)]: \(error)")
      }
    }
    let made = RotaryTable(cosines: copied(table.cosines), sines: copied(table.sines))
    // A verification's shard comes and goes before the one that is measured.
    if tables.count >= 4 { tables.removeFirst() }
    tables.append((table, made))
    return made
  }

  public func siluMultiply(_ gateUp: Matrix, into y: Matrix) {
    checkSiluMultiply(gateUp, into: y)
    checkAlike(gateUp, y)
    launch("silu_multiply", y) {
      $0.address(y.address).long(y.stride).address(gateUp.address).long(gateUp.stride)
        .int(y.columns)
    }
  }

  public func embed(_ tokens: [Int32], table: Matrix, firstToken: Int, into y: Matrix) {
    precondition(
      tokens.count == y.rows && table.columns == y.columns,
      "\(tokens.count) tokens of width \(table.columns) do not fill [\(y.rows), \(y.columns)]")
    gather(table, tokens, first: firstToken, into: y)
  }

  public func embed(
    _ tokens: [Int32], rowsOf weight: any LinearWeight, firstToken: Int, into y: Matrix
  ) {
    guard let weight = weight as? GPULinearWeight else {
      preconditionFailure("the weight was made by another backend")
    }
    embed(tokens, table: weight.matrix, firstToken: firstToken, into: y)
  }

  public func gatherRows(_ x: Matrix, rows: [Int], into y: Matrix) {
    precondition(
      rows.count == y.rows && x.columns == y.columns,
      "\(rows.count) rows of width \(x.columns) do not fill [\(y.rows), \(y.columns)]")
    for row in rows {
      precondition(row >= 0 && row < x.rows, "row \(row) is outside 0..<\(x.rows)")
    }
    gather(x, rows.map { Int32($0) }, first: 0, into: y)
  }

  private func gather(_ x: Matrix, _ rows: [Int32], first: Int, into y: Matrix) {
    checkAlike(x, y)
    launch("gather", y) {
      $0.address(y.address).long(y.stride).address(x.address).long(x.stride)
        .address(lists.address(of: rows, .tokens)).int(first).int(x.rows).int(x.columns)
    }
  }

  public func argmax(_ logits: Matrix) -> [(index: Int, value: Float)] {
    checkArgmax(logits)
    guard logits.rows > 0 else { return [] }
    let address = results.reserve(8 * logits.rows)
    let values = address + UInt64(4 * logits.rows)
    launch("argmax", logits) {
      $0.address(logits.address).long(logits.stride).int(logits.columns).address(address)
        .address(values)
    }
    let indices: [Int32] = received(logits.rows, from: address)
    let largest: [Float] = received(logits.rows, from: values)
    return zip(indices, largest).map { (Int($0), $1) }
  }

  public func softmaxParts(_ logits: Matrix, targets: [Int]) -> SoftmaxParts {
    checkSoftmaxParts(logits, targets: targets)
    var parts = SoftmaxParts(rows: logits.rows)
    guard logits.rows > 0 else { return parts }
    let rows = UInt64(logits.rows)
    let sums = results.reserve(20 * logits.rows)
    let columns = targets.map { Int32(clamping: $0) }
    launch("softmax_parts", logits) {
      $0.address(logits.address).long(logits.stride).int(logits.columns)
        .address(lists.address(of: columns, .targets)).address(sums + 16 * rows).address(sums)
        .address(sums + 8 * rows)
    }
    parts.sums = received(logits.rows, from: sums)
    parts.targets = received(logits.rows, from: sums + 8 * rows)
    parts.largest = received(logits.rows, from: sums + 16 * rows)
    return parts
  }

  /// Values that the device has made, once it has made them.
  private func received<Value>(_ count: Int, from address: UInt64) -> [Value] {
    [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress {
        context.download(address, to: base, bytes: count * MemoryLayout<Value>.stride)
        context.synchronize()
      }
      initialized = count
    }
  }
}
