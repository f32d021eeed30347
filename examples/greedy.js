// Takes memory until a limit ends it. Exit code 137, reason heap.
//
//   ./hack/run --memory 64MiB --heap 32MiB examples/greedy.js

const hoard = [];
for (let n = 0; ; n++) hoard.push(`parcel ${n}`.repeat(100).split(" "));
