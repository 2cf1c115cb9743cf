import FoundationEssentials
import TestSupport
import Testing

@Suite struct ProcessRunTests {
  @Test func outputErrorsAndTheExitCodeAreKept() throws {
    let result = try runProcess(
      ["sh", "-c", "echo out; echo $WORD >&2; exit 7"],
      environment: ["WORD": "err"])
    #expect(result.exitCode == 7)
    #expect(result.standardOutput == "out\n")
    #expect(result.standardError == "err\n")
    #expect(!result.timedOut)
  }

  @Test func moreOutputThanAPipeHoldsArrivesWhole() throws {
    let result = try runProcess(["head", "-c", "1000000", "/dev/zero"])
    #expect(result.standardOutput.utf8.count == 1_000_000)
  }

  @Test func aSignalIsTheExitCodeOfShells() throws {
    let result = try runProcess(["sh", "-c", "kill -9 $$"])
    #expect(result.exitCode == 137)
    #expect(!result.timedOut)
  }

  @Test func theTimeLimitEndsAChild() throws {
    let result = try runProcess(["sleep", "100"], timeLimit: 0.2)
    #expect(result.timedOut)
    #expect(result.exitCode == 128 + 15)
    #expect(result.seconds < 50)
  }

  @Test func aMissingProgramIsAnErrorWithItsName() {
    #expect {
      try runProcess(["no-such-program-anywhere"])
    } throws: {
      "\($0)".contains("no-such-program-anywhere")
    }
  }

  @Test func aMissingExecutableNamesItsPath() {
    #expect {
      try RankLauncher.executable("no-such-product")
    } throws: {
      "\($0)".contains("/no-such-product")
    }
  }
}

@Suite struct SplitMix64Tests {
  @Test func itGivesThePublishedSequence() {
    // First outputs for seed 1234567, as in Rosetta Code's "Pseudo-random numbers/Splitmix64".
    var generator = SplitMix64(seed: 1_234_567)
    let found = (0..<3).map { _ in generator.next() }
    #expect(
      found == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
  }

  @Test func smallIntegersAreWholeAndInRange() {
    var generator = SplitMix64(seed: 1)
    let values = generator.smallIntegers(200, in: -3...3)
    #expect(Set(values) == [-3, -2, -1, 0, 1, 2, 3])
  }
}

@Suite struct DifferenceTests {
  @Test func itFindsTheWorstPlace() {
    let difference = Difference([1, 2, 3.5], [1, 2.25, 3])
    #expect(difference.largest == 0.5)
    #expect(difference.index == 2)
    #expect(difference.relative == 0.5 / 3)
    #expect(difference.isWithin(absolute: 0.5))
    #expect(!difference.isWithin(relative: 0.1, absolute: 0.49))
  }

  @Test func notANumberAndOtherLengthsAreNeverClose() {
    #expect(!Difference([.nan], [1]).isWithin(relative: 1e30, absolute: 1e30))
    #expect(!Difference([1], [.nan]).isWithin(relative: 1e30, absolute: 1e30))
    #expect(!Difference([1], [1, 2]).isWithin(relative: 1e30, absolute: 1e30))
    #expect(Difference([1, 2], [1, 2]).isWithin())
  }
}

@Suite struct TemporaryDirectoryTests {
  @Test func theFolderDisappearsWithItsOwner() throws {
    var folder: TemporaryDirectory? = try TemporaryDirectory()
    let path = try #require(folder).path
    let file = try #require(folder).file("a.txt")
    try folder?.write("text", to: "a.txt")
    #expect(try String(contentsOf: URL(filePath: file), encoding: .utf8) == "text")
    folder = nil
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}

@Suite struct SharedDataTests {
  @Test func thePackageFolderHoldsTheManifest() {
    let manifest = SharedData.packageFolder + "/Package.swift"
    #expect(FileManager.default.fileExists(atPath: manifest))
  }

  @Test func absentDataIsNilAndItsReasonNamesIt() {
    #expect(SharedData.path("no/such/file") == nil)
    #expect(SharedData.missing("no/such/file").contains("no/such/file"))
  }
}
