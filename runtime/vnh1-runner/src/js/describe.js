// Names of things: constructors, tags, functions, classes, errors' stacks, as `console` shows them. In the jail.
//
// Invariant: the output is that of Node.js 20's util.inspect without colours; a test compares them.
"use strict";

const {
  ArrayIndexOf, ArrayIsArray, ArrayJoin, ArrayPush, ArraySplice, ErrorToString, FunctionHasInstance, FunctionPrototype,
  FunctionToString, MathMin, NumberToString, Object, ObjectGetOwnPropertyNames, ObjectGetOwnPropertySymbols,
  ObjectHasOwnProperty, ObjectKeys, ObjectPropertyIsEnumerable, ObjectPrototype, RegExpExec, RegExpSymbolReplace, String,
  StringCharCodeAt, StringCodePointAt, StringEndsWith, StringIncludes, StringIndexOf, StringNormalize, StringRepeat,
  StringReplaceAll, StringSlice, StringSplit, StringStartsWith, Function, getOwnPropertyDescriptor, getPrototypeOf,
} = world.primordials;

// The numbers of `natives.kind`.
const KIND = {
  __proto__: null,
  proxy: 1, map: 2, set: 3, date: 4, regExp: 5, error: 6, promise: 7, weakMap: 8, weakSet: 9, mapIterator: 10,
  setIterator: 11, arrayBuffer: 12, sharedArrayBuffer: 13, typedArray: 14, dataView: 15, number: 16, string: 17,
  boolean: 18, bigint: 19, symbol: 20, arguments: 21, module: 22, generator: 23, asyncGeneratorFunction: 24,
  asyncFunction: 25, generatorFunction: 26,
};

const builtIns = { __proto__: null };
const globalNames = ObjectGetOwnPropertyNames(globalThis);
for (let i = 0; i < globalNames.length; i++) {
  if (RegExpExec(/^[A-Z][a-zA-Z0-9]+$/, globalNames[i]) !== null) builtIns[globalNames[i]] = true;
}

function isInstance(object, constructor) {
  try {
    return object instanceof constructor;
  } catch {
    return false;
  }
}

// Errors of this realm and what inherits from Error.
function isError(value) {
  return natives.kind(value) === KIND.error || isInstance(value, world.primordials.Error);
}

// `null` for an object whose prototype is null; otherwise a name. Prototype properties go to `hidden`, if given.
function constructorName(object, context, depth, hidden) {
  let first;
  const value = object;
  while (object) {
    const known = object === ObjectPrototype ? Object : object === FunctionPrototype ? Function : undefined;
    if (known !== undefined && FunctionHasInstance(known, value)) {
      if (hidden !== undefined && first !== object) addHidden(context, value, first || value, depth, hidden);
      return known === Object ? "Object" : "Function";
    }
    const descriptor = getOwnPropertyDescriptor(object, "constructor");
    if (descriptor !== undefined && typeof descriptor.value === "function" && descriptor.value.name !== "" &&
        isInstance(value, descriptor.value)) {
      if (hidden !== undefined && (first !== object || builtIns[descriptor.value.name] === undefined)) {
        addHidden(context, value, first || value, depth, hidden);
      }
      return String(descriptor.value.name);
    }
    object = getPrototypeOf(object);
    if (first === undefined) first = object;
  }
  if (first === null) return null;
  const name = natives.constructorName(value);
  if (depth > context.depth && context.depth !== null) return `${name} <Complex prototype>`;
  const inner = constructorName(first, context, depth + 1, hidden);
  if (inner === null) {
    return `${name} <${world.inspect(first, { __proto__: null, showHidden: context.showHidden, customInspect: false, depth: -1 })}>`;
  }
  return `${name} <${inner}>`;
}

