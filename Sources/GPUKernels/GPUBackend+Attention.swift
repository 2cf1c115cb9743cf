import Kernels
import Tensors

/// Where attention finds its keys; the kernels' `Keys`.
struct KeyPlaces {
  var keys: UInt64
  var values: UInt64
  /// What the elements of both are.
  var format: StorageFormat
  /// Block tables of the batch's rows, 0 where regions are contiguous.
  var blocks: UInt64 = 0
  /// Elements between neighbouring keys, of rows that are their own keys.
  var stride = 0
  var heads: Int
  var blockSlots = 0
  /// Entries of each row's table.
  var rowBlocks = 0
  var areNeighbours = false
}

extension LaunchArguments {
  @discardableResult
  fileprivate func places(_ places: KeyPlaces) -> LaunchArguments {
    words(
      places.keys, places.values, places.blocks, UInt64(bitPattern: Int64(places.stride)),
      UInt64(UInt32(places.heads)) | UInt64(UInt32(places.blockSlots)) << 32,
      UInt64(UInt32(places.rowBlocks)) | (places.areNeighbours ? 1 << 32 : 0))
  }
}

extension GPUBackend {
  public func store(keys: Matrix, values: Matrix, rows: [AttentionRow], into cache: KVCacheView) {
    let width = cache.headDimension
    precondition(
      keys.columns == cache.kvHeads * width && values.columns == cache.kvHeads * width,
      "keys of \(keys.columns) and values of \(values.columns) columns do not fill "
        + "\(cache.kvHeads) heads of \(width)")
    for row in rows { row.check(querySlots: min(keys.rows, values.rows), cache: cache) }
    checkAlike(keys, values)
    let batch = lists.rows(rows)
    let places = places(cache, batch)
    launch(
      "store_\(cache.format.suffix)_of", keys, grid: (batch.slots.count / 2, 1, 1)
    ) {
      $0.places(places).address(keys.address).long(keys.stride).address(values.address)
        .long(values.stride).address(lists.address(of: batch.rows, .rows))
        .address(lists.address(of: batch.slots, .slots)).int(width)
    }
  }

  public func attend(
    queries: Matrix, rows: [AttentionRow], cache: KVCacheView, queryHeads: Int, scale: Float,
    into out: Matrix
  ) {
    checkAttend(queries: queries, cache: cache, queryHeads: queryHeads, into: out)
    for row in rows { row.check(querySlots: queries.rows, cache: cache) }
    let batch = lists.rows(rows)
    attend(
      queries, batch, places(cache, batch), queryHeads: queryHeads, width: cache.headDimension,
      scale: scale, into: out)
  }

  private func places(_ cache: KVCacheView, _ batch: BatchRows) -> KeyPlaces {
    precondition(
      cache.keys.format == cache.format && cache.values.format == cache.format,
      "the cache's memory was made for another format")
    let bytes = UInt64(cache.offset * cache.format.byteCount)
    var places = KeyPlaces(
      keys: cache.keys.address + bytes, values: cache.values.address + bytes,
      format: cache.format, heads: cache.kvHeads)
    if let blockSlots = cache.blockSlots {
      places.blocks = lists.address(of: batch.blocks, .blocks)
      places.blockSlots = blockSlots
      places.rowBlocks = batch.rowBlocks
    }
    return places
  }

  func attend(
    _ queries: Matrix, _ batch: BatchRows, _ places: KeyPlaces, queryHeads: Int, width: Int,
    scale: Float, into out: Matrix
  ) {
    precondition(width <= 256 && scale > 0, "heads of up to 256 elements, and a positive scale")
    checkAlike(queries, out)
    guard !batch.source.isEmpty else { return }
    var batch = batch
    let usesTiles =
      queries.storage.format == .bfloat16 && places.format == .bfloat16
      && (width == 64 || width == 128)
      && [queries.address, out.address, places.keys, places.values].allSatisfy { $0 % 16 == 0 }
      && [queries.stride, out.stride, places.stride].allSatisfy { $0 % 8 == 0 }
    guard usesTiles else {
      return plain(batch, queries, places, queryHeads: queryHeads, width: width, scale, out)
    }
    let tiles = batch.tiles(height: Self.tileHeight, all: places.areNeighbours)
    lists.keep(batch)
    prefill(batch, tiles, queries, places, queryHeads: queryHeads, width: width, scale, out)
    if !places.areNeighbours {
      decode(batch, queries, places, queryHeads: queryHeads, width: width, scale, out)
    }
  }

  /// Query slots of a block of the prefill kernel.
  private static let tileHeight = 128
  /// Keys that pass at once there, by head dimension; as flash.cu instantiates it.
  private static func keysAtOnce(_ width: Int) -> Int { width == 128 ? 32 : 64 }
  private static let log2e: Float = 1.442_695

  private func prefill(
    _ batch: BatchRows, _ tiles: [Int32], _ queries: Matrix, _ places: KeyPlaces, queryHeads: Int,
    width: Int, _ scale: Float, _ out: Matrix
  ) {
    guard !tiles.isEmpty else { return }
    let bytes = (Self.tileHeight + 2 * Self.keysAtOnce(width)) * width * 2
    start(
      kernels.function(
        places.blockSlots > 0 ? "prefill_blocks_\(width)" : "prefill_\(width)",
        sharedBytes: bytes),
      grid: (tiles.count / 2, queryHeads, 1), threads: 128, sharedBytes: bytes
    ) {
      $0.address(out.address).long(out.stride).address(queries.address).long(queries.stride)
        .places(places).address(lists.address(of: batch.rows, .rows)).address(
          lists.address(of: tiles, .tiles)
        )
        .int(queryHeads / places.heads).float(scale * Self.log2e)
    }
  }

