import FoundationEssentials
import Testing

@testable import Locality

@Suite struct TopologyTests {
  @Test func theCountsFitEachOther() throws {
    let topology = try Topology.detect()
    #expect(!topology.hostname.isEmpty)
    #expect(topology.packages >= 1)
    #expect(topology.cores >= topology.packages)
    #expect(topology.processingUnits >= topology.cores)
    #expect(topology.numaNodes.count >= 1)
    #expect(topology.hwlocVersion.hasPrefix("2."))
    #expect(topology.caches.allSatisfy { $0.bytes > 0 && $0.count > 0 && $0.sharedBy > 0 })
    #expect(topology.numaNodes.allSatisfy { !$0.processingUnits.isEmpty || $0.bytes > 0 })
    #expect(topology.memoryBytes > 64 << 20)
  }

  @Test func itSurvivesJSON() throws {
    let topology = try Topology.detect()
    let copy = try JSONDecoder().decode(Topology.self, from: JSONEncoder().encode(topology))
    #expect(copy == topology)
  }
}

@Suite struct BindingTests {
  @Test func theListAndTheUnitsAgree() throws {
    let binding = try Binding.current()
    #expect(!binding.processingUnits.isEmpty)
    #expect(binding.processingUnits == binding.processingUnits.sorted())
    #expect(binding.cores <= binding.processingUnits.count)
    var listed: [Int] = []
    for part in binding.processingUnitList.split(separator: ",") {
      let ends = part.split(separator: "-").compactMap { Int($0) }
      let first = try #require(ends.first)
      let last = try #require(ends.last)
      listed += Array(first...last)
    }
    #expect(listed == binding.processingUnits)
  }
}

@Suite struct UsableCoresTests {
  @Test(
    arguments: [
      (8, 4, nil, 4), (8, 4, 2.5, 2), (8, 4, 0.3, 1), (8, 4, 100.0, 4), (2, 0, nil, 2),
    ] as [(Int, Int, Double?, Int)])
  func theQuotaCapsTheCores(units: Int, cores: Int, quota: Double?, wanted: Int) {
    let usable = UsableCores(processingUnits: units, cores: cores, cpuQuota: quota)
    #expect(usable.count == wanted)
  }

  @Test func thisProcessHasAtLeastOne() throws {
    #expect(try UsableCores.detect().count >= 1)
  }
}

@Suite struct MemoryTests {
  @Test func statusLinesAreRead() throws {
    let usage = try MemoryUsage.parsing("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n")
    #expect(usage == MemoryUsage(resident: 1 << 20, peakResident: 2 << 20))
  }

  @Test func aMissingLineIsAnErrorNamingIt() {
    #expect {
      try MemoryUsage.parsing("VmHWM: 1 kB\n")
    } throws: {
      "\($0)".contains("VmRSS")
    }
  }

  @Test func usedMemoryShowsInTheUsage() throws {
    let before = try MemoryUsage.current()
    let bytes = [UInt8](repeating: 1, count: 64 << 20)
    let after = try MemoryUsage.current()
    #expect(bytes.count == 64 << 20)
    #expect(after.peakResident - before.resident >= 60 << 20)
    #expect(after.peakResident >= after.resident)
  }

  @Test func theControlGroupCapsWhatIsUsable() {
    #expect(
      AvailableMemory(total: 100, available: 80, cgroupLimit: 50, cgroupUsed: 20).usable == 30)
    #expect(
      AvailableMemory(total: 100, available: 10, cgroupLimit: 50, cgroupUsed: 20).usable == 10)
    #expect(
      AvailableMemory(total: 100, available: 80, cgroupLimit: 50, cgroupUsed: 60).usable == 0)
    #expect(
      AvailableMemory(total: 100, available: 80, cgroupLimit: nil, cgroupUsed: nil).usable == 80)
  }
}

@Suite struct ControlGroupTests {
  @Test func theTightestLevelOfVersion2Counts() throws {
    let files = [
      "/proc/self/cgroup": "0::/a/b\n",
      "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
      "/sys/fs/cgroup/a/cpu.max": "150000 100000\n",
      "/sys/fs/cgroup/a/b/memory.max": "1000\n",
      "/sys/fs/cgroup/a/b/memory.current": "100\n",
      "/sys/fs/cgroup/a/memory.max": "1200\n",
      "/sys/fs/cgroup/a/memory.current": "1100\n",
    ]
    let group = ControlGroup { files[$0] }
    #expect(group.cpuQuota() == 1.5)
    let memory = try #require(group.memory())
    #expect(memory == (1200, 1100))
  }

  @Test func version1IsReadWhereMounted() throws {
    let files = [
      "/proc/self/cgroup": "5:cpu,cpuacct:/job\n3:memory:/job\n",
      "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "50000\n",
      "/sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "4096\n",
      "/sys/fs/cgroup/memory/job/memory.usage_in_bytes": "1024\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/memory/memory.usage_in_bytes": "5\n",
    ]
    let group = ControlGroup { files[$0] }
    #expect(group.cpuQuota() == 0.5)
    let memory = try #require(group.memory())
    #expect(memory == (4096, 1024))
  }

  @Test func withoutControlGroupsThereIsNoLimit() {
    let group = ControlGroup { _ in nil }
    #expect(group.cpuQuota() == nil)
    #expect(group.memory() == nil)
  }
}
