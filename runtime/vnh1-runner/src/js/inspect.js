// Any value as text, as `console` shows it. In the jail.
//
// Invariant: looking at a value runs no code of the script but `Symbol.toStringTag`, `name`, `constructor`, an
// error's `stack` and the `nodejs.util.inspect.custom` that it put there for this. Proxies are looked through.
"use strict";

const {
  ArrayIndexOf, ArrayIsArray, ArrayJoin, ArrayPop, ArrayPush, ArraySplice,
  ArrayUnshift, BigIntToString, BigIntValueOf, BooleanValueOf, DateGetTime, DateToISOString, DateToString, MapEntries,
  MapGet, MapIteratorNext, MapSet, MapSize, Map, MathFloor, MathMax, MathMin, MathRound, MathSqrt, NumberIsNaN,
  NumberToString, NumberValueOf, ObjectHasOwnProperty, ObjectIs, ObjectKeys, ObjectPropertyIsEnumerable, ReflectApply,
  RegExp, RegExpExec, RegExpToString, SetIteratorNext, SetSize, SetValues, String, StringIncludes, StringIndexOf,
  StringLastIndexOf, StringPadEnd, StringPadStart, StringRepeat, StringReplaceAll, StringSlice, StringValueOf,
  SymbolInspect, SymbolIterator, SymbolToString, SymbolToStringTag, SymbolValueOf, TypedArrayLength, TypedArrayTag,
  Uint8Array, getOwnPropertyDescriptor, RangeError,
} = world.primordials;
const { KIND, constructorName, errorText, escaped, functionName, isError, ownKeysOf, plainPrefix, prefix, quoted, textWidth } = world;

const DEFAULTS = {
  __proto__: null,
  depth: 2, showHidden: false, showProxy: false, customInspect: true, maxArrayLength: 100, maxStringLength: 10000,
  breakLength: 80, compact: 3,
};
const OPTIONS = ObjectKeys(DEFAULTS);
const MOST_TEXT = 2 ** 27;

function inspect(value, options) {
  return inspectWith(value, options, false);
}

// What one call of `inspect` knows. Class fields are defined, not assigned: no setter that a script put on
// Object.prototype is called; and unlike an object without a prototype it is fast.
class Context {
  depth = DEFAULTS.depth;
  showHidden = DEFAULTS.showHidden;
  showProxy = DEFAULTS.showProxy;
  customInspect = DEFAULTS.customInspect;
  maxArrayLength = DEFAULTS.maxArrayLength;
  maxStringLength = DEFAULTS.maxStringLength;
  breakLength = DEFAULTS.breakLength;
  compact = DEFAULTS.compact;
  // An error without frames stands in brackets, but for the one that ends the script.
  bare = false;
  seen = [];
  indentation = 0;
  inner = 0;
  circular = undefined;
  budget = undefined;
}

function inspectWith(value, options, bare) {
  const context = new Context();
  if (typeof options === "object" && options !== null) {
    for (let i = 0; i < OPTIONS.length; i++) {
      if (options[OPTIONS[i]] !== undefined) context[OPTIONS[i]] = options[OPTIONS[i]];
    }
  }
  context.bare = bare;
  if (context.maxArrayLength === null) context.maxArrayLength = Infinity;
  if (context.maxStringLength === null) context.maxStringLength = Infinity;
  return formatValue(context, value, 0, false);
}

function formatNumber(number) {
  return ObjectIs(number, -0) ? "-0" : NumberToString(number);
}

function formatPrimitive(context, value) {
  switch (typeof value) {
    case "string": return formatString(context, value);
    case "number": return formatNumber(value);
    case "bigint": return `${BigIntToString(value)}n`;
    case "symbol": return SymbolToString(value);
    default: return String(value);
  }
}

function formatString(context, value) {
  let trailer = "";
  if (value.length > context.maxStringLength) {
    const rest = value.length - context.maxStringLength;
    value = StringSlice(value, 0, context.maxStringLength);
    trailer = `... ${rest} more character${rest > 1 ? "s" : ""}`;
  }
  if (value.length <= 16 || value.length <= context.breakLength - context.indentation - 4) return quoted(value) + trailer;
  const lines = [];
  let start = 0;
  while (start < value.length) {
    const at = StringIndexOf(value, "\n", start);
    const end = at === -1 ? value.length : at + 1;
    ArrayPush(lines, quoted(StringSlice(value, start, end)));
    start = end;
  }
  return ArrayJoin(lines, ` +\n${StringRepeat(" ", context.indentation + 2)}`) + trailer;
}

