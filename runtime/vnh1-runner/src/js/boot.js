// The globals, and what Rust calls. In the jail; it runs last, while the snapshot is made.
"use strict";

const { ObjectAssign, ObjectKeys, PromiseThen, RegExpExec, SymbolToStringTag, defineProperty } = world.primordials;
const { inspect, isError } = world;

let timeOrigin = 0;
const dateNow = Date.now;
world.setOrigin = () => {
  timeOrigin = dateNow() - natives.now();
};

const performance = {
  now: () => natives.now(),
  get timeOrigin() {
    return timeOrigin;
  },
};
defineProperty(performance, SymbolToStringTag, { __proto__: null, value: "Performance", configurable: true });

const globals = ObjectAssign(
  { __proto__: null, TextDecoder: world.TextDecoder, TextEncoder: world.TextEncoder, console: world.console, performance, process: world.process },
  world.timers,
);
const names = ObjectKeys(globals);
for (let i = 0; i < names.length; i++) {
  defineProperty(globalThis, names[i], {
    __proto__: null, value: globals[names[i]], writable: true, enumerable: false, configurable: true,
  });
}

const NEVER_CAUGHT = "This error originated either by throwing inside of an async function without a catch block, or by " +
  "rejecting a promise which was not handled with .catch(). The promise rejected with the reason ";

// What stderr says of a value that nobody caught.
world.describeUncaught = (value, fromPromise) => {
  if (isError(value)) {
    const missing = RegExpExec(/^(require|module|exports|__filename|__dirname) is not defined$/, `${value.message}`);
    const text = world.inspectUncaught(value);
    if (missing === null) return text;
    const instead = missing[1] === "require" ? "you can use import instead" :
      missing[1] === "__filename" || missing[1] === "__dirname" ? "you can use import.meta.filename and import.meta.dirname instead" :
        "you can use export instead";
    return `${text}\n\n${missing[1]} belongs to CommonJS, and vnh1 runs ES modules: ${instead}`;
  }
  return fromPromise ? `UnhandledPromiseRejection: ${NEVER_CAUGHT}${inspect(value)}` : `Uncaught ${inspect(value)}`;
};

world.thenNamespace = (promise, namespace) => PromiseThen(promise, () => namespace);
