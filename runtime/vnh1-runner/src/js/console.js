// `console`: log, info and debug to stdout, warn and error to stderr. In the jail.
"use strict";

const { defineProperty, SymbolToStringTag } = world.primordials;
const { format } = world;

const console = {
  log(...args) {
    natives.write(1, `${format(args)}\n`);
  },
  info(...args) {
    natives.write(1, `${format(args)}\n`);
  },
  debug(...args) {
    natives.write(1, `${format(args)}\n`);
  },
  warn(...args) {
    natives.write(2, `${format(args)}\n`);
  },
  error(...args) {
    natives.write(2, `${format(args)}\n`);
  },
};
defineProperty(console, SymbolToStringTag, { __proto__: null, value: "console", configurable: true });

world.console = console;
