// Timers, immediates and ticks. In the jail.
//
// Invariant: after each callback all microtasks run. Timers run in the order of their time, equal ones in the order
// in which they were set (HTML, "timers"; Node.js for the objects and for setImmediate and nextTick).
"use strict";

const { ArrayPop, ArrayPush, ArrayShift, ReflectApply, SymbolToPrimitive, TypeError } = world.primordials;
const { inspect } = world;

const LONGEST = 2 ** 31 - 1;

// A binary heap; `heap[0]` is the next timer.
const heap = [];
const byId = { __proto__: null };
const ticks = [];
let immediates = [];
let ids = 0;
let referenced = 0;

class Timeout {
  #due = 0;
  #order = 0;
  #at = -1;
  #delay;
  #repeats;
  #callback;
  #args;
  #referenced = true;
  #id = 0;

  constructor(callback, delay, args, repeats) {
    this.#callback = callback;
    this.#delay = delay >= 1 && delay <= LONGEST ? delay : 1;
    this.#args = args;
    this.#repeats = repeats;
    this.#start();
  }

  static before(a, b) {
    return a.#due < b.#due || (a.#due === b.#due && a.#order < b.#order);
  }

  static place(timer, at) {
    heap[at] = timer;
    timer.#at = at;
  }

  static up(at) {
    const timer = heap[at];
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!Timeout.before(timer, heap[parent])) break;
      Timeout.place(heap[parent], at);
      at = parent;
    }
    Timeout.place(timer, at);
  }

  static down(at) {
    const timer = heap[at];
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && Timeout.before(heap[child + 1], heap[child])) child++;
      if (!Timeout.before(heap[child], timer)) break;
      Timeout.place(heap[child], at);
      at = child;
    }
    Timeout.place(timer, at);
  }

  #start() {
    this.#due = natives.now() + this.#delay;
    this.#order = ++ids;
    ArrayPush(heap, this);
    Timeout.up(heap.length - 1);
    if (this.#referenced) referenced++;
  }

  static stop(timer) {
    const at = timer.#at;
    if (at === -1) return;
    timer.#at = -1;
    const last = ArrayPop(heap);
    if (last !== timer) {
      Timeout.place(last, at);
      Timeout.up(at);
      Timeout.down(last.#at);
    }
    if (timer.#referenced) referenced--;
    if (timer.#id !== 0) delete byId[timer.#id];
  }

  // Runs the next timer if it is due at `now`.
  static runNext(now) {
    const timer = heap[0];
    if (timer === undefined || timer.#due > now) return false;
    const again = timer.#repeats;
    Timeout.stop(timer);
    const order = timer.#order;
    ReflectApply(timer.#callback, timer, timer.#args);
    drain();
    if (again && timer.#at === -1 && timer.#order === order && timer.#repeats) timer.#start();
    return true;
  }

  // Milliseconds until the next timer, -1 if there is none.
  static wait(now) {
    if (heap.length === 0) return -1;
    const left = heap[0].#due - now;
    return left > 0 ? left : 0;
  }

  static cancel(value) {
    let timer = value;
    if (typeof value === "number" || typeof value === "string") timer = byId[value];
    if (typeof timer !== "object" || timer === null || !(#due in timer)) return;
    timer.#repeats = false;
    Timeout.stop(timer);
  }

  ref() {
    if (!this.#referenced && this.#at !== -1) referenced++;
    this.#referenced = true;
    return this;
  }

  unref() {
    if (this.#referenced && this.#at !== -1) referenced--;
    this.#referenced = false;
    return this;
  }

  hasRef() {
    return this.#referenced;
  }

  refresh() {
    Timeout.stop(this);
    this.#start();
    return this;
  }

  close() {
    Timeout.cancel(this);
    return this;
  }

  [SymbolToPrimitive]() {
    this.#id ||= this.#order;
    if (this.#at !== -1) byId[this.#id] = this;
    return this.#id;
  }
}
const { runNext, wait, cancel } = Timeout;

class Immediate {
  #callback;
  #args;
  #referenced = true;

  constructor(callback, args) {
    this.#callback = callback;
    this.#args = args;
    referenced++;
  }

  static run(immediate) {
    const callback = immediate.#callback;
    if (callback === undefined) return;
    immediate.#callback = undefined;
    if (immediate.#referenced) referenced--;
    ReflectApply(callback, immediate, immediate.#args);
    drain();
  }

  static cancel(immediate) {
    if (typeof immediate !== "object" || immediate === null || !(#callback in immediate)) return;
    if (immediate.#callback !== undefined && immediate.#referenced) referenced--;
    immediate.#callback = undefined;
  }

  ref() {
    if (!this.#referenced && this.#callback !== undefined) referenced++;
    this.#referenced = true;
    return this;
  }

  unref() {
    if (this.#referenced && this.#callback !== undefined) referenced--;
    this.#referenced = false;
    return this;
  }

  hasRef() {
    return this.#referenced;
  }
}
const { run: runImmediate, cancel: cancelImmediate } = Immediate;

function received(value) {
  if (value == null) return ` Received ${value}`;
  if (typeof value === "function") return ` Received function ${value.name}`;
  if (typeof value === "object") {
    return value.constructor && value.constructor.name ? ` Received an instance of ${value.constructor.name}` : ` Received ${inspect(value, { depth: -1 })}`;
  }
  return ` Received type ${typeof value} (${inspect(value)})`;
}

world.invalidArgument = (name, type, value) => {
  const error = new TypeError(`The "${name}" argument must be of type ${type}.${received(value)}`);
  error.code = "ERR_INVALID_ARG_TYPE";
  return error;
};

function checkCallback(callback) {
  if (typeof callback !== "function") throw world.invalidArgument("callback", "function", callback);
}

// Ticks first, then microtasks, until neither is left.
function drain() {
  do {
    while (ticks.length > 0) {
      const tick = ArrayShift(ticks);
      ReflectApply(tick.callback, undefined, tick.args);
    }
    natives.settle();
  } while (ticks.length > 0);
}

world.timers = {
  __proto__: null,
  setTimeout(callback, delay, ...args) {
    checkCallback(callback);
    return new Timeout(callback, +delay, args, false);
  },
  setInterval(callback, delay, ...args) {
    checkCallback(callback);
    return new Timeout(callback, +delay, args, true);
  },
  setImmediate(callback, ...args) {
    checkCallback(callback);
    const immediate = new Immediate(callback, args);
    ArrayPush(immediates, immediate);
    return immediate;
  },
  clearTimeout(timer) {
    cancel(timer);
  },
  clearInterval(timer) {
    cancel(timer);
  },
  clearImmediate(immediate) {
    cancelImmediate(immediate);
  },
  queueMicrotask(callback) {
    checkCallback(callback);
    natives.queueMicrotask(callback);
  },
};

world.nextTick = (callback, ...args) => {
  checkCallback(callback);
  ArrayPush(ticks, { __proto__: null, callback, args });
};

// One turn of the loop. Returns the milliseconds until the next timer; -1 if there is none; -2 and below if only
// timers are left that do not keep the script alive: then -2 less the milliseconds.
world.runTimers = () => {
  drain();
  const now = natives.now();
  while (runNext(now));
  const due = immediates;
  immediates = [];
  for (let i = 0; i < due.length; i++) runImmediate(due[i]);
  if (immediates.length > 0 && referenced > 0) return 0;
  const left = wait(natives.now());
  return left === -1 || referenced > 0 ? left : -2 - left;
};