// Properties of up to three prototypes that the user wrote (%o).
function addHidden(context, main, object, depth, output) {
  const seen = { __proto__: null };
  const seenSymbols = [];
  for (let layer = 0; layer < 3; layer++) {
    if (layer !== 0 || main === object) {
      object = getPrototypeOf(object);
      if (object === null) return;
      const descriptor = getOwnPropertyDescriptor(object, "constructor");
      if (descriptor !== undefined && typeof descriptor.value === "function" &&
          builtIns[descriptor.value.name] !== undefined) {
        return;
      }
    }
    const keys = world.primordials.ReflectOwnKeys(object);
    ArrayPush(context.seen, main);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const known = typeof key === "symbol" ? ArrayIndexOf(seenSymbols, key) !== -1 : seen[key] === true;
      if (key === "constructor" || ObjectHasOwnProperty(main, key) || (layer !== 0 && known)) continue;
      const descriptor = getOwnPropertyDescriptor(object, key);
      if (typeof descriptor.value === "function") continue;
      ArrayPush(output, world.formatProperty(context, object, depth, key, false, descriptor));
    }
    world.primordials.ArrayPop(context.seen);
    for (let i = 0; i < keys.length; i++) {
      if (typeof keys[i] === "symbol") ArrayPush(seenSymbols, keys[i]);
      else seen[keys[i]] = true;
    }
  }
}

// `Name(size) [tag] `
function prefix(constructor, tag, fallback, size = "") {
  if (constructor === null) {
    const start = `[${fallback}${size}: null prototype] `;
    return tag !== "" && fallback !== tag ? `${start}[${tag}] ` : start;
  }
  return tag !== "" && constructor !== tag ? `${constructor}${size} [${tag}] ` : `${constructor}${size} `;
}

function plainPrefix(value, constructor, tag) {
  let fallback = "";
  if (constructor === null) {
    fallback = natives.constructorName(value);
    if (fallback === tag) fallback = "Object";
  }
  return prefix(constructor, tag, fallback);
}

function ownKeysOf(value, showHidden) {
  const symbols = ObjectGetOwnPropertySymbols(value);
  let keys;
  if (showHidden) {
    keys = ObjectGetOwnPropertyNames(value);
  } else {
    try {
      keys = ObjectKeys(value);
    } catch {
      // A module that was not evaluated yet.
      keys = ObjectGetOwnPropertyNames(value);
    }
  }
  for (let i = 0; i < symbols.length; i++) {
    if (showHidden || ObjectPropertyIsEnumerable(value, symbols[i])) ArrayPush(keys, symbols[i]);
  }
  return keys;
}

function className(value, constructor, tag) {
  const name = (ObjectHasOwnProperty(value, "name") && value.name) || "(anonymous)";
  let text = `class ${name}`;
  if (constructor !== "Function" && constructor !== null) text += ` [${constructor}]`;
  if (tag !== "" && constructor !== tag) text += ` [${tag}]`;
  if (constructor === null) return `[${text} extends [null prototype]]`;
  const parent = getPrototypeOf(value).name;
  return parent ? `[${text} extends ${parent}]` : `[${text}]`;
}

