// A script of several files: static imports are read before the script starts, because afterwards no file can be opened.
//
//   ./hack/run --root-dir examples/modules examples/modules/main.js

import { mean, median } from "./statistics.js";

const times = [12, 9, 14, 8, 11, 42, 10];
console.log(`median ${median(times)}, mean ${mean(times).toFixed(1)}`);
