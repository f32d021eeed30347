// TextEncoder and TextDecoder for UTF-8. In the jail. (WHATWG Encoding)
"use strict";

const { RangeError, String, StringSlice, StringCharCodeAt, StringToLowerCase, StringTrim, TypeError, Uint8Array, TypedArrayLength } =
  world.primordials;
const { invalidArgument } = world;

class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return natives.encodeUtf8(`${text}`);
  }

  encodeInto(text, target) {
    text = `${text}`;
    const room = TypedArrayLength(target);
    let read = 0;
    let written = 0;
    while (read < text.length) {
      const code = StringCharCodeAt(text, read);
      const pair = code >= 0xd800 && code <= 0xdbff && read + 1 < text.length ? 2 : 1;
      const bytes = natives.encodeUtf8(StringSlice(text, read, read + pair));
      const size = TypedArrayLength(bytes);
      const units = pair === 2 && size === 6 ? 1 : pair;
      const used = units === pair ? size : 3;
      if (written + used > room) break;
      for (let i = 0; i < used; i++) target[written + i] = bytes[i];
      read += units;
      written += used;
    }
    return { read, written };
  }
}

const LABELS = { __proto__: null, "utf-8": true, utf8: true, "unicode-1-1-utf-8": true, "unicode11utf8": true, "unicode20utf8": true, "x-unicode20utf8": true };

class TextDecoder {
  #fatal;
  #ignoreBom;
  #rest = new Uint8Array(0);
  #started = false;

  constructor(label = "utf-8", options = undefined) {
    if (LABELS[StringToLowerCase(StringTrim(`${label}`))] !== true) {
      const error = new RangeError(`The "${String(label)}" encoding is not supported: vnh1 decodes utf-8`);
      error.code = "ERR_ENCODING_NOT_SUPPORTED";
      throw error;
    }
    this.#fatal = !!(options && options.fatal);
    this.#ignoreBom = !!(options && options.ignoreBOM);
  }

  get encoding() {
    return "utf-8";
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBom;
  }

  decode(input = new Uint8Array(0), options = undefined) {
    const stream = !!(options && options.stream);
    let bytes = bytesOf(input);
    const held = TypedArrayLength(this.#rest);
    if (held > 0) {
      const joined = new Uint8Array(held + TypedArrayLength(bytes));
      for (let i = 0; i < held; i++) joined[i] = this.#rest[i];
      for (let i = 0; i < TypedArrayLength(bytes); i++) joined[held + i] = bytes[i];
      bytes = joined;
      this.#rest = new Uint8Array(0);
    }
    let length = TypedArrayLength(bytes);
    if (stream) {
      const tail = incompleteTail(bytes, length);
      if (tail > 0) {
        this.#rest = new Uint8Array(tail);
        for (let i = 0; i < tail; i++) this.#rest[i] = bytes[length - tail + i];
        length -= tail;
      }
    }
    let text = natives.decodeUtf8(view(bytes, length), this.#fatal);
    if (text === undefined) {
      const error = new TypeError("The encoded data was not valid for encoding utf-8");
      error.code = "ERR_ENCODING_INVALID_ENCODED_DATA";
      throw error;
    }
    if (!this.#started && length > 0) {
      this.#started = true;
      if (!this.#ignoreBom && StringCharCodeAt(text, 0) === 0xfeff) text = StringSlice(text, 1);
    }
    if (!stream) this.#started = false;
    return text;
  }
}

function bytesOf(input) {
  const kind = natives.kind(input);
  const { KIND } = world;
  if (kind === KIND.arrayBuffer || kind === KIND.sharedArrayBuffer) return new Uint8Array(input);
  if (kind === KIND.typedArray || kind === KIND.dataView) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  throw invalidArgument("list", "an instance of ArrayBuffer or ArrayBufferView", input);
}

const view = (bytes, length) => new Uint8Array(bytes.buffer, bytes.byteOffset, length);

// How many bytes at the end begin a character that is not complete.
function incompleteTail(bytes, length) {
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back];
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return size > back ? back : 0;
    }
  }
  return 0;
}

world.TextEncoder = TextEncoder;
world.TextDecoder = TextDecoder;
