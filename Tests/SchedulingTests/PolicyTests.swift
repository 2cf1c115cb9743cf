import Scheduling
import Testing

@Suite struct PolicyTests {
  @Test("names read back as the policy") func namesReadBackAsThe() throws {
    for policy in PlanGenerator.policies {
      #expect(try Policy(parsing: policy.description) == policy)
    }
  }

  @Test("an unknown name lists the choices") func anUnknownNameListsThe() {
    let error = #expect(throws: SchedulingError.self) { try Policy(parsing: "pad") }
    #expect(
      error?.description
        == "unknown policy 'pad'; valid choices: fixed:N, bucketed:EDGES, multi-bin:N, right-pad, "
        + "left-pad, sorted, megatron-iterative, packed, packed-micro, one-by-one")
  }

  @Test(
    "values out of range or order are refused",
    arguments: [
      "fixed", "fixed:0", "fixed:x", "fixed:-3", "bucketed:", "bucketed:8,4", "bucketed:8,8",
      "bucketed:best-0", "bucketed:best", "multi-bin:0", "packed:3", "",
    ])
  func valuesOutOfRange(text: String) {
    #expect(throws: SchedulingError.self) { try Policy(parsing: text) }
  }
}
