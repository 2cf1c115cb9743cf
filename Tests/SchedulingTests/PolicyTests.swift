import Scheduling
import Testing

@Suite struct PolicyTests {
  @Test("names read back as the policy") func namesReadBackAsThe() throws {
    #expect(Policy.names == ["right-pad", "left-pad", "packed"])
    for policy in Policy.allCases { #expect(try Policy(parsing: policy.description) == policy) }
  }

  @Test("an unknown name lists the choices") func anUnknownNameListsThe() {
    let error = #expect(throws: SchedulingError.self) { try Policy(parsing: "pad") }
    #expect(
      error?.description == "unknown policy 'pad'; valid choices: right-pad, left-pad, packed")
  }
}
