// Values whose text must be the same under Node.js 20 and under the runner: one line "N: text" for each entry.
// No stack frames: they differ by file names. An entry is a function that gives console.log's arguments.
const noStack = (error) => {
  error.stack = `${error.name}: ${error.message}`;
  return error;
};
const framed = (error) => {
  error.stack = `${error.stack.split("\n    at")[0]}\n    at one (file:///x.js:1:1)\n    at two (file:///x.js:2:2)`;
  return error;
};
class Point { constructor(x, y) { this.x = x; this.y = y; } }
class Named { get [Symbol.toStringTag]() { return "Tag"; } }
class Extended extends Map {}
class List extends Array {}
class Problem extends Error { constructor(m) { super(m); this.name = "Problem"; this.code = 7; } }
const circular = { name: "a" }; circular.self = circular; circular.list = [circular, { circular }];
const twins = {}; twins.a = { twins }; twins.b = { a: twins.a };
const deep = { a: { b: { c: { d: { e: 1 } } } } };
const long = "x".repeat(120);
const wide = Object.fromEntries([..."abcdefghijklmnopqrstuvwxyz"].map((c, i) => [c, i * 1000]));
const sparse = [1, , 3]; sparse[10] = 4;
const withKeys = [1, 2]; withKeys.extra = "e"; withKeys[-1] = "m";
const sym = Symbol("key");
const settled = Promise.resolve({ ok: true });
const failed = Promise.reject(noStack(new Error("no"))); failed.catch(() => {});
function plain() {} plain.prop = 1;
const anonymous = (() => () => {})();
const set = new Set([1, "two", { three: 3 }]);
const map = new Map([["k", { v: [1, 2, { deep: { er: 1 } }] }], [{ o: 1 }, null]]);
const nullProto = Object.create(null); nullProto.a = 1;
const frozen = Object.freeze({ f: 1 });
const dateBad = new Date(NaN);
const dateProps = Object.assign(new Date(0), { p: 1 });
const reProps = Object.assign(/a+/gi, { p: 1 });
const custom = { [Symbol.for("nodejs.util.inspect.custom")](depth, options) { return `<custom ${depth} ${options.breakLength}>`; } };
const customObject = { [Symbol.for("nodejs.util.inspect.custom")]() { return { inner: [1, 2] }; } };
const numbers = Array.from({ length: 120 }, (_, i) => i * 37 % 101);
const words = ["apple", "banana", "cherry", "date", "elderberry", "fig", "grape", "honeydew", "kiwi", "lemon", "mango"];
const mixed = [1, "a", null, undefined, true, { x: 1 }, [2], 5n, -0, Symbol("s")];

