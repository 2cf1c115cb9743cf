import CKernels
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension CPUBackend: EncoderBackend {
  public func layerNorm(
    _ x: Matrix, adding addend: Matrix?, weight: Storage, bias: Storage, epsilon: Float,
    into y: Matrix
  ) {
    checkLayerNorm(x, adding: addend, weight: weight, bias: bias, into: y)
    team.run(rows: x.rows, columns: x.columns) { rows, _ in
      for slot in rows {
        kernels.layer_norm(
          y.row(slot), x.row(slot), addend?.row(slot), weight.pointer, bias.pointer, x.columns,
          epsilon)
      }
    }
  }

  public func gelu(_ x: Matrix) {
    team.run(rows: x.rows, columns: x.columns) { rows, _ in
      for slot in rows { kernels.gelu(x.row(slot), x.columns) }
    }
  }

  public func tanh(_ x: Matrix) {
    for slot in 0..<x.rows {
      let row = x.row(slot)
      for column in 0..<x.columns { row[column] = tanhf(row[column]) }
    }
  }

  public func attendBoth(
    queries: Matrix, keys: Matrix, values: Matrix, rows: [AttentionRow], heads: Int,
    scale: Float, into out: Matrix
  ) {
    let width = checkAttendBoth(
      queries: queries, keys: keys, values: values, rows: rows, heads: heads, into: out)
    precondition(keys.stride == values.stride, "keys and values lie alike")
    let most = rows.reduce(0) { max($0, $1.slots) }
    let workspace = workspace.reserve(ck_attend_both_workspace(most, width))
    team.run(rows.count * heads) { part, thread in
      let (row, column) = (rows[part / heads], part % heads * width)
      guard row.slots > 0 else { return }
      var job = ck_attention(
        queries: queries.row(row.firstSlot) + column, query_stride: queries.stride,
        keys: keys.row(row.firstSlot) + column, values: values.row(row.firstSlot) + column,
        blocks: nil, block_slots: 0, block_stride: 0, out: out.row(row.firstSlot) + column,
        out_stride: out.stride, slots: row.slots,
        group: 1, width: width, context: 0, real_begin: row.real.lowerBound,
        real_end: row.real.upperBound, masked_begin: row.masked.lowerBound,
        masked_end: row.masked.upperBound, scale: scale, is_cached: 0,
        workspace: workspace[thread])
      kernels.attend_both(&job, keys.stride)
    }
  }
}
