// Reads stdin as it comes and writes it in capitals.
//
//   echo "hello" | ./hack/run --stdin examples/upper.js

process.stdin.setEncoding("utf-8");
for await (const text of process.stdin) {
  process.stdout.write(text.toUpperCase());
}
