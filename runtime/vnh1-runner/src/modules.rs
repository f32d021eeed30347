//! The module graph: reads and compiles every statically imported file before the seal. In the jail.
//!
//! Invariant: after [`load`] no file is opened any more; `import()` finds what is here or fails. Each read is
//! bounded. (ECMAScript: HostLoadImportedModule, HostGetImportMetaProperties.)

use crate::load_error::{COMMAND_LINE, LoadError};
use crate::resolve::{self, Place};
use crate::state::State;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use vnh1_sys::root_file::Root;

/// Longest source text of one module in bytes.
pub const MAX_MODULE_BYTES: u64 = 32 << 20;
/// Most modules of one script.
pub const MAX_MODULES: usize = 10_000;

/// What a file is, by its name and the import's attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Script,
    Json,
}

/// One loaded module.
struct Loaded {
    place: Place,
    module: v8::Global<v8::Module>,
    /// The value of a JSON module.
    json: Option<v8::Global<v8::Value>>,
}

/// Every module of the script, by URL and by V8's hash.
#[derive(Default)]
pub struct Graph {
    loaded: Vec<Loaded>,
    by_url: HashMap<(String, Kind), usize>,
    by_hash: HashMap<i32, Vec<usize>>,
}

impl Graph {
    fn find(&self, module: v8::Local<'_, v8::Module>) -> Option<&Loaded> {
        let candidates = self.by_hash.get(&module.get_identity_hash().get())?;
        candidates.iter().filter_map(|index| self.loaded.get(*index)).find(|loaded| loaded.module == module)
    }

    fn by_place(&self, place: &Place, kind: Kind) -> Option<&Loaded> {
        self.loaded.get(*self.by_url.get(&(place.url.clone(), kind))?)
    }

    fn add(
        &mut self,
        scope: &v8::Isolate,
        kind: Kind,
        place: Place,
        module: v8::Local<'_, v8::Module>,
        json: Option<v8::Global<v8::Value>>,
    ) {
        let index = self.loaded.len();
        self.by_url.insert((place.url.clone(), kind), index);
        self.by_hash.entry(module.get_identity_hash().get()).or_default().push(index);
        self.loaded.push(Loaded { place, module: v8::Global::new(scope, module), json });
    }
}

/// What went wrong, for the report: an exception of V8, or an error of ours at a place of the source.
pub enum Failure {
    /// V8 threw it; `TryCatch` has the message.
    Thrown,
    /// Ours, with the place of the import, laid out for people; the main module has none.
    Load(LoadError, Option<String>),
}

/// Reads and compiles the main module and everything that it imports statically.
///
/// # Errors
/// The first module that cannot be read, named or compiled.
pub fn load<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    root: &Root,
    entry: &str,
) -> Result<v8::Local<'s, v8::Module>, Failure> {
    let place = Place::of_path(entry);
    let main = read_and_compile(scope, root, &place, Kind::Script, COMMAND_LINE)?;
    let mut next = 0;
    while let Some((referrer, from)) = nth(scope, next) {
        next += 1;
        if !referrer.is_source_text_module() {
            continue;
        }
        let requests = referrer.get_module_requests();
        for index in 0..requests.length() {
            let Some(request) = requests.get(scope, index) else { continue };
            let Ok(request) = v8::Local::<v8::ModuleRequest>::try_from(request) else { continue };
            let offset = request.get_source_offset();
            let fail =
                |error| Failure::Load(error, Some(show(root, &from, &referrer.source_offset_to_location(offset))));
            let specifier = request.get_specifier().to_rust_string_lossy(scope);
            let target = target(scope, &specifier, &from.path, request.get_import_attributes(), 3);
            let (place, kind) = target.map_err(fail)?;
            let known = State::of(scope).graph.borrow().by_place(&place, kind).is_some();
            if !known {
                read_and_compile(scope, root, &place, kind, &from.path).map_err(|failure| match failure {
                    Failure::Load(error, None) => fail(error),
                    other => other,
                })?;
            }
        }
    }
    Ok(main)
}

/// The place of an import for people; the source line is read anew, since this ends the script.
fn show(root: &Root, from: &Place, location: &v8::Location) -> String {
    let number = |count: i32| usize::try_from(count).unwrap_or(0);
    let (line, column) = (number(location.get_line_number()), number(location.get_column_number()));
    let text = read(root, &from.path, "").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let source = text.lines().nth(line).unwrap_or_default();
    crate::report::lay_out(&from.url, line + 1, source, column, column + 1)
}

fn nth<'s>(scope: &mut v8::PinScope<'s, '_>, index: usize) -> Option<(v8::Local<'s, v8::Module>, Place)> {
    let state = State::of(scope);
    let graph = state.graph.borrow();
    let loaded = graph.loaded.get(index)?;
    Some((v8::Local::new(scope, &loaded.module), loaded.place.clone()))
}

