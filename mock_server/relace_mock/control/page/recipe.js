// Turns an entry, with the attempts that belong to it, into a scenario that answers the same again.
//
// The text is YAML. Its values are written as JSON, which YAML contains, so nothing in them can be
// taken for something else.

import {told} from "./times.js";

// Header fields that the server writes itself, or that describe the one answer.
const OWN = /^(content-length|transfer-encoding|connection|date|server|x-relace-mock|retry-after|x-ratelimit-.*)$/;
const KINDS = {
  body: "application/json",
  body_text: "text/plain; charset=utf-8",
  body_base64: "application/octet-stream",
};
const NEVER_SCRIPTED = new Set([405, 408, 413, 415, 431, 503]);

/** Why no scenario can repeat this entry; null if one can. */
export function obstacle(entry) {
  if (entry.attempt === null && (!entry.answer || entry.chosen_by !== "prefer")) {
    return "No scenario answers such a request: it was refused before scenarios are asked.";
  }
  if (entry.outcome === "refused" && NEVER_SCRIPTED.has(entry.status)) {
    return `A ${entry.status} comes before scenarios are asked.`;
  }
  if (stepOf(entry) === null) {
    return `The answer has ${entry.answer.length} bytes, and the journal kept only its beginning.`;
  }
  return null;
}

/** The text of the scenario. */
export function scenario(attempts) {
  const steps = [];
  for (const entry of attempts) {
    const step = stepOf(entry);
    const last = steps.at(-1);
    if (last && JSON.stringify(last.step) === JSON.stringify(step)) last.times += 1;
    else steps.push({step, times: 1});
  }
  // After the last step service is normal anyway, but a scenario needs a step.
  if (steps.length > 1 && isNormal(steps.at(-1).step)) steps.pop();
  const [first, last] = [attempts[0], attempts.at(-1)];
  const which = first === last ? `request ${first.number}` : `requests ${first.number} to ${last.number}`;
  const lines = [
    `# Answers as the mock did to ${which}, on ${first.time.slice(0, 10)}.`,
    `name: from-request-${first.number}`,
    `description: ${json(summary(steps))}`,
    "steps:",
  ];
  for (const {step, times} of steps) {
    const keys = Object.entries(times > 1 ? {...step, times} : step);
    keys.forEach(([key, value], index) => {
      lines.push(`${index ? "    " : "  - "}${key}: ${json(value)}`);
    });
  }
  return `${lines.join("\n")}\n`;
}

/** What one entry's answer is as a step; null if the journal does not have all of it. */
function stepOf(entry) {
  const delay = entry.answer?.delay ? {delay: `${Math.max(Math.round(entry.answer.delay * 1000), 1)}ms`} : {};
  if (entry.fault === "hang" || (!entry.answer && !entry.fault)) return {fault: "hang"};
  const answer = entry.answer ?? {headers: [], length: 0};
  const step = {};
  if (entry.fault) {
    step.fault = entry.fault;
    if (answer.at !== null && answer.at !== undefined) step.at = answer.at;
    if (answer.bytes_per_second) step.bytes_per_second = answer.bytes_per_second;
  } else if (entry.mutations.length) {
    step.mutate = entry.mutations;
  }
  const status = entry.status ?? 200;
  const scripted = entry.step !== null && !entry.fault && !entry.mutations.length;
  if (status !== 200 || (scripted && !answer.cut && !isEmbedding(answer))) {
    if (answer.cut) return null;
    if (!entry.fault) Object.assign(step, {status}, bodyOf(answer, status));
  } else if (!entry.fault && !entry.mutations.length) {
    step.normal = true;
  }
  return {...step, ...waitOf(entry, step), ...headersOf(entry, answer, step), ...delay};
}

function bodyOf(answer, status) {
  if (answer.body_base64) return {body_base64: answer.body_base64};
  if (!answer.body || status === 204 || status === 205 || status === 304) return {};
  if (typeOf(answer).startsWith("application/json")) {
    try {
      const body = JSON.parse(answer.body);
      return {body};
    } catch {
      // Not JSON, whatever it says.
    }
  }
  return {body_text: answer.body};
}

function waitOf(entry, step) {
  if (entry.retry_after === null || step.status === undefined || step.status < 300) return {};
  if (/^[0-9]+$/.test(entry.retry_after)) return {};
  const seconds = told(entry);
  return seconds === null ? {} : {retry_after: {date: `${Math.round(seconds)}s`}};
}

function headersOf(entry, answer, step) {
  if (step.status === undefined && !(entry.fault === null && entry.step !== null)) return {};
  const fields = {};
  for (const [name, value] of answer.headers) {
    if (name === "content-type" && isUsual(value, step)) continue;
    if (!OWN.test(name)) fields[name] = value;
  }
  if (entry.retry_after !== null && waitOf(entry, step).retry_after === undefined) {
    fields["Retry-After"] = entry.retry_after;
  }
  return Object.keys(fields).length ? {headers: fields} : {};
}

/** Whether an answer has this content type anyway. */
function isUsual(type, step) {
  const given = Object.keys(KINDS).find((kind) => kind in step);
  return given ? type === KINDS[given] : step.status === undefined && !step.mutate;
}

function typeOf(answer) {
  return answer.headers.find(([name]) => name === "content-type")?.[1] ?? "";
}

function isEmbedding(answer) {
  return /^\{"results":\[/.test(answer.body ?? "");
}

function isNormal(step) {
  return Object.keys(step).join() === "normal";
}

function summary(steps) {
  const parts = steps.map(({step, times}) => {
    const what = step.fault ?? step.mutate?.join(" and ") ?? step.status ?? "normal service";
    return times > 1 ? `${times} × ${what}` : `${what}`;
  });
  if (parts.at(-1) !== "normal service") parts.push("normal service");
  return `${parts.join(", then ")}.`;
}

/** JSON in which every character that YAML's readers refuse is escaped. */
function json(value) {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