function formatValue(context, value, depth, inTypedArray) {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return formatPrimitive(context, value);
  const original = value;
  while (natives.kind(value) === KIND.proxy) {
    const target = natives.proxyTarget(value);
    if (target === null) return "<Revoked Proxy>";
    if (context.showProxy) return formatProxy(context, value, target, depth);
    value = target;
  }
  if (context.customInspect) {
    const custom = value[SymbolInspect];
    if (typeof custom === "function" && custom !== inspect && !(value.constructor && value.constructor.prototype === value)) {
      const left = context.depth === null ? null : context.depth - depth;
      const options = { depth: left };
      for (let i = 0; i < OPTIONS.length; i++) if (OPTIONS[i] !== "depth") options[OPTIONS[i]] = context[OPTIONS[i]];
      options.stylize = (text) => `${text}`;
      const result = ReflectApply(custom, original, [left, options, inspect]);
      if (result !== original) {
        if (typeof result !== "string") return formatValue(context, result, depth, false);
        return StringReplaceAll(result, "\n", `\n${StringRepeat(" ", context.indentation)}`);
      }
    }
  }
  if (ArrayIndexOf(context.seen, value) !== -1) {
    context.circular ??= new Map();
    let index = MapGet(context.circular, value);
    if (index === undefined) {
      index = MapSize(context.circular) + 1;
      MapSet(context.circular, value, index);
    }
    return `[Circular *${index}]`;
  }
  return formatObject(context, value, depth, inTypedArray);
}

function formatProxy(context, proxy, target, depth) {
  if (depth > context.depth && context.depth !== null) return "Proxy [Array]";
  context.indentation += 2;
  const parts = [formatValue(context, target, depth + 1), formatValue(context, natives.proxyHandler(proxy), depth + 1)];
  context.indentation -= 2;
  return layOut(context, parts, "", ["Proxy [", "]"], true, depth + 1);
}

class Shape {
  base = "";
  open = "{";
  close = "}";
  list = undefined;
  keys = undefined;
  isArray = false;
}

