import ArgumentParser
import Communication

/// What a table of messages is made for.
struct MessageOptions: ParsableArguments {
  @Option(help: "Prompt tokens of each request.") var prompt = 128
  @Option(help: "Tokens generated per request; the first comes with the prefill.") var generate =
    128
  @Option(help: "Requests that run together.") var batch = 1
  @Option(help: "Element type of hidden states and logits: bf16, fp16, fp8 or fp32.")
  var dtype = "bf16"

  func validate() throws {
    for (name, value) in [("prompt", prompt), ("generate", generate), ("batch", batch)]
    where !(1...(1 << 24)).contains(value) {
      throw ValidationError("--\(name) \(value) is out of range; it must be 1 to \(1 << 24)")
    }
    _ = try format()
  }

  func format() throws -> ElementFormat {
    switch dtype {
    case "bf16", "bfloat16": .bfloat16
    case "fp16", "float16": .float16
    case "fp8", "float8": .float8
    case "fp32", "float32": .float
    default:
      throw ValidationError("--dtype '\(dtype)' is unknown; valid: bf16 fp16 fp8 fp32")
    }
  }
}
