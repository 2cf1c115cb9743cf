/// The version that records and `--version` tell.
let padtaxVersion = "0.1.0"
