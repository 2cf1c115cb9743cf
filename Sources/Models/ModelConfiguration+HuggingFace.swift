import FoundationEssentials
import JSONReading

extension ModelConfiguration {
  /// Reads a Hugging Face `config.json`, given by its own path or its folder's.
  ///
  /// The name is the folder's unless given. Throws naming file, line and the feature or key.
  public init(contentsOf path: String, name: String? = nil) throws(ModelError) {
    var isFolder = false
    var file = path
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder {
      file = path.hasSuffix("/") ? path + "config.json" : path + "/config.json"
    }
    let bytes: [UInt8]
    do { bytes = try JSONDocument.read(file) } catch { throw ModelError(.file, error) }
    try self.init(configJSON: bytes, path: file, name: name)
  }

  /// Reads the bytes of a Hugging Face `config.json`; `path` is for messages and the default name.
  public init(configJSON: [UInt8], path: String, name: String? = nil) throws(ModelError) {
    let document = JSONDocument(bytes: configJSON, path: path)
    let type: HuggingFaceModelType
    let config: HuggingFaceConfig
    do { type = try document.decode(HuggingFaceModelType.self) } catch {
      throw ModelError(error.message.hasPrefix(JSONDocument.notJSON) ? .file : .value, error)
    }
    guard let family = Family(rawValue: type.modelType) else {
      let known = Family.allCases.map(\.rawValue).joined(separator: " ")
      throw ModelError(
        .feature, file: path, line: document.line(of: [.key("model_type")]),
        "model_type '\(type.modelType)' is not supported yet; supported: \(known)")
    }
    let name = name ?? Self.folderName(of: path)
    if family == .bert {
      let bert: BertConfig
      do { bert = try document.decode(BertConfig.self) } catch { throw ModelError(.value, error) }
      self = try BertReader(document: document, config: bert).configuration(name: name)
      return
    }
    do { config = try document.decode(HuggingFaceConfig.self) } catch {
      throw ModelError(.value, error)
    }
    let reader = HuggingFaceReader(document: document, config: config, family: family)
    self = try reader.configuration(name: name)
  }

  private static func folderName(of path: String) -> String {
    let parts = path.split(separator: "/")
    guard let last = parts.last else { return path }
    return String(last.hasSuffix(".json") && parts.count > 1 ? parts[parts.count - 2] : last)
  }
}
