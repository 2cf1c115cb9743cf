import Records

extension ValidateCommand {
  func paddingStudy() throws -> ValidationReport { throw RecordError("to come") }
}
