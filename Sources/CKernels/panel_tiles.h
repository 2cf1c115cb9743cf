// Tiles of products with a packed weight, and the packing of their inputs.
//
// A weight lies in panels of 16 outputs: for each word of inputs the words of 16 outputs. A word is a
// float or a pair of bfloat16 values; before it includes this file, the includer says which:
// CK_WORD_INPUTS, four_words (the words of four times as many inputs) and multiply_words. The inputs
// of a product are packed as well, by tiles of rows: for each word the words of the tile's rows.
// A tile of sums then takes one load for 16 outputs, and one that is spread for each row.
//
// Sums run over block_words words from zero and are then added to the bias, or to the sum so far,
// whatever m is: a row's result depends on neither the rows beside it nor the width of vectors.

typedef float word __attribute__((may_alias));

enum {
  // Vectors per panel.
  panel_parts = 16 / CK_WIDTH,
  // Many rows: tiles of two vectors, as high as registers allow.
  block_rows = (CK_REGISTERS - 4) / 2,
  block_panels = 2 / panel_parts,
  // Words of a sum that begins from zero. Panels of so many need not stay in the first-level cache:
  // a line feeds block_rows multiply-adds (Zen 4: tiles alone reach 0.99 of the peak from either
  // level with 448 words or more, 0.97 with 128).
  block_words = 1024,
  // Bytes of packed rows that stay in the second-level cache while all panels pass: half of Zen 4's.
  block_bytes = 512 << 10,
  // Few rows: words from a weight to the one that is prefetched.
  words_ahead = 2048,
};

static size_t panel_words(size_t inputs) {
  return ((inputs + CK_WORD_INPUTS - 1) / CK_WORD_INPUTS + 15) / 16 * 16;
}

// Equal blocks of block_words at most.
static size_t block_of(size_t words) {
  size_t blocks = (words + block_words - 1) / block_words;
  return ((words + blocks - 1) / blocks + 15) / 16 * 16;
}

// Tiles that m rows are cut into, as equal as can be.
static size_t tiles_of(size_t m, size_t height) { return (m + height - 1) / height; }

// The words of up to four times as many inputs, zero behind them.
CK_INLINE vec4 last_words(const float *x, size_t inputs) {
  float part[4 * CK_WORD_INPUTS] = {0};
  memcpy(part, x, inputs * sizeof *x);
  return four_words(part);
}

// Four words of R rows to columns that are `count` words apart.
CK_INLINE void put_columns(const int R, word *to, size_t count, vec4 *four) {
  if (R == 4) {
    transpose_four(four);
    CK_UNROLL for (int j = 0; j < 4; j++) {
      *(unaligned_vec4 *)(to + (size_t)j * count) = four[j];
    }
    return;
  }
  CK_UNROLL for (int j = 0; j < 4; j++) {
    CK_UNROLL for (int r = 0; r < R; r++) to[(size_t)j * count + (size_t)r] = four[r][j];
  }
}

// R rows of `inputs` elements, ldx apart, to `words` words in columns `count` words apart.
CK_INLINE void arrange_rows(
    const int R, word *y, size_t count, size_t words, size_t inputs, const float *x, size_t ldx) {
  enum { group = 4 * CK_WORD_INPUTS, lines = CK_WORD_INPUTS };
  vec4 four[4];
  size_t i = 0, first = 0;
  for (; i < words && first + 4 * group <= inputs; i += 16, first += 4 * group) {
    // The same place in the rows that follow: rows side by side are read from memory at a third of
    // its speed without.
    CK_UNROLL for (int r = 0; r < R * lines; r++)
      __builtin_prefetch(x + (size_t)(R + r / lines) * ldx + first + 16 * (r % lines), 0, 2);
    CK_UNROLL for (int g = 0; g < 4; g++) {
      CK_UNROLL for (int r = 0; r < R; r++)
        four[r] = four_words(x + (size_t)r * ldx + first + (size_t)g * group);
      put_columns(R, y + (i + 4 * (size_t)g) * count, count, four);
    }
  }
  for (; i < words; i += 4, first += group) {
    CK_UNROLL for (int r = 0; r < R; r++) {
      const float *from = x + (size_t)r * ldx + first;
      four[r] = first + group <= inputs ? four_words(from)
                : first < inputs        ? last_words(from, inputs - first)
                                        : (vec4)(0);
    }
    put_columns(R, y + i * count, count, four);
  }
}