  private func decode(
    _ batch: BatchRows, _ queries: Matrix, _ places: KeyPlaces, queryHeads: Int, width: Int,
    _ scale: Float, _ out: Matrix
  ) {
    let items = batch.steps.count / 2
    guard items > 0 else { return }
    let group = queryHeads / places.heads
    let headTiles = (group + 15) / 16
    // Several blocks for each multiprocessor, shares of 256 keys at least.
    let (splits, share) = split(
      keys: batch.mostStepKeys, blocks: items * places.heads * headTiles, unit: 64, least: 256)
    let partial = splits > 1 ? partials.reserve(items * queryHeads * splits * (width + 2) * 4) : 0
    // Two stages of 16 keys and values per warp, and the queries.
    let bytes = (8 * 32 + 16) * width * 2
    let (rowList, itemList) = (
      lists.address(of: batch.rows, .rows), lists.address(of: batch.steps, .steps)
    )
    start(
      kernels.function("decode_\(width)", sharedBytes: bytes),
      grid: (items, places.heads * headTiles, splits), threads: 128, sharedBytes: bytes
    ) {
      $0.address(out.address).long(out.stride).address(queries.address).long(queries.stride)
        .places(places).address(rowList).address(itemList).int(group).int(headTiles)
        .float(scale * Self.log2e).int(splits).int(share).address(partial)
    }
    combine(
      out, rowList, itemList, items, queryHeads, width, splits: splits, isBaseTwo: true, partial)
  }

  private func plain(
    _ batch: BatchRows, _ queries: Matrix, _ places: KeyPlaces, queryHeads: Int, width: Int,
    _ scale: Float, _ out: Matrix
  ) {
    let items = batch.slots.count / 2
    guard items > 0 else { return }
    let warps = 4
    let blocks = (items + warps - 1) / warps
    let (splits, share) =
      places.areNeighbours
      ? (1, 0) : split(keys: batch.mostKeys, blocks: blocks * queryHeads, unit: 32, least: 128)
    let partial = splits > 1 ? partials.reserve(items * queryHeads * splits * (width + 2) * 4) : 0
    let (rowList, itemList) = (
      lists.address(of: batch.rows, .rows), lists.address(of: batch.slots, .slots)
    )
    launch(
      "attend_\(places.format.suffix)_by", queries, grid: (blocks, queryHeads, splits),
      threads: 32 * warps, sharedBytes: warps * width * 4
    ) {
      $0.address(out.address).long(out.stride).address(queries.address).long(queries.stride)
        .places(places).address(rowList).address(itemList).int(items)
        .int(queryHeads / places.heads).int(width).float(scale).int(splits).int(share)
        .address(partial)
    }
    combine(
      out, rowList, itemList, items, queryHeads, width, splits: splits, isBaseTwo: false, partial)
  }

  private func combine(
    _ out: Matrix, _ rows: UInt64, _ list: UInt64, _ items: Int, _ queryHeads: Int, _ width: Int,
    splits: Int, isBaseTwo: Bool, _ partial: UInt64
  ) {
    guard splits > 1 else { return }
    launch("combine", out, grid: (items, queryHeads, 1), threads: 64) {
      $0.address(out.address).long(out.stride).address(rows).address(list).int(width).int(splits)
        .int(isBaseTwo ? 1 : 0).address(partial)
    }
  }

  /// Into how many shares of how many keys a context is cut, so that the card has work enough.
  private func split(
    keys: Int, blocks: Int, unit: Int, least: Int
  ) -> (splits: Int, share: Int) {
    let wanted = max(1, 4 * device.processors / max(blocks, 1))
    let splits = min(wanted, max(1, keys / least), 64)
    let share = ((keys + splits - 1) / splits + unit - 1) / unit * unit
    return ((keys + share - 1) / share, share)
  }
}

extension GPUBackend: EncoderBackend {
  public func layerNorm(
    _ x: Matrix, adding addend: Matrix?, weight: Storage, bias: Storage, epsilon: Float,
    into y: Matrix
  ) {
    checkLayerNorm(x, adding: addend, weight: weight, bias: bias, into: y)
    checkAlike(x, y, addend ?? x)
    launch("layer_norm", y) {
      $0.address(y.address).long(y.stride).address(x.address).long(x.stride)
        .address(addend?.address ?? 0).long(addend?.stride ?? 0).address(weight.address)
        .address(bias.address).int(x.columns).float(epsilon)
    }
  }

  public func gelu(_ x: Matrix) { activate(x, kind: 0) }

  public func tanh(_ x: Matrix) { activate(x, kind: 1) }

  private func activate(_ x: Matrix, kind: Int) {
    launch("activate", x) { $0.address(x.address).long(x.stride).int(x.columns).int(kind) }
  }

  public func attendBoth(
    queries: Matrix, keys: Matrix, values: Matrix, rows: [AttentionRow], heads: Int,
    scale: Float, into out: Matrix
  ) {
    let width = checkAttendBoth(
      queries: queries, keys: keys, values: values, rows: rows, heads: heads, into: out)
    precondition(keys.stride == values.stride, "keys and values lie alike")
    checkAlike(queries, keys, values)
    attend(
      queries, lists.rows(rows),
      KeyPlaces(
        keys: keys.address, values: values.address, format: keys.storage.format,
        stride: keys.stride, heads: heads, areNeighbours: true),
      queryHeads: heads, width: width, scale: scale, into: out)
  }
}
