import Testing
import Workloads

@Suite struct TraceFormatTests {
  func csv(_ text: String) throws -> RequestList {
    try RequestList.trace(csv: Array(text.utf8), path: "t.csv")
  }
  func lines(_ text: String) throws -> RequestList {
    try RequestList.trace(jsonLines: Array(text.utf8), path: "t.jsonl")
  }

  @Test func readsBurstGPTAndDropsFailedRequests() throws {
    let list = try csv(
      "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\r\n"
        + "5,ChatGPT,472,18,490,Conversation log\r\n45,ChatGPT,1087,0,1087,Conversation log\r\n"
        + "110.5,GPT-4,417,505,922,API log\r\n")
    #expect(list.requests.map(\.promptLength) == [472, 417] && list.dropped == 1)
    #expect(list.requests.map(\.outputLength) == [18, 505])
    #expect(list.requests.map(\.arrival) == [0, 105.5])
    #expect(list.requests.map(\.id) == [0, 2])
  }

  @Test func readsAzuresLaterTimestampsAndFurtherColumns() throws {
    let list = try csv(
      "\u{FEFF}TIMESTAMP,ContextTokens,GeneratedTokens,Kind\n"
        + "2024-05-12 00:00:00.009930+00:00,4808,10,a\n2024-05-12 00:00:00.509930Z,31,8,b\n")
    #expect(list.requests.map(\.promptLength) == [4808, 31])
    #expect(list.requests.map(\.arrival) == [0, 0.5])
    #expect(throws: WorkloadError.self) {
      try csv(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-12 00:00:00.009930+02:00,4808,10\n")
    }
  }

  @Test func readsMooncakeInMilliseconds() throws {
    let list = try lines(
      "{\"timestamp\": 0, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0, 1]}\n"
        + "{\"timestamp\": 3052, \"input_length\": 7322, \"output_length\": 490, \"hash_ids\": []}\n\n"
    )
    #expect(list.requests.map(\.promptLength) == [6758, 7322])
    #expect(list.requests.map(\.outputLength) == [500, 490])
    #expect(list.requests.map(\.arrival) == [0, 3.052])
  }

  @Test func readsPadtaxsOwnNamesInBothNotations() throws {
    let table = try csv("prompt_tokens,arrival_s,output_tokens\n9,1.5,2\n8,2,3\n")
    let json = try lines(
      "{\"arrival_s\": 1.5, \"prompt_tokens\": 9, \"output_tokens\": 2}\n"
        + "{\"arrival_s\": 2, \"prompt_tokens\": 8, \"output_tokens\": 3}")
    #expect(table.requests == json.requests && table.requests.map(\.arrival) == [0, 0.5])
    let azure = try lines(
      "{\"TIMESTAMP\": \"2023-11-16 18:17:03.97\", \"ContextTokens\": 4, \"GeneratedTokens\": 5}")
    #expect(azure.requests.map(\.promptLength) == [4])
  }

