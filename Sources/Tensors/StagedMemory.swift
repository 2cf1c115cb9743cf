/// What a body that borrows a matrix's elements does with them.
public enum ElementAccess: Sendable {
  case read, write, readWrite

  var reads: Bool { self != .write }
  var writes: Bool { self != .read }
}

/// Memory that host code cannot follow, a GPU's for instance: how its elements come to the host and
/// back. Host copies are float32, whatever the device keeps.
public protocol StagedMemory: AnyObject, Sendable {
  /// Host memory for `count` elements, page-locked where that can be had; its content is undefined.
  func hostStorage(_ count: Int) -> Storage
  /// Copies a contiguous matrix's elements to host memory; they are there on return.
  func copy(_ matrix: Matrix, toHost target: UnsafeMutablePointer<Float>)
  /// Copies host memory into a contiguous matrix; the host memory may change on return.
  func copy(fromHost source: UnsafePointer<Float>, to matrix: Matrix)
}