// What an object is: the text before its braces, the braces, the function that lists its entries, its keys.
// A string instead means that this is all there is to say.
function shapeOf(context, value, depth, constructor, tag, hidden, inTypedArray) {
  const kind = natives.kind(value);
  const { showHidden } = context;
  const shape = new Shape();
  const bare = () => shape.keys.length === 0 && hidden === undefined;
  if (SymbolIterator in value || constructor === null) {
    if (ArrayIsArray(value)) {
      const name = constructor !== "Array" || tag !== "" ? prefix(constructor, tag, "Array", `(${value.length})`) : "";
      shape.keys = nonIndexKeys(value, showHidden);
      shape.open = `${name}[`;
      shape.close = "]";
      if (value.length === 0 && bare()) return `${name}[]`;
      shape.isArray = true;
      shape.list = listArray;
      return shape;
    }
    if (kind === KIND.set || kind === KIND.map) {
      const isSet = kind === KIND.set;
      const size = isSet ? SetSize(value) : MapSize(value);
      shape.open = `${prefix(constructor, tag, isSet ? "Set" : "Map", `(${size})`)}{`;
      shape.keys = ownKeysOf(value, showHidden);
      if (size === 0 && bare()) return `${shape.open}}`;
      shape.list = isSet ? listSet : listMap;
      return shape;
    }
    if (kind === KIND.typedArray) {
      const fallback = constructor === null ? TypedArrayTag(value) : "";
      const length = TypedArrayLength(value);
      shape.keys = nonIndexKeys(value, showHidden);
      shape.open = `${prefix(constructor, tag, fallback, `(${length})`)}[`;
      shape.close = "]";
      if (length === 0 && shape.keys.length === 0 && !showHidden) return `${shape.open}]`;
      shape.isArray = true;
      shape.list = listTypedArray;
      return shape;
    }
    if (kind === KIND.mapIterator || kind === KIND.setIterator) {
      const type = kind === KIND.mapIterator ? "Map" : "Set";
      let name = tag;
      if (name !== `${type} Iterator`) name = `${name === "" ? "" : `${name}] [`}${type} Iterator`;
      shape.keys = ownKeysOf(value, showHidden);
      shape.open = `[${name}] {`;
      shape.list = listIterator;
      return shape;
    }
  }
  shape.keys = ownKeysOf(value, showHidden);
  if (typeof value === "function") {
    shape.base = functionName(value, constructor, tag);
    return bare() ? shape.base : shape;
  }
  if (constructor === "Object") {
    if (kind === KIND.arguments) shape.open = "[Arguments] {";
    else if (tag !== "") shape.open = `${prefix(constructor, tag, "Object")}{`;
    return bare() ? `${shape.open}}` : shape;
  }
  if (kind === KIND.regExp) {
    shape.base = RegExpToString(constructor !== null ? value : new RegExp(value));
    const name = prefix(constructor, tag, "RegExp");
    if (name !== "RegExp ") shape.base = `${name}${shape.base}`;
    return bare() || (depth > context.depth && context.depth !== null) ? shape.base : shape;
  }
  if (kind === KIND.date) {
    shape.base = NumberIsNaN(DateGetTime(value)) ? DateToString(value) : DateToISOString(value);
    const name = prefix(constructor, tag, "Date");
    if (name !== "Date ") shape.base = `${name}${shape.base}`;
    return bare() ? shape.base : shape;
  }
  if (isError(value)) {
    shape.base = errorText(value, constructor, tag, context, shape.keys);
    return bare() ? shape.base : shape;
  }
  const fixed = SHAPES[kind];
  if (kind === KIND.arrayBuffer || kind === KIND.sharedArrayBuffer) {
    const name = prefix(constructor, tag, fixed);
    if (!inTypedArray) shape.list = listBytes;
    else if (bare()) return `${name}{ byteLength: ${formatNumber(value.byteLength)} }`;
    shape.open = `${name}{`;
    ArrayUnshift(shape.keys, "byteLength");
    return shape;
  }
  if (kind === KIND.dataView) {
    shape.open = `${prefix(constructor, tag, fixed)}{`;
    ArrayUnshift(shape.keys, "byteLength", "byteOffset", "buffer");
    return shape;
  }
  if (kind === KIND.promise || kind === KIND.weakSet || kind === KIND.weakMap || kind === KIND.module) {
    shape.open = `${prefix(constructor, tag, fixed)}{`;
    shape.list = kind === KIND.promise ? listPromise : kind === KIND.module ? listModule(shape.keys) : listUnknown;
    return shape;
  }
  if (BOXED[kind] !== undefined) {
    shape.base = boxed(value, kind, shape.keys, constructor, tag);
    return bare() ? shape.base : shape;
  }
  shape.open = `${plainPrefix(value, constructor, tag)}{`;
  return bare() ? `${shape.open}}` : shape;
}

const SHAPES = {
  __proto__: null,
  [KIND.arrayBuffer]: "ArrayBuffer", [KIND.sharedArrayBuffer]: "SharedArrayBuffer", [KIND.dataView]: "DataView",
  [KIND.promise]: "Promise", [KIND.weakSet]: "WeakSet", [KIND.weakMap]: "WeakMap", [KIND.module]: "Module",
};
const BOXED = {
  __proto__: null,
  [KIND.number]: ["Number", NumberValueOf], [KIND.string]: ["String", StringValueOf],
  [KIND.boolean]: ["Boolean", BooleanValueOf], [KIND.bigint]: ["BigInt", BigIntValueOf],
  [KIND.symbol]: ["Symbol", SymbolValueOf],
};

const UNBROKEN = new Context();
UNBROKEN.breakLength = Infinity;

function boxed(value, kind, keys, constructor, tag) {
  const type = BOXED[kind][0];
  const primitive = BOXED[kind][1](value);
  if (kind === KIND.string) ArraySplice(keys, 0, primitive.length);
  let text = `[${type}`;
  if (type !== constructor) text += constructor === null ? " (null prototype)" : ` (${constructor})`;
  text += `: ${formatPrimitive(UNBROKEN, primitive)}]`;
  return tag !== "" && tag !== constructor ? `${text} [${tag}]` : text;
}