/// Where an import leads and as what. `stride` is 3 for static imports (key, value, offset), 2 for dynamic ones.
fn target(
    scope: &mut v8::PinScope<'_, '_>,
    specifier: &str,
    from: &str,
    attributes: v8::Local<'_, v8::FixedArray>,
    stride: usize,
) -> Result<(Place, Kind), LoadError> {
    let place = resolve::resolve(specifier, from)?;
    let mut json_asked = false;
    for at in (0..attributes.length()).step_by(stride) {
        let text = |at: usize| {
            attributes
                .get(scope, at)
                .and_then(|data| v8::Local::<v8::String>::try_from(data).ok())
                .map(|text| text.to_rust_string_lossy(scope))
        };
        let (key, value) = (text(at).unwrap_or_default(), text(at + 1).unwrap_or_default());
        match (key.as_str(), value.as_str()) {
            ("type", "json") => json_asked = true,
            _ => return Err(LoadError::AttributeUnknown { key, value }),
        }
    }
    let kind = kind_of(&place.path)?;
    match (kind, json_asked) {
        (Kind::Json, false) => Err(LoadError::AttributeMissing { url: place.url }),
        (Kind::Script, true) => Err(LoadError::AttributeType { url: place.url, kind: "json".into() }),
        _ => Ok((place, kind)),
    }
}

fn kind_of(path: &str) -> Result<Kind, LoadError> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let path = path.to_owned();
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => Ok(Kind::Json),
        Some("cjs") => Err(LoadError::CommonJs { path }),
        Some("ts" | "mts" | "cts" | "tsx") => Err(LoadError::TypeScript { path }),
        Some(extension @ ("node" | "wasm" | "jsx" | "css" | "html")) => {
            Err(LoadError::Extension { path, extension: format!(".{extension}") })
        }
        _ => Ok(Kind::Script),
    }
}

fn read(root: &Root, path: &str, from: &str) -> Result<Vec<u8>, LoadError> {
    let (path, from) = (path.to_owned(), from.to_owned());
    let opened = root.file(&path).map_err(std::io::Error::from).map(File::from);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(LoadError::NotFound { path, from }),
        Err(cause) => return Err(LoadError::Read { path, from, cause }),
    };
    let about = match file.metadata() {
        Ok(about) => about,
        Err(cause) => return Err(LoadError::Read { path, from, cause }),
    };
    if about.is_dir() {
        return Err(LoadError::Directory { path, from });
    }
    // Metadata may lie for what is no plain file, so the reading itself is bounded too.
    let expected = usize::try_from(about.len().min(MAX_MODULE_BYTES)).unwrap_or(0);
    let mut text = Vec::with_capacity(expected + 1);
    match file.by_ref().take(MAX_MODULE_BYTES + 1).read_to_end(&mut text) {
        Err(cause) => Err(LoadError::Read { path, from, cause }),
        Ok(_) if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_MODULE_BYTES => Err(LoadError::TooLong { path }),
        Ok(_) => Ok(text),
    }
}

fn read_and_compile<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    root: &Root,
    place: &Place,
    kind: Kind,
    from: &str,
) -> Result<v8::Local<'s, v8::Module>, Failure> {
    let ours = |error| Failure::Load(error, None);
    if State::of(scope).graph.borrow().loaded.len() >= MAX_MODULES {
        return Err(ours(LoadError::TooMany));
    }
    kind_of(&place.path).map_err(ours)?;
    let bytes = read(root, &place.path, from).map_err(ours)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = if bytes.is_ascii() {
        v8::String::new_from_one_byte(scope, bytes, v8::NewStringType::Normal)
    } else {
        v8::String::new(scope, &String::from_utf8_lossy(bytes))
    };
    let text = text.ok_or_else(|| ours(LoadError::TooLong { path: place.path.clone() }))?;
    let name = v8::String::new(scope, &place.url).ok_or(Failure::Thrown)?;
    let (module, json) = match kind {
        Kind::Script => {
            let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, 0, None, false, false, true, None);
            let mut source = v8::script_compiler::Source::new(text, Some(&origin));
            (v8::script_compiler::compile_module(scope, &mut source).ok_or(Failure::Thrown)?, None)
        }
        Kind::Json => {
            let value = parse_json(scope, text, &place.url)?;
            let export = v8::String::new(scope, "default").ok_or(Failure::Thrown)?;
            let module = v8::Module::create_synthetic_module(scope, name, &[export], export_json);
            (module, Some(v8::Global::new(scope, value)))
        }
    };
    State::of(scope).graph.borrow_mut().add(scope, kind, place.clone(), module, json);
    Ok(module)
}

