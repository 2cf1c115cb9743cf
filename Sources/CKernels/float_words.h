// A word of products is a float (panel_tiles.h).
#define CK_WORD_INPUTS 1
CK_INLINE vec4 four_words(const float *x) { return *(const unaligned_vec4 *)x; }
CK_INLINE vec multiply_words(vec sum, vec w, vec x) { return w * x + sum; }