function nonIndexKeys(value, showHidden) {
  const keys = natives.ownKeys(value, !showHidden);
  const all = [];
  for (let i = 0; i < keys.length; i++) ArrayPush(all, keys[i]);
  const symbols = world.primordials.ObjectGetOwnPropertySymbols(value);
  for (let i = 0; i < symbols.length; i++) {
    if (showHidden || ObjectPropertyIsEnumerable(value, symbols[i])) ArrayPush(all, symbols[i]);
  }
  return all;
}

function formatObject(context, value, depth, inTypedArray) {
  let hidden = context.showHidden && (depth <= context.depth || context.depth === null) ? [] : undefined;
  const constructor = constructorName(value, context, depth, hidden);
  if (hidden !== undefined && hidden.length === 0) hidden = undefined;
  let tag = value[SymbolToStringTag];
  const isOwn = context.showHidden ? ObjectHasOwnProperty : ObjectPropertyIsEnumerable;
  if (typeof tag !== "string" || (tag !== "" && isOwn(value, SymbolToStringTag))) tag = "";
  const shape = shapeOf(context, value, depth, constructor, tag, hidden, inTypedArray);
  if (typeof shape === "string") return shape;
  if (depth > context.depth && context.depth !== null) {
    const name = StringSlice(plainPrefix(value, constructor, tag), 0, -1);
    return constructor === null ? name : `[${name}]`;
  }
  depth += 1;
  ArrayPush(context.seen, value);
  context.inner = depth;
  const { indentation } = context;
  let output;
  try {
    output = shape.list === undefined ? [] : shape.list(context, value, depth, shape);
    for (let i = 0; i < shape.keys.length; i++) {
      ArrayPush(output, formatProperty(context, value, depth, shape.keys[i], false));
    }
    if (hidden !== undefined) for (let i = 0; i < hidden.length; i++) ArrayPush(output, hidden[i]);
  } catch (error) {
    if (!(error instanceof RangeError) || !StringIncludes(`${error.message}`, "call stack")) throw error;
    ArrayPop(context.seen);
    context.indentation = indentation;
    const name = StringSlice(plainPrefix(value, constructor, tag), 0, -1);
    return `[${name}: Inspection interrupted prematurely. Maximum call stack size exceeded.]`;
  }
  let { base } = shape;
  const index = context.circular === undefined ? undefined : MapGet(context.circular, value);
  if (index !== undefined) base = base === "" ? `<ref *${index}>` : `<ref *${index}> ${base}`;
  ArrayPop(context.seen);
  const text = layOut(context, output, base, [shape.open, shape.close], shape.isArray, depth, value);
  context.budget ??= { __proto__: null };
  const spent = (context.budget[context.indentation] || 0) + text.length;
  context.budget[context.indentation] = spent;
  // A huge object must not become a huge text: from here on only names.
  if (spent > MOST_TEXT) context.depth = -1;
  return text;
}

const more = (rest) => `... ${rest} more item${rest > 1 ? "s" : ""}`;
const empty = (count) => `<${count} empty item${count > 1 ? "s" : ""}>`;

function listArray(context, value, depth) {
  const length = MathMin(MathMax(0, context.maxArrayLength), value.length);
  const output = [];
  for (let i = 0; i < length; i++) {
    if (!ObjectHasOwnProperty(value, i)) return listSparse(context, value, depth, length, output, i);
    ArrayPush(output, formatProperty(context, value, depth, i, true));
  }
  if (value.length > length) ArrayPush(output, more(value.length - length));
  return output;
}

function listSparse(context, value, depth, most, output, start) {
  const keys = ObjectKeys(value);
  let index = start;
  for (let i = start; i < keys.length && output.length < most; i++) {
    const key = keys[i];
    const number = +key;
    if (number > 2 ** 32 - 2) break;
    if (`${index}` !== key) {
      if (RegExpExec(/^(0|[1-9][0-9]*)$/, key) === null) break;
      ArrayPush(output, empty(number - index));
      index = number;
      if (output.length === most) break;
    }
    ArrayPush(output, formatProperty(context, value, depth, key, true));
    index++;
  }
  const rest = value.length - index;
  if (rest > 0) ArrayPush(output, output.length === most ? more(rest) : empty(rest));
  return output;
}

