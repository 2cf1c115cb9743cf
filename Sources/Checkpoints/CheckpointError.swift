/// What is wrong with a checkpoint: the file, the tensor where there is one, and the reason.
public struct CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sort of failure, so that a caller or a test need not read the text.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// The file or folder does not exist or must not be opened.
    case cannotOpen
    /// Reading, mapping or listing failed after it was opened.
    case cannotRead
    /// The file could not be written.
    case cannotWrite
    /// The path names something that is not a regular file.
    case notAFile
    /// The file is too short for the 8-byte header length.
    case tooShort
    /// The header length is above the format's limit of 100 MB.
    case headerTooLarge
    /// The header is longer than the file.
    case headerBeyondFile
    /// The header is not the JSON object that the format asks for.
    case malformedHeader
    /// The header, or a JSON object in it, has the same name twice.
    case duplicateName
    /// A tensor has an element type that the format does not have.
    case unknownElementType
    /// A shape is not a list of whole numbers from 0, or its element count overflows.
    case invalidShape
    /// `data_offsets` are not two ordered whole numbers from 0.
    case invalidOffsets
    /// The bytes of a tensor do not fit its shape and element type.
    case wrongByteCount
    /// A tensor ends beyond the end of the file, as it does in a truncated file.
    case outOfRange
    /// Two tensors share bytes.
    case overlap
    /// Bytes of the data section belong to no tensor.
    case hole
    /// The file became shorter after it was opened.
    case fileChanged
    /// No tensor of that name.
    case missingTensor
    /// The tensor has another shape than the configuration asks for.
    case wrongShape
    /// The tensor's elements cannot be read as Float.
    case notFloat
    /// The folder has neither `model.safetensors` nor `model.safetensors.index.json`.
    case noWeights
    /// `model.safetensors.index.json` is not what it should be.
    case malformedIndex
    /// The index names a file outside the folder.
    case unsafeFileName
    /// A file named by the index is not there.
    case missingShard
    /// The index puts a tensor in a file that does not have it.
    case tensorNotInShard
    /// Two files have the same tensor.
    case tensorInTwoFiles
    /// An expectation file is not in the format it should have.
    case malformedExpectation
  }

  public let kind: Kind
  /// Path of the file or folder at fault.
  public let file: String
  /// Name of the tensor at fault.
  public let tensor: String?
  /// What was asked and what was found, without file and tensor.
  public let message: String

  public init(_ kind: Kind, file: String, tensor: String? = nil, _ message: String) {
    self.kind = kind
    self.file = file
    self.tensor = tensor
    self.message = message
  }

  public var description: String {
    guard let tensor else { return "\(file): \(message)" }
    return "\(file): tensor \(tensor): \(message)"
  }
}
