// Never ends, and cannot be stopped from inside: a limit ends it. Exit code 124, reason wall-time.
//
//   ./hack/run --wall-time 2s examples/forever.js

console.log("counting to infinity …");
for (let n = 0; ; n++);
