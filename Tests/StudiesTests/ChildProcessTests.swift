import Glibc
import Studies
import Testing

@Suite(.serialized) struct ChildProcessTests {
  private func run(_ script: String, tick: (ChildProcess) -> Void = { _ in }) throws
    -> (ChildStatus, [ChildLine])
  {
    let child = try ChildProcess(
      ChildCommand(
        executable: "/bin/sh", arguments: ["-c", script],
        environment: ["PATH": "/usr/bin:/bin", "GREETING": "hello"]))
    var lines: [ChildLine] = []
    let status = child.wait(
      signals: nil, tick: { tick(child) }, line: { lines.append($0) })
    return (status, lines)
  }

  @Test("both outputs arrive as lines, with the environment that was given")
  func outputs() throws {
    let (status, lines) = try run("echo $GREETING; echo bad >&2; printf tail; exit 3")
    #expect(status == .exited(3))
    #expect(Set(lines) == [.output("hello"), .error("bad"), .output("tail")])
  }

  @Test("much output is not lost")
  func muchOutput() throws {
    let (status, lines) = try run("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done")
    #expect(status == .exited(0))
    #expect(lines.count == 20000 && lines.last == .output("line 19999"))
  }

  @Test("a signal reaches the child and all it started")
  func signals() throws {
    var sent = false
    let (status, lines) = try run("sh -c 'echo started; sleep 60' & wait") { child in
      if !sent { child.send(signal: SIGTERM) }
      sent = true
    }
    _ = lines
    #expect(status == .killed(signal: SIGTERM))
  }

  @Test("a descendant that holds the pipe open does not hold the wait")
  func orphan() throws {
    let start = MonotonicTime.now()
    let (status, lines) = try run("echo done; sleep 30 & exit 0")
    #expect(status == .exited(0) && lines == [.output("done")])
    #expect(MonotonicTime.now() - start < 20)
  }

  @Test("no input is there to wait for")
  func input() throws {
    #expect(try run("cat; echo end").1 == [.output("end")])
  }

  @Test("a program that is not there is an error")
  func missing() {
    let command = ChildCommand(executable: "/no/such", arguments: [], environment: [:])
    let error = #expect(throws: StudyError.self) { try ChildProcess(command) }
    #expect(error?.description.hasPrefix("cannot start /no/such: No such file") == true)
  }
}