// The words first..<first + words of `count` rows to a tile.
static void arrange_tile(
    word *y, size_t count, size_t first, size_t words, size_t inputs, const float *x, size_t ldx) {
  size_t before = first * CK_WORD_INPUTS, left = inputs > before ? inputs - before : 0;
  for (size_t row = 0; row < count; row += 4) {
    // The last four rows of a tile may have been among those before.
    if (row + 4 > count && count >= 4) row = count - 4;
    const float *from = x + row * ldx + before;
    switch (count < 4 ? count : 4) {
      case 1: arrange_rows(1, y, count, words, left, from, ldx); break;
      case 2: arrange_rows(2, y, count, words, left, from, ldx); break;
      case 3: arrange_rows(3, y, count, words, left, from, ldx); break;
      default: arrange_rows(4, y + row, count, words, left, from, ldx);
    }
  }
}

// One word of M rows against P panels `step` words apart.
CK_INLINE void panel_step(
    const int M, const int P, const word *x, const word *w, size_t step, vec (*total)[16]) {
  vec line[8 * panel_parts];
  CK_UNROLL for (int v = 0; v < P * panel_parts; v++)
    line[v] = load(w + (size_t)(v / panel_parts) * step + v % panel_parts * CK_WIDTH);
  CK_UNROLL for (int m = 0; m < M; m++) {
    vec input = splat(x[m]);
    CK_UNROLL for (int v = 0; v < P * panel_parts; v++)
      total[v][m] = multiply_words(total[v][m], line[v], input);
  }
}

// One tile: M rows of x against P panels `step` words apart, which are `apart` panels apart in y.
// A stream prefetches the weight `ahead` words on; else `next` is prefetched in steps of `ahead`
// bytes. x is at one address: eight rows at their own would take the registers of addresses, after
// which compilers move the sums about (0.78 of the speed with 8 rows, built as SwiftPM does).
CK_INLINE void panel_tile(
    const int M, const int P, const int is_stream, size_t words, const word *x, const word *w,
    size_t step, size_t ahead, const word *next, size_t apart, int accumulate, const float *bias,
    float *y, size_t ldy) {
  vec total[8 * panel_parts][16];
  CK_UNROLL for (int v = 0; v < P * panel_parts; v++) {
    CK_UNROLL for (int m = 0; m < M; m++) total[v][m] = splat(0);
  }
  size_t i = 0;
  if (!is_stream) {
    // The sums are needed last and lie far apart: one after the other is asked for.
    CK_UNROLL for (int p = 0; p < P; p++) {
      size_t stop = i + (size_t)M < words ? i + (size_t)M : words;
      for (const float *target = y + (size_t)p * apart * 16; i < stop; i++, target += ldy) {
        __builtin_prefetch(target, 1, 3);
        __builtin_prefetch((const char *)next + i * ahead, 0, 2);
        panel_step(M, P, x + i * (size_t)M, w + i * 16, step, total);
      }
    }
  }
  for (; i < words; i++) {
    if (!is_stream) __builtin_prefetch((const char *)next + i * ahead, 0, 2);
    CK_UNROLL for (int p = 0; p < P && is_stream; p++)
      __builtin_prefetch(w + (size_t)p * step + i * 16 + ahead, 0, 2);
    panel_step(M, P, x + i * (size_t)M, w + i * 16, step, total);
  }
  CK_UNROLL for (int v = 0; v < P * panel_parts; v++) {
    size_t column =
        (size_t)(v / panel_parts) * apart * 16 + (size_t)(v % panel_parts) * CK_WIDTH;
    CK_UNROLL for (int m = 0; m < M; m++) {
      float *target = y + (size_t)m * ldy + column;
      vec base = accumulate ? load(target) : bias ? load(bias + column) : splat(0);
      store(target, total[v][m] + base);
    }
  }
}

#define CK_PANEL_ARGUMENTS \
  size_t words, const word *x, const word *w, size_t step, size_t ahead, const word *next, \
      size_t apart, int accumulate, const float *bias, float *y, size_t ldy
typedef void (*panel_function)(CK_PANEL_ARGUMENTS);
#define CK_PANEL_TILE(NAME, M, P, STREAM) \
  static void NAME##_##M##_##P(CK_PANEL_ARGUMENTS) { \
    panel_tile( \
        M, P, STREAM, words, x, w, step, ahead, next, apart, accumulate, bias, y, ldy); \
  }
