import Hardware
import Testing

@Suite struct RooflineTests {
  private static let model = RooflineModel(
    name: "ideal", peaks: [.bf16: 1e12, .fp8: 2e12], bandwidth: 1e9, efficiency: .ideal)
  private static let heads = AttentionHeads(query: 8, kv: 2, dimension: 64)

  private func seconds(_ call: KernelCall, _ format: NumberFormat = .bf16) throws -> Double {
    try Self.model.time(of: call, in: format).seconds
  }

  @Test func `a large product takes its FLOPs and a small one its bytes`() throws {
    #expect(try seconds(.gemm(m: 10_000, n: 10_000, k: 10_000)) == 2.0)
    // 1 token: 2 bytes of each weight, input and output.
    let bytes = 2.0 * (1000 * 1000 + 1000 + 1000)
    #expect(try seconds(.gemm(m: 1, n: 1000, k: 1000)) == bytes / 1e9)
    #expect(try seconds(.elementwise(bytes: 1000)) == 1e-6)
  }

  @Test func `narrow numbers halve computing and keep outputs wide`() throws {
    #expect(try seconds(.gemm(m: 10_000, n: 10_000, k: 10_000), .fp8) == 1.0)
    #expect(try seconds(.gemm(m: 1, n: 1000, k: 10), .fp8) == (10_000 + 10 + 2000) / 1e9)
  }

  @Test func `attention counts causal pairs`() throws {
    let causal = KernelWork(
      .prefillAttention([AttentionSpan(count: 3, queries: 4, context: 5)], Self.heads), .bf16)
    #expect(causal.flops == 184_320)  // 3 rows of 4·5 + 10 pairs, 4 FLOPs, 8 heads of 64
    let both = KernelWork(
      .prefillAttention([AttentionSpan(queries: 4)], Self.heads, causal: false), .bf16)
    #expect(both.flops == 32_768)  // 16 pairs
    let decode = KernelWork(
      .decodeAttention([AttentionSpan(count: 2, queries: 1, context: 9)], Self.heads), .bf16)
    #expect(decode.flops == 40_960)  // 2 rows of 10 keys
    #expect(decode.bytes == 14_336)  // 2 rows of 2·512 + 20·128 numbers
  }

  @Test func `more work never takes less`() throws {
    let sizes = [1, 2, 3, 7, 64, 65, 1000, 4096]
    for (small, large) in zip(sizes, sizes.dropFirst()) {
      for other in sizes {
        #expect(
          try seconds(.gemm(m: small, n: other, k: 64)) <= seconds(.gemm(m: large, n: other, k: 64))
        )
        #expect(
          try seconds(.gemm(m: other, n: 64, k: small)) <= seconds(.gemm(m: other, n: 64, k: large))
        )
        func decode(_ context: Int) -> KernelCall {
          .decodeAttention([AttentionSpan(count: other, queries: 1, context: context)], Self.heads)
        }
        #expect(try seconds(decode(small)) <= seconds(decode(large)))
      }
    }
  }

  @Test func `a launch is the least that a kernel takes`() throws {
    let model = RooflineModel(
      name: "x", peaks: [.bf16: 1e12], bandwidth: 1e9,
      efficiency: .init(
        gemm: 0.5, attention: 0.25, memory: 0.5, launch: 1e-3, attentionLaunch: 1e-2))
    #expect(try model.time(of: .elementwise(bytes: 0), in: .bf16).seconds == 1e-3)
    #expect(try model.time(of: .elementwise(bytes: 1000), in: .bf16).seconds == 1e-3 + 2e-6)
    let one = KernelCall.decodeAttention([AttentionSpan(queries: 1)], Self.heads)
    #expect(try model.time(of: one, in: .bf16).seconds > 1e-2)
  }
}