function listTypedArray(context, value, depth) {
  const length = TypedArrayLength(value);
  const most = MathMin(MathMax(0, context.maxArrayLength), length);
  const output = [];
  for (let i = 0; i < most; i++) ArrayPush(output, formatPrimitive(context, value[i]));
  if (length > most) ArrayPush(output, more(length - most));
  if (context.showHidden) {
    context.indentation += 2;
    const extra = ["BYTES_PER_ELEMENT", "length", "byteLength", "byteOffset", "buffer"];
    for (let i = 0; i < extra.length; i++) {
      ArrayPush(output, `[${extra[i]}]: ${formatValue(context, value[extra[i]], depth, true)}`);
    }
    context.indentation -= 2;
  }
  return output;
}

function listSet(context, value, depth) {
  return collect(context, SetSize(value), SetValues(value), SetIteratorNext, (entry) => formatValue(context, entry, depth));
}

function listMap(context, value, depth) {
  return collect(context, MapSize(value), MapEntries(value), MapIteratorNext,
    (entry) => `${formatValue(context, entry[0], depth)} => ${formatValue(context, entry[1], depth)}`);
}

function collect(context, size, iterator, next, format) {
  const most = MathMin(MathMax(0, context.maxArrayLength), size);
  const output = [];
  context.indentation += 2;
  for (let i = 0; i < most; i++) {
    const step = next(iterator);
    if (step.done) break;
    ArrayPush(output, format(step.value));
  }
  if (size > most) ArrayPush(output, more(size - most));
  context.indentation -= 2;
  return output;
}

function listIterator(context, value, depth, shape) {
  const found = natives.preview(value);
  const entries = found[0];
  const step = found[1] ? 2 : 1;
  if (found[1]) shape.open = StringReplaceAll(shape.open, " Iterator] {", " Entries] {");
  const count = entries.length / step;
  const most = MathMin(MathMax(0, context.maxArrayLength), count);
  const output = [];
  context.indentation += 2;
  for (let i = 0; i < most; i++) {
    if (step === 1) {
      ArrayPush(output, formatValue(context, entries[i], depth));
    } else {
      const pair = [formatValue(context, entries[2 * i], depth), formatValue(context, entries[2 * i + 1], depth)];
      ArrayPush(output, layOut(context, pair, "", ["[", "]"], true, depth));
    }
  }
  context.indentation -= 2;
  if (count > most) ArrayPush(output, more(count - most));
  return output;
}

function listBytes(context, value) {
  let bytes;
  try {
    bytes = new Uint8Array(value);
  } catch {
    return ["(detached)"];
  }
  const most = MathMin(context.maxArrayLength, TypedArrayLength(bytes));
  let text = "";
  for (let i = 0; i < most; i++) text += `${i === 0 ? "" : " "}${bytes[i] < 16 ? "0" : ""}${NumberToString(bytes[i], 16)}`;
  const rest = TypedArrayLength(bytes) - most;
  if (rest > 0) text += ` ... ${rest} more byte${rest > 1 ? "s" : ""}`;
  return [`[Uint8Contents]: <${text}>`];
}

function listPromise(context, value, depth) {
  const state = natives.promiseState(value);
  if (state === undefined) return ["<pending>"];
  context.indentation += 2;
  const text = formatValue(context, state[1], depth);
  context.indentation -= 2;
  return [state[0] ? text : `<rejected> ${text}`];
}

const listUnknown = () => ["<items unknown>"];

const listModule = (keys) => (context, value, depth) => {
  const output = [];
  for (let i = 0; i < keys.length; i++) {
    try {
      ArrayPush(output, formatProperty(context, value, depth, keys[i], false));
    } catch {
      // A binding that its module has not initialized yet.
      const text = formatProperty(context, { [keys[i]]: "" }, depth, keys[i], false);
      ArrayPush(output, `${StringSlice(text, 0, StringLastIndexOf(text, " ") + 1)}<uninitialized>`);
    }
  }
  keys.length = 0;
  return output;
};

