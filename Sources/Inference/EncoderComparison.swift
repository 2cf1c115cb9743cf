import Models
import Transformers

/// Encoders in the comparison that decoders use: the states of a sequence's tokens, one after the
/// other, stand where the logits of a token stand. The reference has all tokens; what has first
/// tokens only is compared with `first(of:hidden:)`.
enum EncoderComparison {
  /// [sequence][token][hidden] as one row per sequence.
  static func joined(_ states: [[[Float]]]) -> [[[Float]]] {
    states.map { [$0.flatMap { $0 }] }
  }

  /// The reference with each sequence's first state alone.
  static func first(of reference: ReferenceAnswers, hidden: Int) -> ReferenceAnswers {
    var first = reference
    first.logits = reference.logits.map { $0.map { Array($0.prefix(hidden)) } }
    return first
  }
}

extension EncoderOutput {
  /// What a measured pass computes for each sequence: MLM logits of its first token where the model
  /// has the head, else its pooled state, else its state.
  static func best(of model: ModelConfiguration) -> EncoderOutput {
    if model.encoder?.hasMLMHead == true { return .mlm }
    return model.encoder?.hasPooler == true ? .pooled : .hidden
  }
}
