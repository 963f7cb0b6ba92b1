// The entries that the page has, the latest 10,000, and the conversations that they form.

/** The most entries that are kept. */
export const LIMIT = 10_000;

export class Journal {
  #entries = new Map();
  #numbers = []; // ascending
  #attempts = new Map(); // of one body: numbers, ascending
  #listeners = new Set();
  #due = false;
  paused = false;

  /** Calls a function soon after changes, at most once a frame. */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  get size() {
    return this.#entries.size;
  }

  get(number) {
    return this.#entries.get(number);
  }

  /** All entries, oldest first. */
  *[Symbol.iterator]() {
    for (const number of this.#numbers) yield this.#entries.get(number);
  }

  /** Enters an entry, or replaces the one with its number. */
  put(entry) {
    const known = this.#entries.has(entry.number);
    this.#entries.set(entry.number, entry);
    if (!known) this.#insert(this.#numbers, entry.number);
    if (entry.attempt !== null) {
      const same = this.#attempts.get(bodyOf(entry)) ?? [];
      if (at(same, entry.number) < 0) this.#insert(same, entry.number);
      this.#attempts.set(bodyOf(entry), same);
    }
    if (this.#numbers.length > LIMIT + LIMIT / 20) this.#shrink();
    this.#changed();
  }

  /** Drops the entries of a namespace, or all. */
  clear(namespace = null) {
    const kept = namespace === null ? [] : [...this].filter((each) => each.namespace !== namespace);
    this.#entries.clear();
    this.#numbers = [];
    this.#attempts.clear();
    for (const entry of kept) this.put(entry);
    this.#changed();
  }

  /** The attempts that belong to an entry, oldest first: from the first one to the last retry. */
  conversation(entry) {
    const same = entry.attempt === null ? undefined : this.#attempts.get(bodyOf(entry));
    const here = same ? at(same, entry.number) : -1;
    if (here < 0) return [entry];
    let first = here;
    while (first > 0 && this.#entries.get(same[first]).attempt > 1) first -= 1;
    let last = here;
    while (last + 1 < same.length && this.#entries.get(same[last + 1]).attempt > 1) last += 1;
    return same.slice(first, last + 1).map((number) => this.#entries.get(number));
  }

  /** The attempt before this one, if this is a retry. */
  before(entry) {
    if (!(entry.attempt > 1)) return null;
    const same = this.#attempts.get(bodyOf(entry));
    const here = same ? at(same, entry.number) : -1;
    return here > 0 ? this.#entries.get(same[here - 1]) : null;
  }

  #insert(numbers, number) {
    if (!numbers.length || numbers.at(-1) < number) numbers.push(number);
    else numbers.splice(~at(numbers, number), 0, number);
  }

  #shrink() {
    for (const number of this.#numbers.splice(0, this.#numbers.length - LIMIT)) {
      const entry = this.#entries.get(number);
      this.#entries.delete(number);
      const same = this.#attempts.get(bodyOf(entry));
      const here = same ? at(same, number) : -1;
      if (here >= 0) same.splice(here, 1);
      if (same && !same.length) this.#attempts.delete(bodyOf(entry));
    }
  }

  #changed() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      if (!this.paused) for (const listener of this.#listeners) listener();
    });
  }
}

function bodyOf(entry) {
  return `${entry.namespace} ${entry.request.xxh3_128}`;
}

/** Where a number is in an ascending list; ~ of where it would be if it is not there. */
function at(numbers, number) {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < number) low = middle + 1;
    else high = middle;
  }
  return numbers[low] === number ? low : ~low;
}