function formatProperty(context, value, depth, key, isElement, descriptor) {
  descriptor = descriptor || getOwnPropertyDescriptor(value, key) || { value: value[key], enumerable: true };
  let text;
  if (descriptor.value !== undefined) {
    context.indentation += 2;
    text = formatValue(context, descriptor.value, depth);
    context.indentation -= 2;
  } else if (descriptor.get !== undefined) {
    text = descriptor.set !== undefined ? "[Getter/Setter]" : "[Getter]";
  } else {
    text = descriptor.set !== undefined ? "[Setter]" : "undefined";
  }
  if (isElement) return text;
  let name;
  if (typeof key === "symbol") name = `[${escaped(SymbolToString(key), 39)}]`;
  else if (key === "__proto__") name = "['__proto__']";
  else if (descriptor.enumerable === false) name = `[${escaped(key, 39)}]`;
  else if (RegExpExec(/^[a-zA-Z_][a-zA-Z_0-9]*$/, key) !== null) name = key;
  else name = quoted(key);
  return `${name}: ${text}`;
}

// Short entries of a long array stand in columns.
function inColumns(context, output, value) {
  let total = 0;
  let widest = 0;
  let length = output.length;
  if (context.maxArrayLength < length) length--;
  const widths = [];
  for (let i = 0; i < length; i++) {
    const width = textWidth(output[i]);
    ArrayPush(widths, width);
    total += width + 2;
    if (widest < width) widest = width;
  }
  const cell = widest + 2;
  if (!(cell * 3 + context.indentation < context.breakLength && (total / cell > 5 || widest <= 6))) return output;
  const bias = MathMax(cell - 3 - MathSqrt(cell - total / output.length), 1);
  const columns = MathMin(
    MathRound(MathSqrt(2.5 * bias * length) / bias),
    MathFloor((context.breakLength - context.indentation) / cell),
    context.compact * 4,
    15,
  );
  if (columns <= 1) return output;
  const columnWidths = [];
  for (let i = 0; i < columns; i++) {
    let width = 0;
    for (let j = i; j < length; j += columns) if (widths[j] > width) width = widths[j];
    ArrayPush(columnWidths, width + 2);
  }
  let pad = StringPadStart;
  if (value !== undefined) {
    for (let i = 0; i < output.length; i++) {
      if (typeof value[i] !== "number" && typeof value[i] !== "bigint") {
        pad = StringPadEnd;
        break;
      }
    }
  }
  const lines = [];
  for (let i = 0; i < length; i += columns) {
    const end = MathMin(i + columns, length);
    let line = "";
    let j = i;
    for (; j < end - 1; j++) line += pad(`${output[j]}, `, columnWidths[j - i] + output[j].length - widths[j], " ");
    if (pad === StringPadStart) line += pad(output[j], columnWidths[j - i] + output[j].length - widths[j] - 2, " ");
    else line += output[j];
    ArrayPush(lines, line);
  }
  if (context.maxArrayLength < output.length) ArrayPush(lines, output[length]);
  return lines;
}

// One line if it fits and the entries are simple, else one for each entry.
function layOut(context, output, base, braces, isArray, depth, value) {
  const entries = output.length;
  if (isArray && entries > 6) output = inColumns(context, output, value);
  const start = base === "" ? "" : `${base} `;
  if (context.inner - depth < context.compact && entries === output.length) {
    const room = output.length + context.indentation + braces[0].length + base.length + 10;
    if (fitsInLine(context, output, room, base)) {
      const joined = ArrayJoin(output, ", ");
      if (!StringIncludes(joined, "\n")) return `${start}${braces[0]} ${joined} ${braces[1]}`;
    }
  }
  const indent = `\n${StringRepeat(" ", context.indentation)}`;
  return `${start}${braces[0]}${indent}  ${ArrayJoin(output, `,${indent}  `)}${indent}${braces[1]}`;
}

function fitsInLine(context, output, start, base) {
  let total = output.length + start;
  if (total + output.length > context.breakLength) return false;
  for (let i = 0; i < output.length; i++) {
    total += output[i].length;
    if (total > context.breakLength) return false;
  }
  return base === "" || !StringIncludes(base, "\n");
}

world.inspect = inspect;
world.inspectUncaught = (value) => inspectWith(value, undefined, true);
world.formatProperty = formatProperty;
world.formatNumber = formatNumber;
