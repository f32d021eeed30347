//! Why a module cannot be loaded, for people and as the script sees it. In the jail.
//!
//! Invariant: codes and texts are those of Node.js where it has one, and each text says what to do.

use crate::modules::{MAX_MODULE_BYTES, MAX_MODULES};
use crate::resolve::ResolveError;

/// Why a module cannot be loaded. The texts are those of Node.js where it has one.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error("Cannot find module '{path}' imported from {from}{}", advice(from))]
    NotFound { path: String, from: String },
    #[error("Directory import '{path}' is not supported: name the file (imported from {from})")]
    Directory { path: String, from: String },
    #[error("Cannot read module '{path}' imported from {from}: {cause}")]
    Read { path: String, from: String, cause: std::io::Error },
    #[error("Module '{path}' is longer than {MAX_MODULE_BYTES} bytes")]
    TooLong { path: String },
    #[error("The script has more than {MAX_MODULES} modules")]
    TooMany,
    #[error("'{path}' is a CommonJS module: vnh1 runs ES modules only; use import and export, and name it .js or .mjs")]
    CommonJs { path: String },
    #[error("'{path}' is TypeScript, which vnh1 does not run yet: compile it to JavaScript first (tsc, esbuild, swc)")]
    TypeScript { path: String },
    #[error("Unknown file extension \"{extension}\" for {path}: vnh1 imports .js, .mjs and .json")]
    Extension { path: String, extension: String },
    #[error("Module \"{url}\" needs an import attribute of \"type: json\"")]
    AttributeMissing { url: String },
    #[error("Module \"{url}\" is not of type \"{kind}\"")]
    AttributeType { url: String, kind: String },
    #[error("Import attribute \"{key}\" with value \"{value}\" is not supported")]
    AttributeUnknown { key: String, value: String },
    #[error(
        "Cannot import '{url}' now: every file was closed before the script began; only modules that a static import names are loaded"
    )]
    AfterSeal { url: String },
}

/// How the main module is said to be imported.
pub const COMMAND_LINE: &str = "the command line";

/// What to do about a module that another one misses.
fn advice(from: &str) -> &'static str {
    match from {
        COMMAND_LINE => "",
        _ => {
            ": `vnh1-runtime launch FILE` gives the script FILE and nothing else; with --root-dir DIR it gives a folder"
        }
    }
}

impl LoadError {
    /// The code that Node.js gives such an error.
    pub fn code(&self) -> &'static str {
        match self {
            LoadError::Resolve(error) => error.code(),
            LoadError::NotFound { .. } => "ERR_MODULE_NOT_FOUND",
            LoadError::Directory { .. } => "ERR_UNSUPPORTED_DIR_IMPORT",
            LoadError::Read { .. } | LoadError::TooLong { .. } | LoadError::TooMany => "ERR_MODULE_UNREADABLE",
            LoadError::CommonJs { .. } => "ERR_COMMONJS_UNSUPPORTED",
            LoadError::TypeScript { .. } | LoadError::Extension { .. } => "ERR_UNKNOWN_FILE_EXTENSION",
            LoadError::AttributeMissing { .. } => "ERR_IMPORT_ATTRIBUTE_MISSING",
            LoadError::AttributeType { .. } => "ERR_IMPORT_ATTRIBUTE_TYPE_INCOMPATIBLE",
            LoadError::AttributeUnknown { .. } => "ERR_IMPORT_ATTRIBUTE_UNSUPPORTED",
            LoadError::AfterSeal { .. } => "ERR_MODULE_AFTER_SEAL",
        }
    }

    /// The error as the script sees it: name, code, message.
    pub fn to_exception<'s>(&self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let text = v8::String::new(scope, &self.to_string()).unwrap_or_else(|| v8::String::empty(scope));
        let is_type_error = matches!(
            self,
            LoadError::AttributeMissing { .. }
                | LoadError::AttributeType { .. }
                | LoadError::AttributeUnknown { .. }
                | LoadError::Extension { .. }
                | LoadError::TypeScript { .. }
                | LoadError::Resolve(ResolveError::Encoding { .. })
        );
        let error =
            if is_type_error { v8::Exception::type_error(scope, text) } else { v8::Exception::error(scope, text) };
        if let Ok(object) = v8::Local::<v8::Object>::try_from(error)
            && let (Some(key), Some(code)) = (v8::String::new(scope, "code"), v8::String::new(scope, self.code()))
        {
            object.set(scope, key.into(), code.into());
        }
        error
    }
}
