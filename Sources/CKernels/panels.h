// Products with a packed weight: y[m, outputs] = x[m, inputs] w^T + bias, for any m, of tiles as in
// panel_tiles.h.

// As a tile of one panel, of which y has only the first `columns` outputs.
static void edge_tile(
    panel_function tile, size_t rows, size_t columns, size_t words, const word *x, const word *w,
    size_t ahead, const word *next, int accumulate, const float *bias, float *y, size_t ldy) {
  float sums[16][16], terms[16];
  const size_t bytes = columns * sizeof *y;
  memset(sums, 0, sizeof sums);
  memset(terms, 0, sizeof terms);
  if (bias) memcpy(terms, bias, bytes);
  for (size_t m = 0; m < rows && accumulate; m++) memcpy(sums[m], y + m * ldy, bytes);
  tile(words, x, w, 0, ahead, next, 0, accumulate, terms, sums[0], 16);
  for (size_t m = 0; m < rows; m++) memcpy(y + m * ldy, sums[m], bytes);
}

// Outputs that lie together, in whole panels but for the last.
typedef struct {
  const word *panels;
  size_t outputs, words;
} panel_weight;

// Words first..<first + words of panels begin..<end of each stream.
static void stream_block(
    size_t m, panel_weight w, size_t begin, size_t end, size_t first, size_t words, size_t ahead,
    const word *x, const float *bias, float *y, size_t ldy) {
  const size_t wide = stream_panels[m], apart = w.outputs / 16 / wide, stride = w.words * 16;
  const word *base = w.panels + first * 16;
  for (size_t j = begin; j < end; j++)
    stream_full[m](
        words, x + first * m, base + j * stride, apart * stride, ahead, 0, apart, first > 0,
        bias ? bias + j * 16 : 0, y + j * 16, ldy);
}

// The same of the panels that are no stream's, one by one.
static void stream_rest(
    size_t m, panel_weight w, size_t first, size_t words, size_t ahead, const word *x,
    const float *bias, float *y, size_t ldy) {
  const size_t wide = stream_panels[m], full = w.outputs / 16, stride = w.words * 16;
  const word *base = w.panels + first * 16;
  for (size_t j = full / wide * wide; j * 16 < w.outputs; j++) {
    const float *terms = bias ? bias + j * 16 : 0;
    if (j < full)
      stream_one[m](
          words, x + first * m, base + j * stride, 0, ahead, 0, 0, first > 0, terms, y + j * 16,
          ldy);
    else
      edge_tile(
          stream_one[m], m, w.outputs % 16, words, x + first * m, base + j * stride, ahead, 0,
          first > 0, terms, y + j * 16, ldy);
  }
}

// Few rows. A stream of whole panels goes on without gaps; where rows would push it out of the
// first-level cache, all streams do one block of words after the other, and what is prefetched is
// the block of the next panel.
static void stream_multiply(
    size_t m, panel_weight w, const word *x, const float *bias, float *y, size_t ldy) {
  const size_t block = block_of(w.words), apart = w.outputs / 16 / stream_panels[m];
  const int is_whole = m == 1 || m * w.words <= stream_words;
  const size_t ahead = is_whole ? words_ahead : w.words * 16;
  for (size_t j = 0; j < apart && is_whole; j++) {
    for (size_t first = 0; first < w.words; first += block) {
      size_t words = w.words - first < block ? w.words - first : block;
      stream_block(m, w, j, j + 1, first, words, ahead, x, bias, y, ldy);
    }
  }
  for (size_t first = 0; first < w.words; first += block) {
    size_t words = w.words - first < block ? w.words - first : block;
    if (!is_whole) stream_block(m, w, 0, apart, first, words, ahead, x, bias, y, ldy);
    stream_rest(m, w, first, words, ahead, x, bias, y, ldy);
  }
}

// Tiles top..<end of m rows against all panels, words first..<first + words. While the last tiles
// meet a pair of panels, the next pair is brought to the second-level cache; behind the last pair
// that is `after`.
static void block_pass(
    size_t m, panel_weight w, size_t top, size_t end, size_t first, size_t words,
    const word *after, const word *x, const float *bias, float *y, size_t ldy) {
  const size_t all = tiles_of(m, block_rows), stride = w.words * 16;
  const size_t full = w.outputs / 16, panels = (w.outputs + 15) / 16;
  size_t count = 0;
  for (size_t j = 0; j < panels; j += count) {
    count = j + block_panels <= full ? block_panels : 1;
    const word *panel = w.panels + first * 16 + j * stride;
    const word *next = j + count < panels ? panel + count * stride : after;
    for (size_t t = top; t < end; t++) {
      size_t row = m * t / all, rows = m * (t + 1) / all - row;
      int is_last = t + block_panels >= end;
      const word *line = is_last ? next + (t + block_panels - end) * stride : panel;
      size_t ahead = is_last ? 16 : 0;
      const word *inputs = x + row * w.words + first * rows;
      const float *terms = bias ? bias + j * 16 : 0;
      float *target = y + row * ldy + j * 16;
      panel_function tile = block_tiles[count - 1][rows];
      if (j < full)
        tile(words, inputs, panel, stride, ahead, line, 1, first > 0, terms, target, ldy);
      else
        edge_tile(
            tile, rows, w.outputs % 16, words, inputs, panel, ahead, line, first > 0, terms,
            target, ldy);
    }
  }
}

// Many rows: as many as stay in the second-level cache meet all panels.
static void block_multiply(
    size_t m, panel_weight w, const word *x, const float *bias, float *y, size_t ldy) {
  const size_t block = block_of(w.words), all = tiles_of(m, block_rows);
  const size_t parts = tiles_of(m * block * sizeof(word), block_bytes);
  const size_t passes = parts < all ? parts : all;
  for (size_t first = 0; first < w.words; first += block) {
    size_t words = w.words - first < block ? w.words - first : block;
    for (size_t pass = 0; pass < passes; pass++) {
      size_t from = pass + 1 < passes ? first : first + block < w.words ? first + block : 0;
      block_pass(
          m, w, all * pass / passes, all * (pass + 1) / passes, first, words,
          w.panels + from * 16, x, bias, y, ldy);
    }
  }
}

// Share `share` of `shares` of the work of packing m rows.
static void panel_arrange(
    size_t m, size_t share, size_t shares, size_t inputs, const float *x, size_t ldx,
    void *operand) {
  const size_t height = m <= few_rows_packed ? few_rows_packed : block_rows;
  const size_t all = tiles_of(m, height), words = panel_words(inputs);
  for (size_t t = all * share / shares; t < all * (share + 1) / shares; t++) {
    size_t row = m * t / all, count = m * (t + 1) / all - row;
    arrange_tile((word *)operand + row * words, count, inputs, x + row * ldx, ldx);
  }
}

static void panel_multiply(
    size_t m, const ck_packed *w, size_t begin, size_t end, const void *operand,
    const float *bias, float *y, size_t ldy) {
  const size_t words = panel_words(w->inputs), first = begin * 16;
  const size_t last = end * 16 < w->outputs ? end * 16 : w->outputs;
  if (m == 0 || first >= last || words == 0) return;
  panel_weight part = {
      .panels = (const word *)w->panels + first * words, .outputs = last - first, .words = words};
  (m <= few_rows_packed ? stream_multiply : block_multiply)(
      m, part, operand, bias ? bias + first : 0, y + first, ldy);
}

static const ck_packed_product packed_product = {
    .arrange = panel_arrange, .multiply = panel_multiply};
