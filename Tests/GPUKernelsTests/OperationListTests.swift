import Glibc
import Kernels
import TestSupport
import Testing

@testable import GPUKernels

@Suite struct OperationListTests {
  private static var function: UnsafeMutableRawPointer? {
    UnsafeMutableRawPointer(bitPattern: 4096)
  }
  private static var product: OpaquePointer? { OpaquePointer(bitPattern: 8192) }

  /// - Parameter changed: which of the arguments is another.
  private func list(changed: Int = -1) throws -> OperationList {
    var value = 100
    var index = 0
    func next() -> Int {
      defer { index += 1 }
      value += 1
      return index == changed ? value + 1000 : value
    }
    let arguments = LaunchArguments().begin()
    arguments.address(UInt64(next())).int(next()).float(Float(next()))
    arguments.words(UInt64(next()), UInt64(next())).long(next())
    var list = OperationList()
    list.launch(
      try #require(Self.function), grid: (next(), next(), next()), threads: next(),
      sharedBytes: next(), arguments)
    list.multiply(
      try #require(Self.product), x: UInt64(next()), w: UInt64(next()), bias: UInt64(next()),
      y: UInt64(next()))
    list.copy(UInt64(next()), to: UInt64(next()), bytes: next())
    #expect(index == 18 && list.count == 3)
    return list
  }

  @Test func `lists are equal when every argument is, and hashes follow`() throws {
    let one = try list()
    #expect(try one == list() && one.hash == list().hash)
    for changed in 0..<18 {
      let other = try list(changed: changed)
      #expect(one != other && one.hash != other.hash, "\(changed)")
    }
    var emptied = one
    emptied.removeAll()
    #expect(emptied == OperationList() && emptied.count == 0)
  }

  @Test func `what kernels are told of rows stays the same while contexts grow`() {
    func rows(_ context: Int) -> BatchRows {
      BatchRows(
        [
          AttentionRow(
            firstSlot: 0, slots: 1, real: 0..<1, context: context,
            blocks: (0...context / 4).map { Int32($0) }, blockSlots: 4)
        ], isFixed: true)
    }
    let told = (64...127).map { [rows($0).mostKeys, rows($0).mostStepKeys, rows($0).rowBlocks] }
    #expect(told.allSatisfy { $0 == [128, 128, 32] })
    #expect(rows(128).mostKeys == 256 && rows(0).mostKeys == 1)
    #expect(rows(70).blocks.count == 32 && rows(70).blocks.prefix(18).last == 17)
  }
}

/// The stand-in's own rules of capture, which are the driver's as documented.
@Suite(.serialized) struct StandInCaptureTests {
  private typealias Call0 = @convention(c) (UnsafeMutableRawPointer?) -> Int32
  private typealias Begin = @convention(c) (UnsafeMutableRawPointer?, Int32) -> Int32
  private typealias Out =
    @convention(c) (
      UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>
    ) -> Int32
  private typealias Make =
    @convention(c) (
      UnsafeMutablePointer<UnsafeMutableRawPointer?>, UnsafeMutableRawPointer?, UInt64
    ) -> Int32
  private typealias Pair =
    @convention(c) (
      UnsafeMutableRawPointer?, UnsafeMutableRawPointer?
    ) -> Int32
  private typealias Allocate = @convention(c) (UnsafeMutablePointer<UInt64>, Int) -> Int32
  private typealias Copy = @convention(c) (UInt64, UInt64, Int, UnsafeMutableRawPointer?) -> Int32
  private typealias Upload =
    @convention(c) (
      UInt64, UnsafeRawPointer?, Int, UnsafeMutableRawPointer?
    ) -> Int32
  private typealias Count = @convention(c) () -> Int

  private let library: UnsafeMutableRawPointer

  init() throws {
    library = try #require(dlopen(RankLauncher.executable("libcuda-stand-in.so"), RTLD_NOW))
  }

