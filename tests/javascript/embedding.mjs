// A second implementation of docs/embedding.md, written from that page, to prove it.
//
// Reads one case a line, {"space", "model", "seed", "dimensions", "text"}, and answers each
// with a line: the vector as a list of whole numbers of 1e-8.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const MASK = (1n << 64n) - 1n;
const BASE = 0x9e6c63d0876a9a63n;
const RADII = [65, 114, 149, 180, 208, 235, 262, 288, 315, 344, 374, 408, 447, 494, 559, 703];
const COSINES = [
  1048497, 1047865, 1046603, 1044709, 1042187, 1039037, 1035261, 1030861, 1025840, 1020201,
  1013948, 1007084, 999614, 991541, 982871, 973609, 963761, 953332, 942328, 930758, 918626,
  905941, 892711, 878942, 864645, 849826, 834495, 818662, 802336, 785526, 768244, 750498,
  732301, 713662, 694593, 675106, 655213, 634924, 614254, 593213, 571815, 550072, 527998,
  505606, 482910, 459922, 436658, 413131, 389354, 365343, 341113, 316676, 292049, 267246,
  242282, 217172, 191931, 166575, 141118, 115576, 89965, 64299, 38595, 12868,
];

const sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

function* stream(seed) {
  for (let state = seed; ; ) {
    state = (state + 0x9e3779b97f4a7c15n) & MASK;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    yield z ^ (z >> 31n);
  }
}

function streamBytes(seed, length) {
  const bytes = Buffer.alloc(Math.ceil(length / 8) * 8);
  const outputs = stream(seed);
  for (let at = 0; at < length; at += 8) bytes.writeBigUInt64LE(outputs.next().value, at);
  return bytes;
}

