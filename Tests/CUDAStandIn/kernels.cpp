// The project's device code, compiled for the host.
#include "emulate.h"

#include "../../Sources/GPUKernels/Device/rows.cu"
#include "../../Sources/GPUKernels/Device/random.cu"
#include "../../Sources/GPUKernels/Device/attention.cu"
#include "../../Sources/GPUKernels/Device/flash.cu"

#include <map>
#include <tuple>
#include <utility>

#include "kernels.h"

template <class... A, size_t... I>
static std::function<void()> bound(void (*f)(A...), void **p, std::index_sequence<I...>) {
  std::tuple<A...> values(*static_cast<A *>(p[I])...);
  return [=] { std::apply(f, values); };
}

template <class... A>
static Binder binder(void (*f)(A...)) {
  return [=](void **p) { return bound(f, p, std::index_sequence_for<A...>()); };
}

#define BOTH(name) {#name "_f32", binder(name##_f32)}, {#name "_bf16", binder(name##_bf16)}

const Binder *find_kernel(const std::string &name) {
  static const std::map<std::string, Binder> table = {
      BOTH(rms_norm),      BOTH(layer_norm), BOTH(head_norm), BOTH(rotate), BOTH(silu_multiply),
      BOTH(add),           BOTH(activate),   BOTH(gather),    BOTH(argmax),
      BOTH(softmax_parts), BOTH(widen),      BOTH(narrow),    BOTH(combine),
      BOTH(fill_normal),
      BOTH(store_f32_of), BOTH(store_bf16_of), BOTH(attend_f32_by), BOTH(attend_bf16_by),
      {"prefill_64", binder(prefill_64)}, {"prefill_128", binder(prefill_128)},
      {"prefill_blocks_64", binder(prefill_blocks_64)},
      {"prefill_blocks_128", binder(prefill_blocks_128)},
      {"decode_64", binder(decode_64)},   {"decode_128", binder(decode_128)},
  };
  auto found = table.find(name);
  return found == table.end() ? nullptr : &found->second;
}
