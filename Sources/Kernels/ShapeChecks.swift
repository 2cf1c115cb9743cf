import Tensors

// What every backend asks of its arguments before it follows pointers.

extension Backend {
  package func checkLinear(outputs: Int, inputs: Int, bias: [Float]?) throws {
    if let bias, bias.count != outputs {
      throw KernelsError.invalidShape(
        "a bias of \(bias.count) elements does not fit a weight of \(outputs) outputs")
    }
    if outputs == 0 || inputs == 0 {
      throw KernelsError.invalidShape("a weight of shape [\(outputs), \(inputs)] is empty")
    }
  }

  package func checkLinear(_ x: Matrix, _ weight: any LinearWeight, into y: Matrix) {
    precondition(
      x.columns == weight.inputs && y.columns == weight.outputs && x.rows == y.rows,
      "[\(x.rows), \(x.columns)] through a weight [\(weight.outputs), \(weight.inputs)] does not "
        + "give [\(y.rows), \(y.columns)]")
  }

  package func checkSameShape(_ x: Matrix, _ y: Matrix) {
    precondition(
      x.rows == y.rows && x.columns == y.columns,
      "shapes [\(x.rows), \(x.columns)] and [\(y.rows), \(y.columns)] differ")
  }

  package func checkNorm(_ x: Matrix, weight: Storage, width: Int, into y: Matrix) {
    checkSameShape(x, y)
    precondition(
      weight.count >= width, "a norm over \(width) columns needs more than \(weight.count) weights")
  }

  package func headWidth(_ x: Matrix, heads: Int) -> Int {
    precondition(
      heads > 0 && x.columns % heads == 0, "\(x.columns) columns are not \(heads) heads")
    return x.columns / heads
  }

  package func checkRotate(_ x: Matrix, heads: Int, positions: [Int32], table: RotaryTable) {
    precondition(
      heads * table.headDimension == x.columns,
      "\(x.columns) columns are not \(heads) heads of \(table.headDimension)")
    precondition(
      positions.count == x.rows, "\(positions.count) positions for \(x.rows) slots")
    for position in positions {
      precondition(
        position >= 0 && position < table.maxPositions,
        "position \(position) is outside 0..<\(table.maxPositions)")
    }
  }

  package func checkSiluMultiply(_ gateUp: Matrix, into y: Matrix) {
    precondition(
      gateUp.rows == y.rows && gateUp.columns == 2 * y.columns,
      "gate and up [\(gateUp.rows), \(gateUp.columns)] do not give [\(y.rows), \(y.columns)]")
  }

  package func checkAttend(queries: Matrix, cache: KVCacheView, queryHeads: Int, into out: Matrix) {
    checkSameShape(queries, out)
    precondition(
      queryHeads > 0 && queryHeads % cache.kvHeads == 0
        && queryHeads * cache.headDimension == queries.columns,
      "\(queryHeads) query heads on \(cache.kvHeads) KV heads of \(cache.headDimension) do not "
        + "fill \(queries.columns) columns")
  }

  package func checkSoftmaxParts(_ logits: Matrix, targets: [Int]) {
    precondition(
      targets.count == logits.rows, "\(targets.count) targets for \(logits.rows) rows of logits")
  }

  package func checkArgmax(_ logits: Matrix) {
    precondition(
      logits.columns > 0 || logits.rows == 0, "the largest of no elements was asked for")
  }
}
