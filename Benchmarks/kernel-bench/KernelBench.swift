import CKernels
import Kernels
import Tensors

/// Ratios of padtax's kernels to the ceilings of this machine, on one thread.
///
/// Both sides of a ratio alternate within one run, so that a neighbour's load meets both.
@main
enum KernelBench {
  static func main() throws {
    let sections: [(name: String, run: (Bench) throws -> Void)] = [
      ("prefill", { try $0.prefillLinears() }), ("decode", { try $0.decodeLinears() }),
      ("crossover", { try $0.crossover() }), ("attention", { try $0.attention() }),
      ("decode-attention", { try $0.decodeAttention() }),
      ("paged-attention", { try $0.pagedAttention() }), ("rows", { try $0.rowKernels() }),
      ("bf16", { try $0.bfloat16Products() }), ("bf16-decode", { try $0.bfloat16Decode() }),
      ("streaming", { try $0.streamingAttention() }), ("libraries", { try $0.otherProducts() }),
    ]
    let asked = CommandLine.arguments.dropFirst()
    if let unknown = asked.first(where: { name in !sections.contains { $0.name == name } }) {
      print("unknown section \(unknown); valid choices: \(sections.map(\.name))")
      return
    }
    let bench = try Bench()
    bench.printMachine()
    for section in sections where asked.isEmpty || asked.contains(section.name) {
      try section.run(bench)
    }
  }
}
