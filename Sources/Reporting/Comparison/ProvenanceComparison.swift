import Records

/// Whether two runs were made under conditions that let their times be compared.
struct ProvenanceComparison {
  /// What makes a comparison of times meaningless, each once.
  private(set) var refusals: [String] = []
  /// What may explain a difference.
  private(set) var notes: [String] = []

  init(_ pairs: [CellMatches.Pair]) {
    for (base, new) in pairs {
      guard let own = base.provenance, let other = new.provenance else {
        refuse("a run does not say what it ran on: it has no provenance")
        continue
      }
      compare(own, other)
      compareOrigins(base, new)
    }
  }

  private mutating func compare(_ base: Provenance, _ new: Provenance) {
    differ("clock", base.clock, new.clock)
    if base.virtualTime != new.virtualTime {
      refuse("virtual time: the runs pretended different networks, nodes or processors")
    }
    // Virtual times do not depend on how many ranks share a core.
    if [base, new].contains(where: { $0.oversubscribed && $0.virtualTime == nil }) {
      refuse("\(base.layout): more ranks than cores ran: its times are not to be trusted")
    }
    func facts(_ provenance: Provenance, _ fact: (RankFacts) -> String) -> String {
      provenance.ranks.map(fact).unique.joined(separator: " + ")
    }
    let hardware: [(String, (RankFacts) -> String)] = [
      ("CPU", { $0.cpuModel }), ("usable cores", { "\($0.usableCores)" }),
      ("instruction set", { $0.instructionSet }),
      ("BLAS", { $0.blasCore.isEmpty ? $0.backend : "\($0.backend) \($0.blasCore)" }),
      ("threads per rank", { "\($0.threads)" }),
    ]
    for (name, fact) in hardware { differ(name, facts(base, fact), facts(new, fact)) }
    func hosts(_ provenance: Provenance) -> String { "\(Set(provenance.ranks.map(\.host)).count)" }
    differ("hosts", hosts(base), hosts(new))
    differ("MPI library", base.mpiLibrary.firstPart, new.mpiLibrary.firstPart)
    func network(_ provenance: Provenance) -> String {
      let parts = ["BTL", "PML", "MTL", "UCX", "FABRIC", "NET", "FI_"]
      return provenance.environment.filter { entry in
        parts.contains { entry.key.uppercased().contains($0) }
      }.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
    }
    differ("network", network(base), network(new))
    func build(_ provenance: Provenance) -> String {
      let commit = provenance.commit.map { String($0.prefix(12)) } ?? "unknown commit"
      return "\(provenance.padtaxVersion), \(commit)\(provenance.dirty == true ? ", changed" : "")"
    }
    if build(base) != build(new) { note("build: \(build(base)) against \(build(new))") }
    let host = { (provenance: Provenance) in provenance.ranks.first?.host ?? "" }
    if host(base) != host(new) { note("host: \(host(base)) against \(host(new))") }
  }

  private mutating func compareOrigins(_ base: CellContents, _ new: CellContents) {
    func origins(_ cell: CellContents) -> String {
      Set(cell.batches.map(\.origin.rawValue)).sorted().joined(separator: "+")
    }
    differ("origin of times", origins(base), origins(new))
  }

  private mutating func differ(_ what: String, _ base: String, _ new: String) {
    func shown(_ text: String) -> String { text.isEmpty ? "nothing set" : text }
    if base != new { refuse("\(what): \(shown(base)) against \(shown(new))") }
  }

  private mutating func refuse(_ text: String) {
    if !refusals.contains(text) { refusals.append(text) }
  }

  private mutating func note(_ text: String) {
    if !notes.contains(text) { notes.append(text) }
  }
}

extension String {
  /// What stands before the first comma.
  fileprivate var firstPart: String { String(prefix { $0 != "," }) }
}
