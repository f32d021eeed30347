// `process`: arguments, environment, stdio, exit. In the jail.
//
// Invariant: nothing here reaches further than the three descriptors and what the settings granted.
"use strict";

const {
  ArrayPush, ArrayShift, ArraySlice, ArraySplice, Error, MathTrunc, Promise, ReflectApply,
  RegExpExec, SymbolAsyncIterator, Uint8Array, defineProperty, setPrototypeOf,
} = world.primordials;
const { TextDecoder, invalidArgument, nextTick } = world;

let cwd = "/";
let exitCode;

function checkedCode(code) {
  if (code === undefined || code === null) return code;
  if (typeof code === "string" && RegExpExec(/^-?\d+$/, code) !== null) code = +code;
  if (typeof code !== "number" || MathTrunc(code) !== code) throw invalidArgument("code", "integer", code);
  return code;
}

const output = (fd) => ({
  fd,
  writable: true,
  isTTY: false,
  write(data, encoding, callback) {
    if (typeof data !== "string" && natives.kind(data) !== world.KIND.typedArray) {
      throw invalidArgument("chunk", "string or an instance of Uint8Array", data);
    }
    natives.write(fd, data);
    const done = typeof encoding === "function" ? encoding : callback;
    if (typeof done === "function") nextTick(done);
    return true;
  },
  end(data, encoding, callback) {
    if (data !== undefined && typeof data !== "function") this.write(data);
    const done = typeof data === "function" ? data : typeof encoding === "function" ? encoding : callback;
    if (typeof done === "function") nextTick(done);
  },
  on() {
    return this;
  },
  once() {
    return this;
  },
});

// A chunk of stdin: bytes that become text where text is wanted.
class Chunk extends Uint8Array {
  toString() {
    return natives.decodeUtf8(this, false);
  }
}

const listeners = { __proto__: null, data: [], end: [], error: [], close: [], readable: [] };
const waiting = [];
const chunks = [];
let decoder;
let ended = false;
let failure;
const MOST_CHUNKS = 4;

function emit(name, value) {
  const called = ArraySlice(listeners[name]);
  for (let i = 0; i < called.length; i++) ReflectApply(called[i], stdin, value === undefined ? [] : [value]);
  return called.length > 0;
}

// Once somebody asked for data it flows until the end or a pause; it waits while nobody takes what came.
let flowing = false;
const flow = () => natives.readStdin(flowing && !ended && chunks.length < MOST_CHUNKS);

function add(name, callback, once) {
  if (typeof callback !== "function") throw invalidArgument("listener", "function", callback);
  const list = listeners[name];
  if (list === undefined) return stdin;
  const listener = once ? function wrapped(...args) {
    remove(name, wrapped);
    return ReflectApply(callback, this, args);
  } : callback;
  if (once) listener.listener = callback;
  ArrayPush(list, listener);
  if (name === "data") {
    flowing = true;
    while (chunks.length > 0) emit("data", ArrayShift(chunks));
    flow();
  }
  return stdin;
}

function remove(name, callback) {
  const list = listeners[name];
  if (list !== undefined) {
    for (let i = list.length - 1; i >= 0; i--) {
      if (list[i] === callback || list[i].listener === callback) {
        ArraySplice(list, i, 1);
        break;
      }
    }
  }
  return stdin;
}

const stdin = {
  fd: 0,
  isTTY: false,
  on: (name, callback) => add(name, callback, false),
  addListener: (name, callback) => add(name, callback, false),
  once: (name, callback) => add(name, callback, true),
  off: remove,
  removeListener: remove,
  setEncoding(encoding) {
    decoder = new TextDecoder(encoding === null || encoding === undefined ? "utf-8" : encoding);
    return stdin;
  },
  resume() {
    return add("data", ignore, false);
  },
  pause() {
    flowing = false;
    flow();
    return stdin;
  },
  [SymbolAsyncIterator]: () => ({
    next: () => new Promise((resolve, reject) => {
      if (chunks.length > 0) {
        resolve({ value: ArrayShift(chunks), done: false });
        flow();
      } else if (failure !== undefined) {
        reject(failure);
      } else if (ended) {
        resolve({ value: undefined, done: true });
      } else {
        ArrayPush(waiting, { __proto__: null, resolve, reject });
        flowing = true;
        flow();
      }
    }),
    return: (value) => new Promise((resolve) => {
      stdin.pause();
      resolve({ value, done: true });
    }),
    [SymbolAsyncIterator]() {
      return this;
    },
  }),
};

function ignore() {}

// Rust brings a chunk, or null at the end, or what went wrong.
world.onStdin = (bytes, problem) => {
  let value;
  if (bytes !== null) {
    value = decoder === undefined ? setPrototypeOf(bytes, Chunk.prototype) && bytes : decoder.decode(bytes, { stream: true });
    if (value === "") return;
  } else {
    ended = true;
    if (problem !== undefined) failure = new Error(problem);
    const tail = decoder === undefined ? "" : decoder.decode();
    if (tail !== "") value = tail;
  }
  if (value !== undefined) {
    const next = ArrayShift(waiting);
    if (next !== undefined) next.resolve({ value, done: false });
    else if (listeners.data.length === 0) ArrayPush(chunks, value);
    emit("data", value);
  }
  if (ended) {
    while (waiting.length > 0) {
      const next = ArrayShift(waiting);
      if (failure === undefined) next.resolve({ value: undefined, done: true });
      else next.reject(failure);
    }
    if (failure === undefined) emit("end");
    else if (!emit("error", failure)) throw failure;
    emit("close");
  }
  flow();
};

const process = {
  argv: [],
  env: {},
  platform: "linux",
  stdin,
  stdout: output(1),
  stderr: output(2),
  cwd: () => cwd,
  nextTick,
  exit(code) {
    natives.exit(checkedCode(code) ?? exitCode ?? 0);
  },
};
defineProperty(process, "exitCode", {
  __proto__: null,
  get: () => exitCode,
  set(code) {
    exitCode = checkedCode(code);
  },
  enumerable: true,
  configurable: false,
});
defineProperty(process, world.primordials.SymbolToStringTag, { __proto__: null, value: "process", configurable: true });

world.exitCode = () => exitCode ?? 0;

// Rust tells what the settings granted.
world.start = (orders) => {
  cwd = orders.cwd;
  process.argv = ["vnh1-runner", orders.entry];
  for (let i = 0; i < orders.args.length; i++) ArrayPush(process.argv, orders.args[i]);
  process.env = orders.env;
  world.setOrigin();
};
world.process = process;