  @Test(arguments: [
    (
      "{\"timestamp\": 5, \"input_length\": 1, \"output_length\": 1}\n{\"timestamp\": 4,",
      "t.jsonl:2: is not valid JSON"
    ),
    (
      "{\"timestamp\": 5, \"input_length\": 1, \"output_length\": 1}\n"
        + "{\"timestamp\": 4, \"input_length\": 1, \"output_length\": 1}",
      "t.jsonl:2: timestamp is earlier than the row before"
    ),
    (
      "{\"timestamp\": \"x\", \"input_length\": 1, \"output_length\": 1}",
      "t.jsonl:1: timestamp must be a number, found \"x\""
    ),
    (
      "{\"timestamp\": 5, \"input_length\": 1.5, \"output_length\": 1}",
      "t.jsonl:1: input_length must be an integer, found 1.5"
    ),
    (
      "{\"timestamp\": 5, \"input_length\": 0, \"output_length\": 1}",
      "t.jsonl:1: the prompt has zero tokens"
    ),
    (
      "{\"timestamp\": -5, \"input_length\": 1, \"output_length\": 1}",
      "t.jsonl:1: timestamp must be a number of milliseconds"
    ),
    ("{\"when\": 5, \"length\": 1}", "t.jsonl:1: the fields must be TIMESTAMP,ContextTokens"),
    (
      "{\"timestamp\": 5, \"input_length\": 1, \"output_length\": 1}\n\n"
        + "{\"timestamp\": 6, \"input_length\": 1, \"output_length\": 1}", "t.jsonl:2: is not valid"
    ),
    (
      "{\"timestamp\": 5, \"input_length\": 1, \"output_length\": 1}\n"
        + "{\"arrival_s\": 6, \"prompt_tokens\": 1, \"output_tokens\": 1}",
      "t.jsonl:2: has the fields of padtax, the lines before those of mooncake"
    ),
    ("", "t.jsonl: is empty"), ("[1]", "t.jsonl:1: the document must be an object"),
  ])
  func refusesMalformedLinesByNumber(text: String, words: String) throws {
    let found = try #require(fileError { _ = try lines(text) })
    #expect(found.description.contains(words), "\(found)")
  }

  @Test(arguments: [
    ("Timestamp,Request tokens,Response tokens\n5,1,2\n4,1,2", "t.csv:3: Timestamp is earlier"),
    (
      "Timestamp,Request tokens,Response tokens\nnan,1,2",
      "t.csv:2: Timestamp must be a number of s"
    ),
    ("Timestamp,Request tokens,Response tokens\n-1,1,2", "t.csv:2: Timestamp must be"),
    (
      "Timestamp,Request tokens,Response tokens\n5,1,-2", "t.csv:2: Response tokens must be a whole"
    ),
    ("Timestamp,Request tokens,Response tokens\n5,\"1\",2", "t.csv:2: has a quote"),
    ("Timestamp,Request tokens\n5,1", "or Timestamp,Request tokens,Response tokens (burstGPT) or"),
    ("Timestamp,Request tokens,Response tokens\n5,1,0", "no usable request: 1 dropped"),
  ])
  func refusesMalformedRowsByNumber(text: String, words: String) throws {
    let found = try #require(fileError { _ = try csv(text) })
    #expect(found.description.contains(words), "\(found)")
  }
}

@Suite struct ConversationTests {
  func read(_ text: String) throws -> RequestList {
    try RequestList.shareGPT(json: Array(text.utf8), path: "c.json")
  }

  @Test func readsAnyKnownLengthField() throws {
    let list = try read(
      "[{\"prompt_len\": 3, \"output_len\": 9}, {\"token_length\": 5, \"prompt\": \"text\"},\n"
        + "{\"input_length\": 0}, {\"prompt_tokens\": 7, \"completion_tokens\": null}]")
    #expect(list.requests.map(\.promptLength) == [3, 5, 7] && list.dropped == 1)
    #expect(list.requests.map(\.outputLength) == [9, nil, nil])
    #expect(list.requests.map(\.id) == [0, 1, 3])
  }

  @Test(arguments: [
    (
      "[{\"prompt_len\": 3},\n{\"text\": \"x\"}]",
      "c.json:2: an entry has no length field; known: p"
    ),
    ("[{\"prompt_len\": 3, \"length\": 4}]", "c.json:1: an entry has 2 length fields"),
    ("[{\"prompt_len\": 3},\n{\"prompt_len\": -4}]", "c.json:2: [1].prompt_len: a prompt of -4"),
    ("[{\"prompt_len\": 3,\n\"output_len\": 0}]", "c.json:2: [0].output_len: an output of 0"),
    ("[{\"prompt_len\": \"3\"}]", "[0].prompt_len must be an integer"), ("[]", "has no entries"),
    ("[3]", "[0] must be an object, found 3"),
  ])
  func refusesEntriesWithoutAUsableLength(text: String, words: String) throws {
    let found = try #require(fileError { _ = try read(text) })
    #expect(found.description.contains(words), "\(found)")
  }
}
