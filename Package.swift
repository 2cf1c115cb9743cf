// swift-tools-version: 6.1
import PackageDescription

/// pkg-config's name of the MPI library: `ompi-c` (Open MPI) or, through PADTAX_MPI, `mpich`.
let mpiPackage = Context.environment["PADTAX_MPI"] ?? "ompi-c"

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")

let package = Package(
  name: "padtax",
  products: [
    .executable(name: "padtax", targets: ["padtax"]),
    .executable(name: "padtax-rank", targets: ["padtax-rank"]),
    .executable(name: "gpu-checks", targets: ["gpu-checks"]),
    .library(name: "cuda-stand-in", type: .dynamic, targets: ["CUDAStandIn"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
  ],
  targets: [
    // C: system libraries, and what we compile (two of them load their library at run time).
    .systemLibrary(
      name: "CMPI", pkgConfig: mpiPackage, providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "CHwloc", pkgConfig: "hwloc", providers: [.apt(["libhwloc-dev"])]),
    .target(name: "CKernels"),
    .target(name: "CBLASLoader", linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "CGPU", linkerSettings: [.linkedLibrary("dl")]),

    // The rank side's ground.
    .target(name: "MPI", dependencies: ["CMPI", "CKernels"]),
    .target(name: "Locality", dependencies: ["CHwloc"]),
    .target(name: "Tensors"),
    .target(
      name: "Kernels", dependencies: ["Tensors", "CKernels", "CBLASLoader"],
      linkerSettings: [.linkedLibrary("m")]),
    .target(
      name: "GPUKernels", dependencies: ["Tensors", "Kernels", "CGPU"],
      resources: [
        .embedInCode("Device/prelude.cuh"), .embedInCode("Device/rows.cu"),
        .embedInCode("Device/random.cu"), .embedInCode("Device/attention.cu"),
        .embedInCode("Device/flash.cu"),
      ]),
    .target(
      name: "GPUChecks", dependencies: ["GPUKernels", "Kernels", "Tensors", "Statistics"]),

    // Pure modules.
    .target(name: "Units", linkerSettings: [.linkedLibrary("m")]),
    .target(name: "Statistics", linkerSettings: [.linkedLibrary("m")]),
    .target(name: "JSONReading"),
    .target(name: "Models", dependencies: ["Units", "JSONReading"]),
    .target(
      name: "Networks", dependencies: ["Units", "Statistics", "JSONReading"],
      resources: [.embedInCode("Catalogue")], linkerSettings: [.linkedLibrary("m")]),
    .target(
      name: "Hardware", dependencies: ["Units", "Statistics", "JSONReading", "Networks", yams],
      resources: [.embedInCode("Catalogue")], linkerSettings: [.linkedLibrary("m")]),
    .target(name: "Workloads", dependencies: ["Statistics", "JSONReading", "Units"]),
    .target(name: "Checkpoints"),
    .target(name: "Scheduling", dependencies: ["Units", "Models", "Workloads"]),
    .target(name: "Communication", dependencies: ["Units", "Models", "Scheduling"]),
    .target(
      name: "Records",
      dependencies: ["Units", "Models", "Networks", "Workloads", "Scheduling", yams]),

    .target(
      name: "Serving", dependencies: ["Records", "Scheduling", "Statistics", "Workloads"]),

    .target(
      name: "Costs",
      dependencies: ["Communication", "Models", "Networks", "Workloads", "Scheduling", "Records"]),
    .target(
      name: "Simulation",
      dependencies: [
        "Costs", "Communication", "Hardware", "Records", "Scheduling", "Serving", "Models",
        "Networks", "Workloads", "Statistics", "Units",
      ], linkerSettings: [.linkedLibrary("m")]),

    // The engine.
    .target(
      name: "Transformers",
      dependencies: [
        "Models", "Scheduling", "Statistics", "Checkpoints", "Tensors", "Kernels", "MPI",
      ]),
    .target(
      name: "Inference",
      dependencies: [
        "Transformers", "Scheduling", "Serving", "Communication", "Costs", "Records", "Models",
        "Workloads", "Units", "Statistics", "Checkpoints", "Tensors", "Kernels", "GPUKernels",
        "MPI",
        "Locality", "Networks",
      ]),
    .target(
      name: "Netbench", dependencies: ["Models", "Networks", "Records", "Statistics", "Units"]),
    .target(
      name: "NetbenchRanks",
      dependencies: ["Netbench", "Inference", "Records", "Models", "MPI", "Locality"]),
    .executableTarget(
      name: "padtax-rank",
      dependencies: ["Inference", "NetbenchRanks", "Netbench", "Records", argumentParser]),
    .executableTarget(
      name: "gpu-checks",
      dependencies: [
        "GPUChecks", "GPUKernels", "Kernels", "Tensors", "Transformers", "Inference", "Scheduling",
        "Models", "Networks", "Workloads", "Records", "MPI", argumentParser,
      ]),

    // The host side: no MPI, no BLAS, no hwloc.
    .target(
      name: "Studies",
      dependencies: [
        "Costs", "Communication", "Records", "Models", "Workloads", "Scheduling", "Units",
      ]),
    .target(name: "Slurm", dependencies: ["Records", "Models", "Scheduling", "Units", mustache]),
    .target(
      name: "Reporting",
      dependencies: [
        "Records", "Models", "Networks", "Workloads", "Scheduling", "Statistics", "Units",
      ],
      resources: [.embedInCode("Resources")]),
    .executableTarget(
      name: "padtax",
      dependencies: [
        "Studies", "Simulation", "Hardware", "Slurm", "Reporting", "Communication", "Records",
        "Models", "Scheduling", "Serving", "Workloads", "Networks",
        "Netbench", "Statistics", "Units", argumentParser,
      ]),

    // Measurements against ceilings.
    .target(name: "CMPIBaseline", dependencies: ["CMPI"], path: "Benchmarks/CMPIBaseline"),
    .executableTarget(
      name: "mpi-bench", dependencies: ["MPI", "CMPI", "CMPIBaseline", "Kernels"],
      path: "Benchmarks/mpi-bench"),
    .executableTarget(
      name: "netbench-check",
      dependencies: ["NetbenchRanks", "Netbench", "MPI", "CMPIBaseline", "Statistics", "Units"],
      path: "Benchmarks/netbench-check"),
    .executableTarget(
      name: "kernel-bench", dependencies: ["Kernels", "Tensors", "CKernels"],
      path: "Benchmarks/kernel-bench"),
    .executableTarget(
      name: "step-bench",
      dependencies: [
        "Inference", "Transformers", "Scheduling", "Models", "Kernels", "Tensors", "MPI",
        "Checkpoints", argumentParser,
      ],
      path: "Benchmarks/step-bench"),
    .executableTarget(
      name: "simulation-bench",
      dependencies: [
        "Simulation", "Hardware", "Networks", "Models", "Records", "Scheduling", "Serving",
        "Workloads",
      ], path: "Benchmarks/simulation-bench"),

    .executableTarget(
      name: "scheduler-bench", dependencies: ["Scheduling", "Statistics"],
      path: "Benchmarks/scheduler-bench"),
    .executableTarget(
      name: "report-bench", dependencies: ["Records", argumentParser],
      path: "Benchmarks/report-bench"),

    // Tests.
    .target(name: "TestSupport", path: "Tests/TestSupport"),
    .target(name: "CUDAStandIn", path: "Tests/CUDAStandIn"),
    .executableTarget(name: "rank-checks", dependencies: ["MPI"], path: "Tests/rank-checks"),
    .executableTarget(name: "netshape", path: "Tests/netshape"),
    .executableTarget(
      name: "engine-checks",
      dependencies: [
        "Inference", "Transformers", "Scheduling", "Serving", "Records", "Models", "Workloads",
        "Tensors", "Kernels", "MPI", "TestSupport",
      ], path: "Tests/engine-checks"),
    .testTarget(name: "TestSupportTests", dependencies: ["TestSupport"]),
    .testTarget(name: "MPITests", dependencies: ["MPI", "TestSupport", "rank-checks"]),
    .testTarget(name: "LocalityTests", dependencies: ["Locality", "TestSupport"]),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
    .testTarget(
      name: "KernelsTests",
      dependencies: ["Kernels", "Tensors", "CKernels", "CBLASLoader", "TestSupport"]),
    .testTarget(
      name: "GPUKernelsTests",
      dependencies: [
        "GPUKernels", "Kernels", "Records", "Scheduling", "TestSupport", "gpu-checks",
        "padtax-rank",
      ]),
    .testTarget(name: "EncoderTests", dependencies: ["TestSupport", "padtax-rank"]),
    .testTarget(name: "UnitsTests", dependencies: ["Units"]),
    .testTarget(name: "StatisticsTests", dependencies: ["Statistics"]),
    .testTarget(name: "JSONReadingTests", dependencies: ["JSONReading"]),
    .testTarget(
      name: "ModelsTests", dependencies: ["Models", "Units", "Statistics", "TestSupport"]),
    .testTarget(
      name: "NetworksTests", dependencies: ["Networks", "Statistics", "TestSupport"]),
    .testTarget(
      name: "HardwareTests", dependencies: ["Hardware", "Networks", "Statistics", "TestSupport"]),
    .testTarget(
      name: "WorkloadsTests", dependencies: ["Workloads", "Statistics", "TestSupport"]),
    .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "TestSupport"]),
    .testTarget(name: "SchedulingTests", dependencies: ["Scheduling", "Statistics"]),
    .testTarget(
      name: "CommunicationTests",
      dependencies: ["Communication", "Models", "Scheduling", "Statistics", "TestSupport"]),
    .testTarget(
      name: "SimulationTests",
      dependencies: [
        "Simulation", "Hardware", "Networks", "Costs", "Communication", "Records", "Scheduling",
        "Serving", "Models", "Workloads", "Statistics", "TestSupport", "padtax",
      ]),
    .testTarget(
      name: "RecordsTests", dependencies: ["Records", "Models", "Workloads", "Scheduling"]),
    .testTarget(
      name: "ServingTests",
      dependencies: ["Serving", "Records", "Scheduling", "Statistics", "Workloads", "TestSupport"]),
    .testTarget(
      name: "ScoreTests",
      dependencies: [
        "Inference", "Records", "Reporting", "Models", "Scheduling", "Workloads", "TestSupport",
        "padtax-rank",
      ]),
    .testTarget(
      name: "StudiesTests",
      dependencies: [
        "Studies", "Records", "Models", "Workloads", "TestSupport", "padtax", "padtax-rank",
      ]),
    .testTarget(
      name: "SlurmTests",
      dependencies: [
        "Slurm", "Inference", "Records", "Models", "TestSupport", "padtax", "padtax-rank",
      ], exclude: ["Golden"]),
    .testTarget(
      name: "ReportingTests",
      dependencies: [
        "Reporting", "Records", "Networks", "Workloads", "Statistics", "TestSupport",
      ]),
    .testTarget(
      name: "NetbenchTests",
      dependencies: [
        "Netbench", "Networks", "Models", "Records", "TestSupport", "padtax-rank", "netshape",
      ]),
    .testTarget(
      name: "TransformersTests",
      dependencies: [
        "Transformers", "Scheduling", "Statistics", "Checkpoints", "Models", "Kernels", "Tensors",
        "TestSupport",
      ]),
    .testTarget(
      name: "InferenceTests",
      dependencies: [
        "Inference", "Communication", "Records", "Models", "Scheduling", "Workloads", "Locality",
        "Checkpoints", "Transformers", "Tensors", "MPI", "TestSupport", "padtax-rank",
        "engine-checks",
      ]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
