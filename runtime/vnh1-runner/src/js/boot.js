"use strict"; globalThis.console = { log(...a) { natives.write(1, a.join(" ") + "\n"); } };
