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

// A panel of each stream against words first..<first + words of x.
static void stream_block(
    size_t m, panel_weight w, size_t j, size_t first, size_t words, const word *x,
    const float *bias, float *y, size_t ldy) {
  const size_t apart = w.outputs / 16 / stream_panels[m], stride = w.words * 16;
  stream_full[m](
      words, x + first * m, w.panels + j * stride + first * 16, apart * stride, words_ahead, 0,
      apart, first > 0, bias ? bias + j * 16 : 0, y + j * 16, ldy);
}

// The same of one panel that is no stream's.
static void stream_rest(
    size_t m, panel_weight w, size_t j, size_t first, size_t words, const word *x,
    const float *bias, float *y, size_t ldy) {
  const word *panel = w.panels + j * w.words * 16 + first * 16;
  const float *terms = bias ? bias + j * 16 : 0;
  x += first * m;
  y += j * 16;
  if (j < w.outputs / 16)
    stream_one[m](words, x, panel, 0, words_ahead, 0, 0, first > 0, terms, y, ldy);
  else
    edge_tile(
        stream_one[m], m, w.outputs % 16, words, x, panel, words_ahead, 0, first > 0, terms, y,
        ldy);
}

// Few rows: as many streams of whole panels as registers allow, each without gaps, and the panels
// that are left one by one. x may lie in the second-level cache: it comes in order, and slowly.
static void stream_linear(
    size_t m, panel_weight w, const word *x, const float *bias, float *y, size_t ldy) {
  const size_t block = block_of(w.words), apart = w.outputs / 16 / stream_panels[m];
  const size_t rest = apart * stream_panels[m], panels = tiles_of(w.outputs, 16);
  for (size_t j = 0; j < apart + panels - rest; j++) {
    for (size_t first = 0; first < w.words; first += block) {
      size_t words = w.words - first < block ? w.words - first : block;
      if (j < apart)
        stream_block(m, w, j, first, words, x, bias, y, ldy);
      else
        stream_rest(m, w, rest + j - apart, first, words, x, bias, y, ldy);
    }
  }
}

// What many rows are multiplied with: a block of words of all panels. `after` is prefetched at the end.
typedef struct {
  const word *panels, *after;
  size_t outputs, stride, words;
  int accumulate;
} panel_block;

// Tiles top..<end of m rows, packed one behind the other, against all panels. While they meet a
// pair of panels, the next pair is brought to the second-level cache.
static void block_pass(
    size_t m, panel_block w, size_t top, size_t end, const word *x, const float *bias, float *y,
    size_t ldy) {
  const size_t all = tiles_of(m, block_rows), start = m * top / all, tiles = end - top;
  const size_t full = w.outputs / 16, panels = (w.outputs + 15) / 16;
  size_t count = 0;
  for (size_t j = 0; j < panels; j += count) {
    count = j + block_panels <= full ? block_panels : 1;
    const word *panel = w.panels + j * w.stride;
    const word *next = j + count < panels ? panel + count * w.stride : w.after;
    for (size_t t = top; t < end; t++) {
      size_t row = m * t / all, rows = m * (t + 1) / all - row;
      // Its share of the lines of one of the next panels.
      size_t p = (t - top) * count / tiles, begin = tiles_of(p * tiles, count);
      size_t sharers = tiles_of((p + 1) * tiles, count) - begin;
      const word *line =
          next + p * w.stride + w.words * (t - top - begin) / sharers * 16;
      size_t ahead = tiles_of(64, sharers);
      const word *inputs = x + (row - start) * w.words;
      const float *terms = bias ? bias + j * 16 : 0;
      float *target = y + row * ldy + j * 16;
      panel_function tile = block_tiles[count - 1][rows];
      if (j < full)
        tile(
            w.words, inputs, panel, w.stride, ahead, line, 1, w.accumulate, terms, target, ldy);
      else
        edge_tile(
            tile, rows, w.outputs % 16, w.words, inputs, panel, ahead, line, w.accumulate, terms,
            target, ldy);
    }
  }
}

// Tiles at a time where there are many rows: what block_bytes hold.
static size_t tiles_at_once(size_t words) {
  size_t tiles = block_bytes / (block_of(words) * block_rows * sizeof(word));
  return tiles > 0 ? tiles : 1;
}

// Many rows: a block of their inputs is packed for as many as stay in the second-level cache, and
// meets all panels.
static void block_linear(
    size_t m, panel_weight w, size_t inputs, const float *x, size_t ldx, const float *bias,
    float *y, size_t ldy, word *operand) {
  const size_t block = block_of(w.words), all = tiles_of(m, block_rows);
  const size_t passes = tiles_of(all, tiles_at_once(w.words));
  for (size_t first = 0; first < w.words; first += block) {
    size_t words = w.words - first < block ? w.words - first : block;
    for (size_t pass = 0; pass < passes; pass++) {
      size_t top = all * pass / passes, end = all * (pass + 1) / passes, start = m * top / all;
      for (size_t t = top; t < end; t++) {
        size_t row = m * t / all, count = m * (t + 1) / all - row;
        arrange_tile(
            operand + (row - start) * words, count, first, words, inputs, x + row * ldx, ldx);
      }
      size_t following = pass + 1 < passes ? first : first + block < w.words ? first + block : 0;
      panel_block part = {
          .panels = w.panels + first * 16, .after = w.panels + following * 16,
          .outputs = w.outputs, .stride = w.words * 16, .words = words, .accumulate = first > 0};
      block_pass(m, part, top, end, operand, bias, y, ldy);
    }
  }
}

// Bytes of the workspace of panel_linear.
static size_t panel_workspace(size_t m, size_t inputs) {
  const size_t words = panel_words(inputs), tiles = tiles_of(m, block_rows);
  if (words == 0) return 0;
  const size_t most = tiles_at_once(words);
  if (m <= few_rows_packed) return m * words * sizeof(word);
  return (tiles < most ? tiles : most) * block_rows * block_of(words) * sizeof(word);
}

static void panel_linear(
    size_t m, const ck_packed *w, const float *x, size_t ldx, const float *bias, float *y,
    size_t ldy, void *workspace) {
  panel_weight all = {
      .panels = w->panels, .outputs = w->outputs, .words = panel_words(w->inputs)};
  if (m == 0 || all.outputs == 0 || all.words == 0) return;
  if (m > few_rows_packed) {
    block_linear(m, all, w->inputs, x, ldx, bias, y, ldy, workspace);
    return;
  }
  arrange_tile(workspace, m, 0, all.words, w->inputs, x, ldx);
  stream_linear(m, all, workspace, bias, y, ldy);
}
