//! Specifiers to URLs to paths, without a look at any file. In the jail.
//!
//! Invariant: a path from here is absolute and normal (no `.`, no `..`, no empty part): it names nothing above
//! the root. (ECMAScript, HostLoadImportedModule; Node.js, "Resolution Algorithm Specification".)

/// Why a specifier names no module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// `import "lodash"`: there is no package folder in the jail.
    #[error(
        "Cannot find package '{specifier}' imported from {from}: vnh1 loads ES modules by path ('./{specifier}.js', '/{specifier}.js'); put packages into the script with a bundler"
    )]
    Bare { specifier: String, from: String },
    /// `import "node:fs"`.
    #[error(
        "No such built-in module: {specifier} (imported from {from}): vnh1 scripts have no Node.js modules; what a script may use is granted by bindings"
    )]
    BuiltIn { specifier: String, from: String },
    /// `import "https://…"`.
    #[error(
        "Only file: URLs and paths are supported: '{specifier}' imported from {from} has another scheme, and the jail has no network"
    )]
    Scheme { specifier: String, from: String },
    /// `%2F`, `%00` or a broken escape.
    #[error("Invalid module '{specifier}' imported from {from}: it must not hold an encoded '/' or '\\' or a NUL")]
    Encoding { specifier: String, from: String },
}

impl ResolveError {
    /// The code that Node.js gives such an error.
    pub fn code(&self) -> &'static str {
        match self {
            ResolveError::Bare { .. } => "ERR_MODULE_NOT_FOUND",
            ResolveError::BuiltIn { .. } => "ERR_UNKNOWN_BUILTIN_MODULE",
            ResolveError::Scheme { .. } => "ERR_UNSUPPORTED_ESM_URL_SCHEME",
            ResolveError::Encoding { .. } => "ERR_INVALID_MODULE_SPECIFIER",
        }
    }
}

/// A module's place: its path, and its URL, which two imports share exactly if they share the module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Absolute and normal.
    pub path: String,
    /// `file://` and the path, encoded, with the query of the specifier.
    pub url: String,
}

impl Place {
    /// The place of a path that is absolute and normal.
    pub fn of_path(path: &str) -> Self {
        Self { path: path.to_owned(), url: url_of(path) }
    }
}

/// A path seen from a folder, made normal: `..` ends at the root.
pub fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let start = if path.starts_with('/') { "" } else { folder };
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The folder that holds a normal path.
pub fn folder_of(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

/// Where the specifier leads that stands in the module at `from`.
pub fn resolve(specifier: &str, from: &str) -> Result<Place, ResolveError> {
    let (name, tail) = match specifier.find(['?', '#']) {
        Some(at) => specifier.split_at(at),
        None => (specifier, ""),
    };
    let pair = || (specifier.to_owned(), from.to_owned());
    let path = if let Some(path) = name.strip_prefix("file://") {
        path
    } else if name.starts_with('/') || name.starts_with("./") || name.starts_with("../") || matches!(name, "." | "..") {
        name
    } else if name.starts_with("node:") {
        let (specifier, from) = pair();
        return Err(ResolveError::BuiltIn { specifier, from });
    } else if name.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme)) {
        let (specifier, from) = pair();
        return Err(ResolveError::Scheme { specifier, from });
    } else {
        let (specifier, from) = pair();
        return Err(ResolveError::Bare { specifier, from });
    };
    let Some(path) = decode(path) else {
        let (specifier, from) = pair();
        return Err(ResolveError::Encoding { specifier, from });
    };
    let mut place = Place::of_path(&join(folder_of(from), &path));
    place.url.push_str(tail);
    Ok(place)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                let byte = u8::from_str_radix(digits, 16).ok()?;
                if matches!(byte, b'/' | b'\\' | 0) {
                    return None;
                }
                byte
            }
            0 => return None,
            byte => byte,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

/// The `file:` URL of an absolute path.
pub fn url_of(path: &str) -> String {
    let mut url = String::from("file://");
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"/-_.!~*'()@:&=+$,;[]|".contains(&byte);
        if plain {
            url.push(char::from(byte));
        } else {
            url.push('%');
            for digit in [byte >> 4, byte & 15] {
                url.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_lead_to_normal_paths() {
        for (specifier, path) in [
            ("./b.js", "/lib/b.js"),
            ("../b.js", "/b.js"),
            ("../../../../etc/passwd", "/etc/passwd"),
            ("/x//y/./z.js", "/x/y/z.js"),
            ("file:///a%20b.js", "/a b.js"),
            ("./caf%C3%A9.js", "/lib/café.js"),
            ("./b.js?v=1#x", "/lib/b.js"),
        ] {
            assert_eq!(resolve(specifier, "/lib/a.js").unwrap().path, path, "{specifier}");
        }
        assert_eq!(resolve("./b.js?v=1", "/a.js").unwrap().url, "file:///b.js?v=1");
        assert_eq!(resolve("./a b.js", "/a.js").unwrap().url, "file:///a%20b.js");
    }

    #[test]
    fn what_names_no_file_is_refused_by_name() {
        for (specifier, code) in [
            ("lodash", "ERR_MODULE_NOT_FOUND"),
            ("@a/b", "ERR_MODULE_NOT_FOUND"),
            ("", "ERR_MODULE_NOT_FOUND"),
            ("node:fs", "ERR_UNKNOWN_BUILTIN_MODULE"),
            ("https://example.org/x.js", "ERR_UNSUPPORTED_ESM_URL_SCHEME"),
            ("data:text/javascript,1", "ERR_UNSUPPORTED_ESM_URL_SCHEME"),
            ("./a%2Fb.js", "ERR_INVALID_MODULE_SPECIFIER"),
            ("./a%00.js", "ERR_INVALID_MODULE_SPECIFIER"),
            ("./a%zz.js", "ERR_INVALID_MODULE_SPECIFIER"),
        ] {
            assert_eq!(resolve(specifier, "/a.js").unwrap_err().code(), code, "{specifier}");
        }
    }

    #[test]
    fn folders() {
        assert_eq!(folder_of("/a.js"), "/");
        assert_eq!(folder_of("/x/a.js"), "/x");
        assert_eq!(join("/x", "a/../b.js"), "/x/b.js");
    }
}