#define CK_STREAM(M, P) CK_PANEL_TILE(stream, M, P, 1)
#define CK_BLOCK(M) CK_PANEL_TILE(block, M, 1, 0)
#define CK_STREAM_ONE(M) CK_STREAM(M, 1)

CK_STREAM_ONE(1) CK_STREAM_ONE(2) CK_STREAM_ONE(3) CK_STREAM_ONE(4) CK_STREAM_ONE(5)
CK_STREAM_ONE(6)
CK_BLOCK(1) CK_BLOCK(2) CK_BLOCK(3) CK_BLOCK(4) CK_BLOCK(5) CK_BLOCK(6)

// Few rows: as many panels as registers allow, each a stream of its own.
#if CK_REGISTERS >= 32
enum { few_rows_packed = 16 };
CK_STREAM_ONE(7) CK_STREAM_ONE(8) CK_STREAM_ONE(9) CK_STREAM_ONE(10) CK_STREAM_ONE(11)
CK_STREAM_ONE(12) CK_STREAM_ONE(13) CK_STREAM_ONE(14) CK_STREAM_ONE(15) CK_STREAM_ONE(16)
CK_STREAM(1, 8) CK_STREAM(2, 8) CK_STREAM(3, 6) CK_STREAM(4, 6) CK_STREAM(5, 5) CK_STREAM(6, 4)
CK_STREAM(7, 3) CK_STREAM(8, 3) CK_STREAM(9, 3) CK_STREAM(10, 2) CK_STREAM(11, 2)
CK_STREAM(12, 2) CK_STREAM(13, 2) CK_STREAM(14, 2)
static const size_t stream_panels[] = {0, 8, 8, 6, 6, 5, 4, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1};
static const panel_function stream_full[] = {
    0,           stream_1_8,  stream_2_8,  stream_3_6,  stream_4_6,  stream_5_5,
    stream_6_4,  stream_7_3,  stream_8_3,  stream_9_3,  stream_10_2, stream_11_2,
    stream_12_2, stream_13_2, stream_14_2, stream_15_1, stream_16_1};
static const panel_function stream_one[] = {
    0,           stream_1_1,  stream_2_1,  stream_3_1,  stream_4_1,  stream_5_1,
    stream_6_1,  stream_7_1,  stream_8_1,  stream_9_1,  stream_10_1, stream_11_1,
    stream_12_1, stream_13_1, stream_14_1, stream_15_1, stream_16_1};
CK_BLOCK(7) CK_BLOCK(8) CK_BLOCK(9) CK_BLOCK(10) CK_BLOCK(11) CK_BLOCK(12) CK_BLOCK(13)
CK_BLOCK(14)
#define CK_BLOCK_TWO(M) CK_PANEL_TILE(block, M, 2, 0)
CK_BLOCK_TWO(1) CK_BLOCK_TWO(2) CK_BLOCK_TWO(3) CK_BLOCK_TWO(4) CK_BLOCK_TWO(5) CK_BLOCK_TWO(6)
CK_BLOCK_TWO(7) CK_BLOCK_TWO(8) CK_BLOCK_TWO(9) CK_BLOCK_TWO(10) CK_BLOCK_TWO(11)
CK_BLOCK_TWO(12) CK_BLOCK_TWO(13) CK_BLOCK_TWO(14)
#define CK_BLOCK_NAMES(P) \
  {0, block_1_##P, block_2_##P, block_3_##P, block_4_##P, block_5_##P, block_6_##P, \
   block_7_##P, block_8_##P, block_9_##P, block_10_##P, block_11_##P, block_12_##P, \
   block_13_##P, block_14_##P}
static const panel_function block_tiles[][block_rows + 1] = {CK_BLOCK_NAMES(1), CK_BLOCK_NAMES(2)};
#else
enum { few_rows_packed = 6 };
CK_STREAM(1, 4) CK_STREAM(2, 3) CK_STREAM(3, 2)
static const size_t stream_panels[] = {0, 4, 3, 2, 1, 1, 1};
static const panel_function stream_full[] = {
    0, stream_1_4, stream_2_3, stream_3_2, stream_4_1, stream_5_1, stream_6_1};
static const panel_function stream_one[] = {
    0, stream_1_1, stream_2_1, stream_3_1, stream_4_1, stream_5_1, stream_6_1};
static const panel_function block_tiles[][block_rows + 1] = {
    {0, block_1_1, block_2_1, block_3_1, block_4_1, block_5_1, block_6_1}};
#endif
