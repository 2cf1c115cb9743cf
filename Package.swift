// swift-tools-version: 6.1
import PackageDescription

/// pkg-config's name of the MPI library: `ompi-c` (Open MPI) or, through PADTAX_MPI, `mpich`.
let mpiPackage = Context.environment["PADTAX_MPI"] ?? "ompi-c"

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
  name: "padtax",
  products: [
    .executable(name: "padtax", targets: ["padtax"]),
    .executable(name: "padtax-rank", targets: ["padtax-rank"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // C: system libraries, and what we compile (two of them load their library at run time).
    .systemLibrary(
      name: "CMPI", pkgConfig: mpiPackage, providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "CHwloc", pkgConfig: "hwloc", providers: [.apt(["libhwloc-dev"])]),
    .target(name: "CKernels"),
    .target(name: "CBLASLoader", linkerSettings: [.linkedLibrary("dl")]),

    // The rank side's ground.
    .target(name: "MPI", dependencies: ["CMPI"]),
    .target(name: "Locality", dependencies: ["CHwloc"]),
    .target(name: "Tensors"),
    .target(
      name: "Kernels", dependencies: ["Tensors", "CKernels", "CBLASLoader"],
      linkerSettings: [.linkedLibrary("m")]),

    // Pure modules.
    .target(name: "Units", linkerSettings: [.linkedLibrary("m")]),
    .target(name: "Statistics", linkerSettings: [.linkedLibrary("m")]),
    .target(name: "JSONReading"),
    .target(name: "Models", dependencies: ["Units", "JSONReading"]),
    .target(
      name: "Networks", dependencies: ["Units", "Statistics", "JSONReading"],
      resources: [.embedInCode("Catalogue")], linkerSettings: [.linkedLibrary("m")]),
    .target(name: "Workloads", dependencies: ["Statistics", "JSONReading", "Units"]),
    .target(name: "Checkpoints"),
    .target(name: "Scheduling", dependencies: ["Units", "Models", "Workloads"]),
    .target(
      name: "Records", dependencies: ["Units", "Models", "Workloads", "Scheduling", yams]),

    .target(
      name: "Costs", dependencies: ["Models", "Workloads", "Scheduling", "Records"]),

    // The engine.
    .target(
      name: "Transformers",
      dependencies: [
        "Models", "Scheduling", "Statistics", "Checkpoints", "Tensors", "Kernels", "MPI",
      ]),
    .target(
      name: "Inference",
      dependencies: [
        "Transformers", "Scheduling", "Costs", "Records", "Models", "Workloads", "Units",
        "Statistics", "Checkpoints", "Tensors", "Kernels", "MPI", "Locality",
      ]),
    .executableTarget(
      name: "padtax-rank", dependencies: ["Inference", "Records", argumentParser]),

    // The host side: no MPI, no BLAS, no hwloc.
    .target(
      name: "Studies",
      dependencies: ["Costs", "Records", "Models", "Workloads", "Scheduling", "Units"]),
    .target(
      name: "Reporting",
      dependencies: ["Records", "Models", "Workloads", "Scheduling", "Statistics", "Units"]),
    .executableTarget(
      name: "padtax",
      dependencies: [
        "Studies", "Reporting", "Records", "Models", "Workloads", "Networks", "Statistics", "Units",
        argumentParser,
      ]),

    // Measurements against ceilings.
    .target(name: "CMPIBaseline", dependencies: ["CMPI"], path: "Benchmarks/CMPIBaseline"),
    .executableTarget(
      name: "mpi-bench", dependencies: ["MPI", "CMPI", "CMPIBaseline"],
      path: "Benchmarks/mpi-bench"),
    .executableTarget(
      name: "kernel-bench", dependencies: ["Kernels", "Tensors", "CKernels"],
      path: "Benchmarks/kernel-bench"),
    .executableTarget(
      name: "step-bench",
      dependencies: [
        "Inference", "Transformers", "Scheduling", "Models", "Kernels", "Tensors", "MPI",
        argumentParser,
      ],
      path: "Benchmarks/step-bench"),

    // Tests.
    .target(name: "TestSupport", path: "Tests/TestSupport"),
    .executableTarget(name: "rank-checks", dependencies: ["MPI"], path: "Tests/rank-checks"),
    .executableTarget(
      name: "engine-checks",
      dependencies: [
        "Inference", "Transformers", "Scheduling", "Records", "Models", "Workloads", "Tensors",
        "Kernels", "MPI", "TestSupport",
      ], path: "Tests/engine-checks"),
    .testTarget(name: "TestSupportTests", dependencies: ["TestSupport"]),
    .testTarget(name: "MPITests", dependencies: ["MPI", "TestSupport", "rank-checks"]),
    .testTarget(name: "LocalityTests", dependencies: ["Locality", "TestSupport"]),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
    .testTarget(
      name: "KernelsTests", dependencies: ["Kernels", "Tensors", "CKernels", "CBLASLoader"]),
    .testTarget(name: "EncoderTests", dependencies: ["TestSupport", "padtax-rank"]),
    .testTarget(name: "UnitsTests", dependencies: ["Units"]),
    .testTarget(name: "StatisticsTests", dependencies: ["Statistics"]),
    .testTarget(name: "JSONReadingTests", dependencies: ["JSONReading"]),
    .testTarget(
      name: "ModelsTests", dependencies: ["Models", "Units", "Statistics", "TestSupport"]),
    .testTarget(
      name: "NetworksTests", dependencies: ["Networks", "Statistics", "TestSupport"]),
    .testTarget(
      name: "WorkloadsTests", dependencies: ["Workloads", "Statistics", "TestSupport"]),
    .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "TestSupport"]),
    .testTarget(name: "SchedulingTests", dependencies: ["Scheduling", "Statistics"]),
    .testTarget(
      name: "RecordsTests", dependencies: ["Records", "Models", "Workloads", "Scheduling"]),
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
      name: "ReportingTests", dependencies: ["Reporting", "Records", "Workloads", "Statistics"]),
    .testTarget(
      name: "TransformersTests",
      dependencies: [
        "Transformers", "Scheduling", "Statistics", "Checkpoints", "Models", "Kernels", "Tensors",
        "TestSupport",
      ]),
    .testTarget(
      name: "InferenceTests",
      dependencies: [
        "Inference", "Records", "Models", "Scheduling", "Workloads", "Locality", "Checkpoints",
        "Transformers", "Tensors", "TestSupport", "padtax-rank", "engine-checks",
      ]),
  ],
  swiftLanguageModes: [.v6]
)