  private func call<F>(_ name: String, _ type: F.Type) throws -> F {
    unsafeBitCast(try #require(dlsym(library, name)), to: type)
  }

  /// A graph of what `body` asks for, and the codes of the end of its capture.
  private func capture(_ body: () throws -> Void) throws -> (Int32, UnsafeMutableRawPointer?) {
    #expect(try call("cuStreamBeginCapture_v2", Begin.self)(nil, 1) == 0)
    #expect(try call("cuStreamBeginCapture_v2", Begin.self)(nil, 1) == 401)
    try body()
    var graph: UnsafeMutableRawPointer?
    let code = try call("cuStreamEndCapture", Out.self)(nil, &graph)
    return (code, graph)
  }

  @Test func `captured work runs when it is launched, as often as that, with what it was told`()
    throws
  {
    let synchronize = try call("cuStreamSynchronize", Call0.self)
    let copy = try call("cuMemcpyDtoDAsync_v2", Copy.self)
    let upload = try call("cuMemcpyHtoDAsync_v2", Upload.self)
    var (a, b): (UInt64, UInt64) = (0, 0)
    #expect(try call("cuMemAlloc_v2", Allocate.self)(&a, 4) == 0)
    #expect(try call("cuMemAlloc_v2", Allocate.self)(&b, 4) == 0)
    let target = try #require(UnsafePointer<Int32>(bitPattern: UInt(b)))
    func set(_ value: Int32) {
      #expect(withUnsafeBytes(of: value) { upload(a, $0.baseAddress, 4, nil) } == 0)
    }
    set(5)
    #expect(synchronize(nil) == 0)
    var from = a
    let (code, graph) = try capture { #expect(copy(b, from, 4, nil) == 0) }
    from = 0
    #expect(code == 0 && synchronize(nil) == 0 && target.pointee != 5, "nothing has run")
    var made: UnsafeMutableRawPointer?
    #expect(try call("cuGraphInstantiateWithFlags", Make.self)(&made, graph, 0) == 0)
    #expect(try call("cuGraphDestroy", Call0.self)(graph) == 0)
    #expect(try call("cuGraphDestroy", Call0.self)(graph) == 400, "it is gone")
    for value in [7, 9] as [Int32] {
      set(value)
      #expect(try call("cuGraphLaunch", Pair.self)(made, nil) == 0)
      #expect(synchronize(nil) == 0 && target.pointee == value)
    }
    set(11)
    #expect(try call("cuGraphLaunch", Pair.self)(made, nil) == 0)
    #expect(try call("cuGraphExecDestroy", Call0.self)(made) == 0)
    #expect(synchronize(nil) == 0 && target.pointee == 11, "what was launched goes on")
    #expect(try call("standin_live_graphs", Count.self)() == 0)
  }

  @Test func `what may not be asked for in a capture spoils it, and only it`() throws {
    let synchronize = try call("cuStreamSynchronize", Call0.self)
    let allocate = try call("cuMemAlloc_v2", Allocate.self)
    let upload = try call("cuMemcpyHtoDAsync_v2", Upload.self)
    let copy = try call("cuMemcpyDtoDAsync_v2", Copy.self)
    var a: UInt64 = 0
    #expect(allocate(&a, 4) == 0)
    let value: Int32 = 1
    let illegal: [() -> Int32] = [
      { synchronize(nil) },
      {
        var b: UInt64 = 0
        return allocate(&b, 4)
      },
      { withUnsafeBytes(of: value) { upload(a, $0.baseAddress, 4, nil) } },
    ]
    for (number, wrong) in illegal.enumerated() {
      let (code, graph) = try capture {
        #expect(copy(a, a, 4, nil) == 0)
        #expect(wrong() == 900, "\(number)")
        #expect(copy(a, a, 4, nil) == 901, "\(number)")
      }
      #expect(code == 901 && graph == nil, "\(number)")
    }
    var nothing: UnsafeMutableRawPointer?
    #expect(try call("cuStreamEndCapture", Out.self)(nil, &nothing) == 401)
    #expect(copy(a, a, 4, nil) == 0 && synchronize(nil) == 0)
  }
}
