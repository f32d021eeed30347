// Prints one friendly line. Run it with: ./hack/run examples/hello.js [NAME]
//
// When this line runs, V8 is alone in a container of its own: it sees no file but this one, no network, no other
// process, no environment variable, and the kernel kills it if it asks for anything else. See how little is here:
// there is no require(), no fetch(), no file system. Whatever a script may use beyond its language is granted from
// outside, by name; nothing has been granted here.

const name = process.argv[2] ?? "world";
console.log(`Hello, ${name}! I am JavaScript in a container of my own.`);
