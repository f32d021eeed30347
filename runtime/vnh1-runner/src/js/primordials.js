// What the script world uses of the language, taken before any script can change it. In the jail.
//
// Invariant: no part of the world calls a method through a prototype, spreads, or iterates: a script may have put
// anything there. A method of `X.prototype` is here as a function whose first argument is the receiver.
"use strict";

const { apply, ownKeys, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf, defineProperty } = Reflect;
const { bind, call } = Function.prototype;
const uncurryThis = bind.bind(call);
const getter = (object, key) => uncurryThis(getOwnPropertyDescriptor(object, key).get);

const taken = { __proto__: null };
const take = (name, prototype, methods) => {
  for (let i = 0; i < methods.length; i++) {
    const method = methods[i];
    const key = typeof method === "symbol" ? "SymbolReplace" : method[0].toUpperCase() + method.slice(1);
    taken[name + key] = uncurryThis(prototype[method]);
  }
};

take("Array", Array.prototype, ["push", "pop", "splice", "slice", "join", "indexOf", "sort", "unshift", "shift"]);
take("BigInt", BigInt.prototype, ["toString", "valueOf"]);
take("Boolean", Boolean.prototype, ["valueOf"]);
take("Date", Date.prototype, ["getTime", "toISOString", "toString"]);
take("Error", Error.prototype, ["toString"]);
take("Function", Function.prototype, ["toString", "call"]);
take("Map", Map.prototype, ["get", "set", "has", "delete", "entries"]);
take("Number", Number.prototype, ["toString", "valueOf", "toFixed"]);
take("Object", Object.prototype, ["hasOwnProperty", "propertyIsEnumerable"]);
take("Promise", Promise.prototype, ["then"]);
take("RegExp", RegExp.prototype, ["exec", "toString", Symbol.replace]);
take("Set", Set.prototype, ["add", "has", "values"]);
take("String", String.prototype, [
  "charCodeAt", "codePointAt", "endsWith", "includes", "indexOf", "lastIndexOf", "normalize", "padEnd", "padStart",
  "repeat", "replaceAll", "slice", "split", "startsWith", "trim", "toLowerCase", "valueOf",
]);
take("Symbol", Symbol.prototype, ["toString", "valueOf"]);

const TypedArray = getPrototypeOf(Uint8Array);
const mapIterator = getPrototypeOf(new Map()[Symbol.iterator]());
const setIterator = getPrototypeOf(new Set()[Symbol.iterator]());

world.primordials = {
  __proto__: null,
  ...taken,
  ReflectApply: apply,
  ReflectOwnKeys: ownKeys,
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  setPrototypeOf,
  uncurryThis,
  Array, ArrayBuffer, BigInt, Error, Function, Map, Number, Object, Promise, RangeError, RegExp, Set, String, Symbol,
  TypeError, Uint8Array,
  ArrayIsArray: Array.isArray,
  JSONStringify: JSON.stringify,
  MathCeil: Math.ceil,
  MathFloor: Math.floor,
  MathMax: Math.max,
  MathMin: Math.min,
  MathRound: Math.round,
  MathSqrt: Math.sqrt,
  MathTrunc: Math.trunc,
  NumberIsNaN: Number.isNaN,
  NumberParseFloat: Number.parseFloat,
  NumberParseInt: Number.parseInt,
  ObjectAssign: Object.assign,
  ObjectFreeze: Object.freeze,
  ObjectGetOwnPropertyNames: Object.getOwnPropertyNames,
  ObjectGetOwnPropertySymbols: Object.getOwnPropertySymbols,
  ObjectIs: Object.is,
  ObjectKeys: Object.keys,
  FunctionHasInstance: uncurryThis(Function.prototype[Symbol.hasInstance]),
  FunctionPrototype: Function.prototype,
  ObjectPrototype: Object.prototype,
  ArrayBufferByteLength: getter(ArrayBuffer.prototype, "byteLength"),
  MapSize: getter(Map.prototype, "size"),
  SetSize: getter(Set.prototype, "size"),
  TypedArrayLength: getter(TypedArray.prototype, "length"),
  TypedArrayTag: getter(TypedArray.prototype, Symbol.toStringTag),
  MapIteratorNext: uncurryThis(mapIterator.next),
  SetIteratorNext: uncurryThis(setIterator.next),
  SymbolAsyncIterator: Symbol.asyncIterator,
  SymbolIterator: Symbol.iterator,
  SymbolToPrimitive: Symbol.toPrimitive,
  SymbolToStringTag: Symbol.toStringTag,
  SymbolInspect: Symbol.for("nodejs.util.inspect.custom"),
};