/// JSON's own errors do not say in which file they are.
fn parse_json<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: v8::Local<'s, v8::String>,
    url: &str,
) -> Result<v8::Local<'s, v8::Value>, Failure> {
    let message = {
        v8::tc_scope!(let scope, scope);
        if let Some(value) = v8::json::parse(scope, text) {
            return Ok(value);
        }
        let message =
            scope.exception().and_then(|error| v8::Local::<v8::Object>::try_from(error).ok()).and_then(|error| {
                let key = v8::String::new(scope, "message")?;
                error.get(scope, key.into())
            });
        message.map_or_else(String::new, |message| message.to_rust_string_lossy(scope))
    };
    let message = v8::String::new(scope, &format!("{url}: {message}")).ok_or(Failure::Thrown)?;
    let error = v8::Exception::syntax_error(scope, message);
    scope.throw_exception(error);
    Err(Failure::Thrown)
}

fn export_json<'s>(
    context: v8::Local<'s, v8::Context>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    // SAFETY: V8 calls this with the module's own context, entered.
    v8::callback_scope!(unsafe scope, context);
    let value = State::of(scope).graph.borrow().find(module).and_then(|loaded| loaded.json.clone())?;
    let value = v8::Local::new(scope, value);
    let export = v8::String::new(scope, "default")?;
    module.set_synthetic_module_export(scope, export, value)?;
    let resolver = v8::PromiseResolver::new(scope)?;
    let nothing = v8::undefined(scope).into();
    resolver.resolve(scope, nothing);
    Some(resolver.get_promise(scope).into())
}

/// Finds the module that a static import of another one means; all of them are loaded.
pub fn link<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    // SAFETY: V8 calls this with the module's own context, entered.
    v8::callback_scope!(unsafe scope, context);
    let from = State::of(scope).graph.borrow().find(referrer)?.place.path.clone();
    let specifier = specifier.to_rust_string_lossy(scope);
    let found = target(scope, &specifier, &from, attributes, 3).and_then(|(place, kind)| {
        let found = State::of(scope).graph.borrow().by_place(&place, kind).map(|loaded| loaded.module.clone());
        found.ok_or(LoadError::AfterSeal { url: place.url })
    });
    match found {
        Ok(module) => Some(v8::Local::new(scope, module)),
        Err(error) => {
            let error = error.to_exception(scope);
            scope.throw_exception(error);
            None
        }
    }
}

/// `import()`: a module that is loaded already, or a rejected promise.
pub fn import<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _options: v8::Local<'s, v8::Data>,
    referrer: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let state = State::of(scope);
    let referrer = referrer.to_rust_string_lossy(scope);
    // Code from eval or Function has no URL: it imports as the main module would.
    let from = match resolve::resolve(&referrer, "/") {
        Ok(place) if referrer.starts_with("file://") => place.path,
        _ => state.settings.entry.clone(),
    };
    let specifier = specifier.to_rust_string_lossy(scope);
    let found = target(scope, &specifier, &from, attributes, 2).and_then(|(place, kind)| {
        let found = state.graph.borrow().by_place(&place, kind).map(|loaded| loaded.module.clone());
        found.ok_or(LoadError::AfterSeal { url: place.url })
    });
    let resolver = v8::PromiseResolver::new(scope)?;
    let promise = resolver.get_promise(scope);
    let module = match found {
        Ok(module) => v8::Local::new(scope, module),
        Err(error) => {
            let error = error.to_exception(scope);
            resolver.reject(scope, error);
            return Some(promise);
        }
    };
    if module.get_status() == v8::ModuleStatus::Evaluating {
        // It is running right now, further up the stack: its names can be had, their values come as it goes on.
        resolver.resolve(scope, module.get_module_namespace());
        return Some(promise);
    }
    let evaluated = module.evaluate(scope)?;
    let nothing = v8::undefined(scope).into();
    let then = v8::Local::new(scope, &state.world.then_namespace);
    let result = then.call(scope, nothing, &[evaluated, module.get_module_namespace()])?;
    result.try_cast::<v8::Promise>().ok()
}

/// Fills `import.meta`.
pub unsafe extern "C" fn meta(
    context: v8::Local<'_, v8::Context>,
    module: v8::Local<'_, v8::Module>,
    meta: v8::Local<'_, v8::Object>,
) {
    // SAFETY: V8 calls this with the module's own context, entered.
    v8::callback_scope!(unsafe scope, context);
    let state = State::of(scope);
    let Some(place) = state.graph.borrow().find(module).map(|loaded| loaded.place.clone()) else { return };
    let is_main = v8::Boolean::new(scope, place.path == state.settings.entry);
    let text = |text: &str| v8::String::new(scope, text).map(v8::Local::<v8::Value>::from);
    let properties = [
        ("dirname", text(resolve::folder_of(&place.path))),
        ("filename", text(&place.path)),
        ("main", Some(is_main.into())),
        ("url", text(&place.url)),
    ];
    for (key, value) in properties {
        if let (Some(key), Some(value)) = (v8::String::new(scope, key), value) {
            meta.create_data_property(scope, key.into(), value);
        }
    }
}
