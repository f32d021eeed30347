// printf for `console`: %s %d %i %f %j %o %O %c %%. In the jail.
"use strict";

const {
  BigIntToString, JSONStringify, Number, NumberParseFloat, NumberParseInt, ObjectHasOwnProperty, String,
  StringCharCodeAt, StringIncludes, StringSlice, SymbolToPrimitive, TypeError, getOwnPropertyDescriptor, getPrototypeOf,
} = world.primordials;
const { KIND, builtIns, formatNumber, inspect } = world;

// Whether String(value) would say nothing but "[object Something]".
function hasOnlyBuiltInText(value) {
  while (natives.kind(value) === KIND.proxy) {
    value = natives.proxyTarget(value);
    if (value === null) return true;
  }
  let hasOwnToString = ObjectHasOwnProperty;
  let hasOwnToPrimitive = ObjectHasOwnProperty;
  if (typeof value.toString !== "function") {
    if (typeof value[SymbolToPrimitive] !== "function") return true;
    if (ObjectHasOwnProperty(value, SymbolToPrimitive)) return false;
    hasOwnToString = () => false;
  } else if (ObjectHasOwnProperty(value, "toString")) {
    return false;
  } else if (typeof value[SymbolToPrimitive] !== "function") {
    hasOwnToPrimitive = () => false;
  } else if (ObjectHasOwnProperty(value, SymbolToPrimitive)) {
    return false;
  }
  let owner = value;
  do {
    owner = getPrototypeOf(owner);
  } while (owner !== null && !hasOwnToString(owner, "toString") && !hasOwnToPrimitive(owner, SymbolToPrimitive));
  const descriptor = owner === null ? undefined : getOwnPropertyDescriptor(owner, "constructor");
  return descriptor !== undefined && typeof descriptor.value === "function" && builtIns[descriptor.value.name] === true;
}

function asJson(value) {
  try {
    return JSONStringify(value);
  } catch (error) {
    if (error instanceof TypeError && StringIncludes(`${error.message}`, "circular structure")) return "[Circular]";
    throw error;
  }
}

function asString(value) {
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "bigint") return `${BigIntToString(value)}n`;
  if (typeof value !== "object" || value === null || !hasOnlyBuiltInText(value)) return String(value);
  return inspect(value, { __proto__: null, depth: 0 });
}

function asNumber(value, parse) {
  if (typeof value === "bigint" && parse !== NumberParseFloat) return `${BigIntToString(value)}n`;
  return typeof value === "symbol" ? "NaN" : formatNumber(parse(value));
}

// The text that a directive stands for, or undefined if it is none.
function directive(code, value) {
  switch (code) {
    case 115: return asString(value);
    case 106: return `${asJson(value)}`;
    case 100: return asNumber(value, Number);
    case 105: return asNumber(value, NumberParseInt);
    case 102: return asNumber(value, NumberParseFloat);
    case 79: return inspect(value);
    case 111: return inspect(value, { __proto__: null, showHidden: true, showProxy: true, depth: 4 });
    case 99: return "";
    default: return undefined;
  }
}

world.format = (args) => {
  const first = args[0];
  let used = 0;
  let text = "";
  let gap = "";
  if (typeof first === "string") {
    if (args.length === 1) return first;
    let last = 0;
    for (let i = 0; i < first.length - 1; i++) {
      if (StringCharCodeAt(first, i) !== 37) continue;
      const code = StringCharCodeAt(first, ++i);
      if (code === 37) {
        text += StringSlice(first, last, i);
        last = i + 1;
      } else if (used + 1 !== args.length) {
        const part = directive(code, args[used + 1]);
        if (part === undefined) continue;
        used++;
        if (last !== i - 1) text += StringSlice(first, last, i - 1);
        text += part;
        last = i + 1;
      }
    }
    if (last !== 0) {
      used++;
      gap = " ";
      if (last < first.length) text += StringSlice(first, last);
    }
  }
  for (; used < args.length; used++) {
    const value = args[used];
    text += gap + (typeof value === "string" ? value : inspect(value));
    gap = " ";
  }
  return text;
};
