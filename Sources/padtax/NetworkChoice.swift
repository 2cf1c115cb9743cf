import Networks
import Records

/// A network as options name it.
enum NetworkChoice {
  static func parse(_ name: String) throws(RecordError) -> Network {
    do { return try Network(parsing: name) } catch { throw RecordError("--network: \(error)") }
  }
}