export const corpus = [
  () => [], () => ["plain"], () => [""], () => ["a", "b", 1], () => [0, -0, 1.5, -1e21, 1e-7, NaN, Infinity],
  () => [true, false, null, undefined], () => [10n, -5n, 0n], () => [Symbol("a"), Symbol(), Symbol.iterator, Symbol.for("x y")],
  () => [["a'b", 'a"b', `a'b"c`, "a'b\"c`d", "tab\t", "nl\n", "\x00\x1b\x7f\x9f", "\ud800", "é日本😀", "back\\slash"]],
  () => [{}], () => [[]], () => [[[]]], () => [{ a: 1 }], () => [{ "a-b": 1, 2: 3, "ünï": 4, "": 5, "it's": 6 }], () => [{ __proto__: { inherited: 1 }, own: 2 }],
  () => [deep], () => [[[[[[1]]]]]], () => [{ a: [[[[1]]]] }], () => [new Map([[1, new Map([[2, new Map([[3, new Map()]])]])]])],
  () => [circular], () => [twins], () => [(() => { const a = []; a.push(a, [a]); return a; })()], () => [(() => { const m = new Map(); m.set("me", m); return m; })()],
  () => [wide], () => [numbers], () => [words], () => [mixed], () => [Array(3)], () => [sparse], () => [[undefined, , null]], () => [withKeys], () => [Array(200).fill(0)], () => [Array(101).fill("x")], () => [[1.5, 2.25, -3, 100, 20000, 7, 8, 9]],
  () => [Array.from({ length: 30 }, (_, i) => "w".repeat(i % 12))], () => [Array.from({ length: 27 }, (_, i) => BigInt(i) ** 5n)], () => [["日本", "語", "テキスト", "a", "bb", "ccc", "dddd", "한국어"]],
  () => [{ long }], () => [[long, long]], () => [long], () => [{ text: "line1\nline2\nline3" }], () => [{ text: `${"l".repeat(80)}\n${"m".repeat(80)}\nend` }], () => [["a\nb"]],
  () => [new Point(1, 2)], () => [new Point(new Point(1, 2), [new Point(3, 4)])], () => [new Named()], () => [new Extended([[1, 2]])], () => [new List(1, 2, 3)], () => [new (class {})()], () => [new (class extends Point {})(1, 2)], () => [new (class A extends null { constructor() { return Object.create(A.prototype); } })()],
  () => [nullProto], () => [Object.create(null)], () => [Object.create({})], () => [Object.create(Object.create(null))], () => [Object.setPrototypeOf([1], null)], () => [Object.setPrototypeOf(new Map([[1, 2]]), null)], () => [Object.setPrototypeOf(new Date(0), null)], () => [Object.setPrototypeOf(() => {}, null)], () => [Object.create(Point.prototype)], () => [Point.prototype],
  () => [frozen], () => [set], () => [map], () => [new Set()], () => [new Map()], () => [new Set([[1, 2], [3, 4]])], () => [new Set(numbers)], () => [Object.assign(new Set([1]), { p: 1 })], () => [new Map(words.map((w, i) => [w, i]))],
  () => [set.values()], () => [set.entries()], () => [map.keys()], () => [map.values()], () => [map.entries()], () => [[1][Symbol.iterator]()], () => ["s"[Symbol.iterator]()], () => [(function* g() { yield 1; })()], () => [new WeakMap(), new WeakSet()], () => [new WeakRef({ a: 1 })],
  () => [new Date(0)], () => [dateBad], () => [dateProps], () => [{ d: new Date(86400000) }], () => [/x/], () => [/a\/b/giu], () => [reProps], () => [[/x/, new Date(0)]],
  () => [plain], () => [anonymous], () => [function named() {}], () => [async () => {}], () => [async function a() {}], () => [function* g() {}], () => [async function* ag() {}], () => [class {}], () => [class A {}], () => [class B extends Point {}], () => [class C { static s = 1; }], () => [class extends Array {}], () => [Math.max], () => [Object.assign(() => {}, { a: 1, b: { c: 2 } })], () => [{ method() {}, arrow: () => {}, get g() { return 1; } }], () => [{ f: function () {} }], () => [Object.defineProperty(() => {}, "name", { value: "" })],
  () => [{ get a() { return 1; }, set a(v) {}, get b() { return 2; }, set c(v) {} }], () => [{ [sym]: 1, [Symbol("it's")]: 2 }], () => [Object.defineProperty({ v: 1 }, "hidden", { value: 2 })], () => [Object.defineProperty({}, sym, { value: 2 })],
  () => [new Number(1), new Number(-0), new String("abc"), new Boolean(false), Object(1n), Object(Symbol("b"))], () => [Object.assign(new String("ab"), { p: 1 })], () => [[new String("x"), new Number(3)]], () => [new (class N extends Number {})(3)],
  () => [new Uint8Array(3)], () => [new Float64Array([1.5, -0, NaN])], () => [new BigInt64Array([1n, -1n])], () => [new Uint8Array(200)], () => [new Uint16Array()], () => [new Uint8Array([1, 2, 3]).buffer], () => [new ArrayBuffer(60)], () => [new SharedArrayBuffer(2)], () => [new DataView(new ArrayBuffer(3), 1)], () => [Object.assign(new Uint8Array(2), { p: 1 })], () => [{ b: new ArrayBuffer(2) }],
  () => [settled], () => [failed], () => [new Promise(() => {})], () => [Promise.resolve([1, { a: { b: { c: 1 } } }])], () => [Object.assign(Promise.resolve(1), { p: 1 })],
  () => [noStack(new Error("plain"))], () => [noStack(new TypeError("typed"))], () => [noStack(new Error(""))], () => [framed(new Error("framed"))], () => [framed(new Error("multi\nline"))], () => [framed(new Problem("mine"))], () => [framed(Object.assign(new Error("props"), { code: "E_X", details: { a: 1 } }))], () => [framed(new Error("outer", { cause: framed(new Error("inner")) }))], () => [framed(new Error("outer", { cause: "text" }))], () => [framed(new AggregateError([framed(new Error("a")), framed(new Error("b"))], "many"))], () => [{ error: framed(new RangeError("nested")) }], () => [[noStack(new Error("in array"))]], () => [Object.assign(new Error("no stack"), { stack: undefined })], () => [Object.assign(new Error("odd"), { stack: "odd stack" })], () => [framed(Object.assign(new Error("renamed"), { name: "Other" }))], () => [Object.create(Error.prototype)], () => [new (class ValidationError extends Error { constructor(m) { super(m); framed(this); } })("sub")],
  () => [new Proxy({ a: 1 }, {})], () => [new Proxy([1, 2], { get() { throw new Error("trap"); } })], () => [new Proxy(function f() {}, {})], () => [(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; })()], () => [{ p: new Proxy(new Map([[1, 2]]), {}) }],
  () => [custom], () => [{ custom }], () => [customObject], () => [[custom, customObject]],
  () => [globalThis === globalThis, typeof console], () => [Math], () => [JSON], () => [Reflect], () => [Atomics], () => [(function () { return arguments; })(1, "a")], () => [(function () { return arguments; })()], () => [Intl], () => [Symbol.prototype, Object.prototype, Array.prototype, Map.prototype, Function.prototype],
  () => ["%s %s", "a", "b", "c"], () => ["%s", { a: { b: { c: 1 } } }], () => ["%s", [1, [2, [3]]]], () => ["%s", null, undefined], () => ["%s %s %s", 1n, -0, Symbol("s")], () => ["%s", () => {}], () => ["%s", class X {}], () => ["%s", { toString() { return "mine"; } }], () => ["%s", new Point(1, 2)], () => ["%s", noStack(new Error("e"))], () => ["%s", new Date(0)], () => ["%s", Object.create(null)], () => ["%s", new (class T { toString() { return "t!"; } })()],
  () => ["%d %d %d", "42", 5n, "x"], () => ["%d", {}], () => ["%d", Symbol("a")], () => ["%i %i", 42.9, "12px"], () => ["%f %f", "1.5x", "y"], () => ["%j", { a: [1, { b: 2 }] }], () => ["%j", circular], () => ["%j %j", undefined, () => {}], () => ["%o", { a: { b: { c: { d: {} } } } }], () => ["%o", [1, 2, 3]], () => ["%o", function f() {}], () => ["%O", deep], () => ["%c styled", "color: red"], () => ["100%", 1], () => ["%%", 1], () => ["%% %s", "x"], () => ["%x %s", "x"], () => ["%", "x"], () => ["%s"], () => ["a%sb%dc", "X", 1, { rest: 1 }], () => ["%s", "a\nb", ["a\nb"]], () => [1, "%s", "x"], () => ["%o", new Proxy({ t: 1 }, { h: 1 })], () => ["%o", new Set([1])], () => ["%o", new Uint8Array(2)], () => ["%o", new Point(1, { z: 2 })],
  () => [{ a: "x".repeat(30), b: "y".repeat(30), c: 1 }], () => [{ a: "x".repeat(30), b: "y".repeat(26), c: 1 }], () => [{ a: "x".repeat(31), b: "y".repeat(26), c: 1 }], () => [{ aa: { bb: { cc: 1, dd: [1, 2, 3] }, ee: "x".repeat(60) } }], () => [[{ a: 1, b: 2 }, { a: 3, b: 4 }]], () => [[["a", 1], ["b", 2], ["c", 3], ["d", 4], ["e", 5], ["f", 6], ["g", 7], ["h", 8]]], () => [{ users: [{ name: "Ann", tags: ["x", "y"], address: { city: "Z", geo: { lat: 1, lng: 2 } } }] }], () => [{ a: { b: 1 }, c: { d: { e: 1 } }, f: new Map([[{ g: 1 }, new Set([1])]]) }], () => [[[1, 2, [3, 4, [5, [6]]]], { a: { b: { c: {} } } }]], () => [{ u: undefined, n: null, f: false, z: 0, e: "" }], () => [Object.assign([1, 2, 3], { a: 1 })], () => [{ x: [] , y: {}, z: new Map(), w: "" }], () => [[{}, [], new Set()]], () => [Array.from({ length: 7 }, (_, i) => ({ i }))], () => [Array.from({ length: 101 }, (_, i) => ({ i }))],
];

for (let i = 0; i < corpus.length; i++) {
  console.log(`#${i}`);
  try {
    console.log(...corpus[i]());
  } catch (error) {
    console.log("threw", error.name, error.message);
  }
}
