// Timers and promises on the event loop: three ticks, then the end. A script is done when nothing is left to wait for.

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const started = performance.now();
for (const tick of [1, 2, 3]) {
  await sleep(100); // top-level await: a script is a module
  console.log(`tick ${tick} after about ${Math.round((performance.now() - started) / 100) * 100} ms`);
}
