/// An error that says where it is: `file:line: message`, as far as the place is known.
public protocol PlacedError: Error, CustomStringConvertible {
  var file: String? { get }
  var line: Int? { get }
  var message: String { get }
}

extension PlacedError {
  public var description: String {
    switch (file, line) {
    case (.some(let file), .some(let line)): "\(file):\(line): \(message)"
    case (.some(let file), nil): "\(file): \(message)"
    default: message
    }
  }
}
