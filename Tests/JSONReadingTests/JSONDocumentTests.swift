import JSONReading
import Testing

@Suite struct JSONDocumentTests {
  struct Shape: Decodable {
    var name: String
    var sizes: [JSONInteger]
    var flag: Bool?
    var inner: Inner?
    struct Inner: Decodable { var x: Double }
  }

  func problem(_ text: String) -> JSONProblem? {
    do {
      _ = try JSONDocument(bytes: Array(text.utf8), path: "f.json").decode(Shape.self)
      return nil
    } catch {
      return error
    }
  }

  @Test func namesLineKeyPathAndWhatWasFound() {
    let text = "{\n \"name\": \"a\",\n \"sizes\": [1,\n  2,\n  \"3\"]\n}"
    #expect(
      problem(text)?.description == "f.json:5: sizes[2] must be an integer, found \"3\"")
    #expect(
      problem("{\"sizes\": [],\n\"name\": {\"a\": 1}}")?.description
        == "f.json:2: name must be a string, found an object")
    #expect(
      problem("{\"name\": \"a\", \"sizes\": [],\n\n \"inner\": {\"x\": true}}")?.description
        == "f.json:3: inner.x must be a number, found true")
  }

  @Test func namesMissingKeysAndNull() {
    #expect(problem("{\"name\": \"a\"}")?.description == "f.json:1: key 'sizes' is missing")
    #expect(
      problem("{\"name\": \"a\", \"sizes\": [],\n \"inner\": {}}")?.description
        == "f.json:2: key 'x' is missing in inner")
    #expect(problem("{\"name\": null, \"sizes\": []}")?.message.contains("found null") == true)
  }

  @Test func refusesNumbersThatAreNotIntegersOrDoNotFit() {
    for number in ["1.5", "1e30", "99999999999999999999"] {
      let found = problem("{\"name\": \"a\",\n \"sizes\": [\(number)]}")
      #expect(found?.line == 2 && found?.message.contains("sizes[0]") == true, "\(number)")
      #expect(found?.message.contains(number) == true, "\(found?.message ?? "accepted")")
    }
  }

  @Test(arguments: [
    ("{\n\"name\": \"a\"\n\"sizes\": []}", 3), ("{\"name\": \"a\",\n \"sizes\": [1,]}", 2),
    ("", 1), ("{\n\n", 2), ("{} {}", 1), ("{\"a\": 1,}", 1), ("[1 2]", 1), ("nonsense", 1),
    ("{\"name\": \"a\",\n\n \"sizes\": [1}", 3),
    ("{\"a\": \"unfinished", 1),
  ])
  func saysWhereSyntaxBreaks(text: String, line: Int) {
    let found = problem(text)
    #expect(found?.message == "is not valid JSON", "\(found?.message ?? "accepted")")
    #expect(found?.line == line)
  }

  @Test func findsLinesThroughStringsWithBracketsAndEscapes() {
    let text = "{\"a\": \"}]\\\"{\", \"b\": [[1, 2],\n {\"c\":\n 7}]}"
    let document = JSONDocument(bytes: Array(text.utf8), path: "f")
    #expect(document.line(of: [.key("b"), .index(1), .key("c")]) == 3)
    #expect(document.line(of: [.key("b"), .index(1)]) == 2)
    #expect(document.line(of: [.key("b"), .index(5)]) == 1)
    #expect(document.contains([.key("b"), .index(0), .index(1)]))
    #expect(!document.contains([.key("c")]))
  }

  @Test func survivesTruncationAnywhere() {
    let text = Array(
      "{\"name\": \"a\\\"b\", \"sizes\": [1, 2.5e3, -7], \"inner\": {\"x\": 1}}".utf8)
    for count in 0..<text.count {
      let document = JSONDocument(bytes: Array(text[..<count]), path: "f")
      #expect(throws: JSONProblem.self) { try document.decode(Shape.self) }
      #expect(document.line(of: [.key("inner"), .key("x")]) == 1)
    }
  }

  @Test func saysWhyAFileCannotBeRead() {
    #expect(throws: JSONProblem(path: "no/such", line: nil, message: "no such file")) {
      try JSONDocument.read("no/such")
    }
    #expect(throws: JSONProblem.self) { try JSONDocument.read("/") }
  }
}
