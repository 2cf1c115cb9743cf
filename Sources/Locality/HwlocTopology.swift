import CHwloc
import Glibc

/// Owner of a loaded hwloc topology. All calls into hwloc are in this file.
struct HwlocTopology: ~Copyable {
  private let handle: hwloc_topology_t

  /// Loads this host's topology, a few milliseconds.
  init() throws(LocalityError) {
    handle = try Self.load()
  }

  private static func load() throws(LocalityError) -> hwloc_topology_t {
    // hwloc 1 and 2 differ in layout: a library of another major version would be misread.
    let version = hwloc_get_api_version()
    guard version >> 16 == UInt32(HWLOC_API_VERSION) >> 16 else {
      throw LocalityError(
        "hwloc_get_api_version",
        "built against hwloc API \(UInt32(HWLOC_API_VERSION) >> 16), found \(version >> 16)")
    }
    var topology: hwloc_topology_t?
    guard hwloc_topology_init(&topology) == 0, let topology else {
      throw LocalityError("hwloc_topology_init", errnoText())
    }
    guard hwloc_topology_load(topology) == 0 else {
      let text = errnoText()
      hwloc_topology_destroy(topology)
      throw LocalityError("hwloc_topology_load", text)
    }
    return topology
  }

  deinit { hwloc_topology_destroy(handle) }

  static var libraryVersion: String {
    let version = hwloc_get_api_version()
    return "\(version >> 16).\(version >> 8 & 0xff).\(version & 0xff)"
  }

  /// Objects of a type on this host; 0 where hwloc knows of none.
  func count(_ type: hwloc_obj_type_t) -> Int {
    max(0, Int(hwloc_get_nbobjs_by_type(handle, type)))
  }

  var cpuModel: String {
    let root = hwloc_get_root_obj(handle)
    if let model = info(root, "CPUModel") { return model }
    return info(hwloc_get_obj_by_type(handle, HWLOC_OBJ_PACKAGE, 0), "CPUModel") ?? ""
  }

  private func info(_ object: hwloc_obj_t?, _ name: String) -> String? {
    guard let object, let text = hwloc_obj_get_info_by_name(object, name) else { return nil }
    return String(cString: text)
  }

  var numaNodes: [Topology.NUMANode] {
    objects(HWLOC_OBJ_NUMANODE).map { node in
      Topology.NUMANode(
        index: Int(node.pointee.os_index),
        bytes: Int(clamping: node.pointee.attr?.pointee.numanode.local_memory ?? 0),
        processingUnits: node.pointee.cpuset.map { list($0) } ?? "")
    }
  }

  var caches: [Topology.Cache] {
    let kinds: [hwloc_obj_type_t] = [
      HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L1ICACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L2ICACHE,
      HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L3ICACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L5CACHE,
    ]
    var result: [Topology.Cache] = []
    for object in kinds.flatMap({ objects($0) }) {
      guard let cache = object.pointee.attr?.pointee.cache else { continue }
      let content: Topology.Cache.Content =
        switch cache.type {
        case HWLOC_OBJ_CACHE_DATA: .data
        case HWLOC_OBJ_CACHE_INSTRUCTION: .instruction
        default: .unified
        }
      let shared = object.pointee.cpuset.map { Int(hwloc_bitmap_weight($0)) } ?? 0
      let bytes = Int(clamping: cache.size)
      let same = result.firstIndex {
        $0.level == Int(cache.depth) && $0.content == content && $0.bytes == bytes
          && $0.sharedBy == shared
      }
      let entry = Topology.Cache(
        level: Int(cache.depth), content: content, bytes: bytes,
        count: (same.map { result[$0].count } ?? 0) + 1, sharedBy: shared)
      if let same { result[same] = entry } else { result.append(entry) }
    }
    return result
  }

  /// Where the process may run, as (list, processing units, cores, NUMA nodes, restricted).
  func binding() throws(LocalityError) -> Binding {
    guard let set = hwloc_bitmap_alloc() else {
      throw LocalityError("hwloc_bitmap_alloc", "out of memory")
    }
    defer { hwloc_bitmap_free(set) }
    guard hwloc_get_cpubind(handle, set, Int32(HWLOC_CPUBIND_PROCESS.rawValue)) == 0 else {
      throw LocalityError("hwloc_get_cpubind", errnoText())
    }
    let all = hwloc_topology_get_complete_cpuset(handle)
    // Linux may count units that do not exist; only real ones are meant.
    if let all { hwloc_bitmap_and(set, set, all) }
    var units: [Int] = []
    var next = hwloc_bitmap_first(set)
    while next >= 0 {
      units.append(Int(next))
      next = hwloc_bitmap_next(set, next)
    }
    func touched(_ type: hwloc_obj_type_t) -> [hwloc_obj_t] {
      objects(type).filter { object in
        object.pointee.cpuset.map { hwloc_bitmap_intersects($0, set) != 0 } ?? false
      }
    }
    return Binding(
      processingUnitList: list(set), processingUnits: units, cores: touched(HWLOC_OBJ_CORE).count,
      numaNodes: touched(HWLOC_OBJ_NUMANODE).map { Int($0.pointee.os_index) },
      isRestricted: units.count < (all.map { Int(hwloc_bitmap_weight($0)) } ?? 0))
  }

  private func objects(_ type: hwloc_obj_type_t) -> [hwloc_obj_t] {
    (0..<count(type)).compactMap { hwloc_get_obj_by_type(handle, type, UInt32($0)) }
  }

  /// A set as `0-3,8`.
  private func list(_ set: hwloc_const_bitmap_t) -> String {
    var text: UnsafeMutablePointer<CChar>?
    guard hwloc_bitmap_list_asprintf(&text, set) >= 0, let text else { return "" }
    defer { free(text) }
    return String(cString: text)
  }
}

func errnoText() -> String { String(cString: strerror(errno)) }

extension Topology {
  /// Asks hwloc what this host is made of.
  public static func detect() throws(LocalityError) -> Topology {
    let hwloc = try HwlocTopology()
    return Topology(
      hostname: Host.name, cpuModel: hwloc.cpuModel, packages: hwloc.count(HWLOC_OBJ_PACKAGE),
      cores: hwloc.count(HWLOC_OBJ_CORE), processingUnits: hwloc.count(HWLOC_OBJ_PU),
      numaNodes: hwloc.numaNodes, caches: hwloc.caches,
      memoryBytes: try AvailableMemory.current().total,
      hwlocVersion: HwlocTopology.libraryVersion)
  }
}

extension Binding {
  /// Where this process may run now: what mpirun, taskset or a cpuset left it.
  public static func current() throws(LocalityError) -> Binding {
    let hwloc = try HwlocTopology()
    return try hwloc.binding()
  }
}
