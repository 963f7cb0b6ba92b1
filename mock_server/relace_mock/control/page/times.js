// Times and gaps: how long an attempt came after the one before, and how long it was told to wait.

/** Seconds as people read them. */
export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.0995) return `${(value * 1000).toFixed(value < 0.00995 ? 1 : 0)} ms`;
  if (value < 99.5) return `${value.toFixed(value < 9.95 ? 2 : 1)} s`;
  return `${Math.round(value / 6) / 10} min`;
}

/** The time of day of an entry, to the millisecond. */
export function clock(entry) {
  const at = new Date(entry.time);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

function two(number) {
  return String(number).padStart(2, "0");
}

/** When a request arrived, in seconds since 1970 with their fraction, by the key's clock. */
export function began(entry) {
  const fraction = /\.(\d+)/.exec(entry.time);
  return Math.floor(Date.parse(entry.time) / 1000) + (fraction ? Number(`0.${fraction[1]}`) : 0);
}

/** When its exchange was over; a pending one is over now, as far as one can see. */
export function ended(entry) {
  return began(entry) + (entry.duration ?? 0);
}

/** Seconds that an answer asked to wait; null if it did not, or not in a valid form. */
export function told(entry) {
  const field = entry.retry_after;
  if (field === null) return null;
  if (/^[0-9]+$/.test(field)) return Number(field);
  const date = /GMT$/.test(field) ? Date.parse(field) : NaN;
  return Number.isNaN(date) ? null : Math.max(date / 1000 - ended(entry), 0);
}

/** The wait before an attempt: its seconds, the seconds asked for, and whether it was too short. */
export function wait(before, after) {
  const gap = Math.max(began(after) - ended(before), 0);
  const asked = told(before);
  // The same allowance as in the verdict: clocks and schedulers differ.
  return {gap, asked, early: asked !== null && gap < asked * 0.95 - 0.05};
}