function functionName(value, constructor, tag) {
  const source = FunctionToString(value);
  if (StringStartsWith(source, "class") && StringEndsWith(source, "}")) {
    const body = StringSlice(source, 5, -1);
    const brace = StringIndexOf(body, "{");
    if (brace !== -1 && (!StringIncludes(StringSlice(body, 0, brace), "(") ||
        RegExpExec(/^(\s+[^(]*?)\s*{/, RegExpSymbolReplace(/(\/\/.*?\n)|(\/\*(.|\n)*?\*\/)/g, body, "")) !== null)) {
      return className(value, constructor, tag);
    }
  }
  const kind = natives.kind(value);
  let type = "Function";
  if (kind === KIND.generatorFunction || kind === KIND.asyncGeneratorFunction) type = `Generator${type}`;
  if (kind === KIND.asyncFunction || kind === KIND.asyncGeneratorFunction) type = `Async${type}`;
  let text = `[${type}`;
  if (constructor === null) text += " (null prototype)";
  text += value.name === "" ? " (anonymous)" : `: ${String(value.name)}`;
  text += "]";
  if (constructor !== type && constructor !== null) text += ` ${constructor}`;
  if (tag !== "" && constructor !== tag) text += ` [${tag}]`;
  return text;
}

const stackOf = (error) => (error.stack ? String(error.stack) : ErrorToString(error));

// The first run of more than three equal lines.
function commonFrames(frames, others) {
  for (let i = 0; i < frames.length - 3; i++) {
    const at = ArrayIndexOf(others, frames[i]);
    if (at === -1) continue;
    const most = MathMin(frames.length - i, others.length - at);
    let length = 1;
    while (most > length && frames[i + length] === others[at + length]) length++;
    if (length > 3) return { length, start: i };
  }
  return { length: 0, start: 0 };
}

function framesOf(error, stack) {
  const frames = StringSplit(stack, "\n");
  let cause;
  try {
    cause = error.cause;
  } catch {
    // A getter that throws.
  }
  if (cause != null && isError(cause)) {
    const causeStack = stackOf(cause);
    const start = StringIndexOf(causeStack, "\n    at");
    if (start !== -1) {
      const common = commonFrames(frames, StringSplit(StringSlice(causeStack, start + 1), "\n"));
      if (common.length > 0) {
        const skipped = common.length - 2;
        ArraySplice(frames, common.start + 1, skipped, `    ... ${skipped} lines matching cause stack trace ...`);
      }
    }
  }
  return frames;
}

// The stack's first word becomes the class's name where the two differ.
function renameStack(stack, constructor, name, tag) {
  let length = name.length;
  const regular = StringEndsWith(name, "Error") && StringStartsWith(stack, name) &&
    (stack.length === length || stack[length] === ":" || stack[length] === "\n");
  if (constructor !== null && !regular) return stack;
  let fallback = "Error";
  if (constructor === null) {
    const start = RegExpExec(/^([A-Z][a-z_ A-Z0-9[\]()-]+)(?::|\n {4}at)/, stack) ||
      RegExpExec(/^([a-z_A-Z0-9-]*Error)$/, stack);
    fallback = (start && start[1]) || "";
    length = fallback.length;
    fallback = fallback || "Error";
  }
  const wanted = StringSlice(prefix(constructor, tag, fallback), 0, -1);
  if (name === wanted) return stack;
  if (!StringIncludes(wanted, name)) return `${wanted} [${name}]${StringSlice(stack, length)}`;
  return length === 0 ? `${wanted}: ${stack}` : `${wanted}${StringSlice(stack, length)}`;
}

function errorText(error, constructor, tag, context, keys) {
  const name = error.name != null ? String(error.name) : "Error";
  let stack = stackOf(error);
  if (!context.showHidden) {
    const shown = ["name", "message", "stack"];
    for (let i = 0; i < shown.length; i++) {
      const at = ArrayIndexOf(keys, shown[i]);
      if (at !== -1 && StringIncludes(stack, String(error[shown[i]]))) ArraySplice(keys, at, 1);
    }
  }
  if ("cause" in error && ArrayIndexOf(keys, "cause") === -1) ArrayPush(keys, "cause");
  if (ArrayIsArray(error.errors) && ArrayIndexOf(keys, "errors") === -1) ArrayPush(keys, "errors");
  stack = renameStack(stack, constructor, name, tag);
  const message = error.message ? String(error.message) : "";
  const at = message === "" ? -1 : StringIndexOf(stack, message);
  const frames = StringIndexOf(stack, "\n    at", at === -1 ? 0 : at + message.length);
  if (frames === -1) {
    if (!context.bare || context.indentation !== 0) stack = `[${stack}]`;
  } else {
    stack = `${StringSlice(stack, 0, frames)}\n${ArrayJoin(framesOf(error, StringSlice(stack, frames + 1)), "\n")}`;
  }
  if (context.indentation === 0) return stack;
  return StringReplaceAll(stack, "\n", `\n${StringRepeat(" ", context.indentation)}`);
}

// The columns that a text takes in a terminal.
function textWidth(text) {
  let width = 0;
  let wide = text;
  for (let i = 0; i < text.length; i++) {
    if (StringCharCodeAt(text, i) >= 127) {
      wide = StringNormalize(text, "NFC");
      break;
    }
  }
  for (let i = 0; i < wide.length; i++) {
    const code = StringCodePointAt(wide, i);
    if (code > 0xffff) i++;
    if (isWide(code)) width += 2;
    else if (!isZeroWidth(code)) width++;
  }
  return width;
}

function isWide(code) {
  return code >= 0x1100 && (code <= 0x115f || code === 0x2329 || code === 0x232a ||
    (code >= 0x2e80 && code <= 0x3247 && code !== 0x303f) || (code >= 0x3250 && code <= 0x4dbf) ||
    (code >= 0x4e00 && code <= 0xa4c6) || (code >= 0xa960 && code <= 0xa97c) || (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe10 && code <= 0xfe19) || (code >= 0xfe30 && code <= 0xfe6b) ||
    (code >= 0xff01 && code <= 0xff60) || (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1b000 && code <= 0x1b001) ||
    (code >= 0x1f200 && code <= 0x1f251) || (code >= 0x1f300 && code <= 0x1f64f) || (code >= 0x1f680 && code <= 0x1f9ff) ||
    (code >= 0x20000 && code <= 0x3fffd));
}

function isZeroWidth(code) {
  return code <= 0x1f || (code >= 0x7f && code <= 0x9f) || (code >= 0x300 && code <= 0x36f) ||
    (code >= 0x200b && code <= 0x200f) || (code >= 0x20d0 && code <= 0x20ff) || (code >= 0xfe00 && code <= 0xfe0f) ||
    (code >= 0xfe20 && code <= 0xfe2f) || (code >= 0xe0100 && code <= 0xe01ef);
}

const ESCAPES = { __proto__: null, 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 92: "\\\\" };
function escapeCode(code) {
  if (ESCAPES[code] !== undefined) return ESCAPES[code];
  const hex = NumberToString(code, 16);
  if (code > 0xff) return `\\u${hex}`;
  return `\\x${code < 16 ? "0" : ""}${world.primordials.ReflectApply(upper, hex, [])}`;
}
const upper = "".toUpperCase;

function escaped(text, quote) {
  let result = "";
  let last = 0;
  for (let i = 0; i < text.length; i++) {
    const code = StringCharCodeAt(text, i);
    let escape;
    if (code === quote) {
      escape = "\\'";
    } else if (code === 92 || code < 32 || (code > 126 && code < 160)) {
      escape = escapeCode(code);
    } else if (code >= 0xd800 && code <= 0xdfff) {
      const next = code <= 0xdbff && i + 1 < text.length ? StringCharCodeAt(text, i + 1) : 0;
      if (next >= 0xdc00 && next <= 0xdfff) {
        i++;
        continue;
      }
      escape = escapeCode(code);
    } else {
      continue;
    }
    result += StringSlice(text, last, i) + escape;
    last = i + 1;
  }
  return last === 0 ? text : result + StringSlice(text, last);
}

// A string in quotes: single ones, unless others need no escape.
function quoted(text) {
  if (!StringIncludes(text, "'")) return `'${escaped(text, 39)}'`;
  if (!StringIncludes(text, '"')) return `"${escaped(text, -1)}"`;
  if (!StringIncludes(text, "`") && !StringIncludes(text, "${")) return `\`${escaped(text, -1)}\``;
  return `'${escaped(text, 39)}'`;
}

world.primordials.ObjectAssign(world, {
  KIND, builtIns, constructorName, errorText, escaped, functionName, isError, ownKeysOf, plainPrefix, prefix, quoted,
  textWidth,
});