/** Round to nearest, ties to even. */
function round(x) {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

function point(radius, angle) {
  const c = COSINES[angle % 64] * RADII[radius];
  const s = COSINES[63 - (angle % 64)] * RADII[radius];
  return [[c, s], [-s, c], [-c, -s], [s, -c]][Math.floor(angle / 64)];
}

/** The points drawn for a text: [radius, angle] for each pair of components. */
function draw(key, text, dimensions) {
  const pairs = dimensions / 2;
  const digest = sha256(key, text);
  const roll = Number(digest.readBigUInt64LE(8) % BigInt(pairs));
  const angles = streamBytes(digest.readBigUInt64LE(0), pairs);
  return Array.from({ length: pairs }, (_, j) => [
    Math.floor((16 * ((roll + j) % pairs)) / pairs),
    angles[j],
  ]);
}

function hashVector(key, text, dimensions) {
  const drawn = draw(key, text, dimensions);
  const squares = drawn.reduce((sum, [radius]) => sum + RADII[radius] ** 2, 0);
  const scale = 1e8 / (Math.sqrt(squares) * 2 ** 20);
  return drawn.flatMap(([radius, angle]) => point(radius, angle).map((x) => round(x * scale)));
}

const GAP = 0, LOWER = 1, UPPER = 2, DIGIT = 3, WIDE = 4;

function classOf(byte) {
  if (byte >= 0x30 && byte <= 0x39) return DIGIT;
  if (byte >= 0x41 && byte <= 0x5a) return UPPER;
  if (byte >= 0xe3 && byte <= 0xf4) return WIDE;
  return (byte >= 0x61 && byte <= 0x7a) || byte >= 0x80 ? LOWER : GAP;
}

function splitWords(text) {
  const classes = Array.from(text.subarray(0, 131072), classOf);
  const words = [];
  for (let at = 0; at < classes.length; at++) {
    const before = at ? classes[at - 1] : GAP;
    const here = classes[at];
    if (here === GAP) continue;
    const starts =
      here === WIDE ||
      before === GAP ||
      (here === DIGIT && before !== DIGIT) ||
      (here === UPPER && (before !== UPPER || classes[at + 1] === LOWER)) ||
      (here === LOWER && before === DIGIT);
    if (starts) words.push({ start: at, bytes: [] });
    words.at(-1).bytes.push(here === UPPER ? text[at] + 32 : text[at]);
  }
  return words;
}

function identity(bytes) {
  return bytes.reduceRight((sum, byte) => ((sum + BigInt(byte)) * BASE) & MASK, 0n);
}

const TABLE = readFileSync(
  new URL("../../mock_server/relace_mock/vectors/table.bin", import.meta.url),
);
const [COUNT, LEARNED, STEP, UNLISTED] = [8, 10, 12, 14].map((at) => TABLE.readUInt16LE(at));
const ROWS = new Map();
for (let row = 0; row < COUNT; row++) ROWS.set(TABLE.readBigUInt64LE(16 + 8 * row), row);

const weightOf = (row) =>
  row === undefined ? UNLISTED : TABLE.readUInt16LE(16 + 8 * COUNT + 2 * row);

/** Number k of the vector of a row of the table. */
function learnedNumber(row, k) {
  const byte = TABLE[16 + 10 * COUNT + (row * LEARNED + k - (k % 2)) / 2];
  return (k % 2 ? byte >> 4 : byte & 15) - 8;
}

/** The distinct words of a text, with their amounts. */
function weighWords(text) {
  const found = new Map();
  const firstLine = text.includes(10) ? text.indexOf(10) : text.length;
  for (const { start, bytes } of splitWords(text)) {
    const id = identity(bytes);
    const prefix = identity(bytes.slice(0, 4));
    const word = found.get(id >> 8n) ?? { id, prefix, count: 0, factor: 1 };
    word.count += 1;
    if (start < firstLine) word.factor = 2;
    found.set(id >> 8n, word);
  }
  const words = [...found.values()];
  const learned = new Array(LEARNED).fill(0);
  for (const word of words) {
    const count = Math.min(word.count, 63);
    const times = word.factor * Math.floor((180 * count) / (10 * count + 8));
    const row = ROWS.get(word.id);
    word.amount = weightOf(row) * times;
    if (row === undefined) continue;
    for (let k = 0; k < LEARNED; k++) learned[k] += 2 * STEP * times * learnedNumber(row, k);
  }
  const total =
    32 * words.reduce((sum, word) => sum + word.amount, 0) +
    4 * learned.reduce((sum, x) => sum + Math.abs(x), 0);
  const factor = 2 ** Math.max(0, (total ? total.toString(2).length : 0) - 23);
  for (const word of words) word.amount = Math.floor(word.amount / factor);
  return { words, learned: learned.map((x) => Math.floor(x / factor)) };
}

function hadamard(values) {
  for (let half = 1; half < values.length; half *= 2) {
    for (let start = 0; start < values.length; start += 2 * half) {
      for (let at = start; at < start + half; at++) {
        const [a, b] = [values[at], values[at + half]];
        values[at] = a + b;
        values[at + half] = a - b;
      }
    }
  }
}

function semanticVector(key, text, dimensions) {
  const placeBits = dimensions <= 4096 ? 12 : 13;
  const places = new Float64Array(2 ** placeBits);
  const keys = sha256(key, "words");
  const { words, learned } = weighWords(text);
  for (const { id, prefix, amount } of words) {
    for (const seed of [id ^ keys.readBigUInt64LE(0), prefix ^ keys.readBigUInt64LE(8)]) {
      const draws = streamBytes(seed, 32);
      for (let at = 0; at < 32; at += 2) {
        const number = draws.readUInt16LE(at);
        const place = (number & 0x7fff) >> (15 - placeBits);
        places[place] += number & 0x8000 ? -amount : amount;
      }
    }
  }
  const vectorKey = sha256(key, "vectors");
  const [start, step] = [vectorKey.readBigUInt64LE(0), vectorKey.readBigUInt64LE(8)];
  const signs = streamBytes(step, LEARNED / 2);
  for (let at = 0; at < 4 * LEARNED; at++) {
    const place = Number((((step | 1n) * BigInt(at) + start) & MASK) % BigInt(2 ** placeBits));
    const x = learned[Math.floor(at / 4)];
    places[place] += (signs[at >> 3] >> (at & 7)) & 1 ? -x : x;
  }
  hadamard(places);
  const squaredAmounts =
    32 * words.reduce((sum, { amount }) => sum + amount * amount, 0) +
    4 * learned.reduce((sum, x) => sum + x * x, 0);
  const bits = squaredAmounts ? squaredAmounts.toString(2).length : 0;
  const factor = 2 ** Math.max(0, Math.floor((bits - 1) / 2) - 13);
  const whole = draw(key, text, dimensions).flatMap(([radius, angle]) =>
    point(radius, angle).map((x) => Math.floor((x + 2 ** 19) / 2 ** 20)),
  );
  const sums = whole.map((x, j) => places[j] + factor * x);
  const squares = Number(sums.reduce((sum, x) => sum + BigInt(x) * BigInt(x), 0n));
  const scale = 1e8 / Math.sqrt(squares);
  return sums.map((x) => round(x * scale));
}

for await (const line of createInterface({ input: process.stdin })) {
  const { space, model, seed, dimensions, text } = JSON.parse(line);
  const key = sha256(`relace-mock 2\n${space}\n${seed}\n${dimensions}\n${model}`);
  const vector = space === "hash" ? hashVector : semanticVector;
  // Adding zero turns -0 into 0.
  console.log(JSON.stringify(vector(key, Buffer.from(text), dimensions).map((x) => x + 0)));
}
