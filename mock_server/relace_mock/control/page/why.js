// Why a request got its answer, in sentences.

/** The sentences, each with a level: "", "muted" or "bad". */
export function why(entry) {
  const told = [chosenBy(entry)];
  if (entry.violations.length && entry.outcome === "refused") {
    told.push(["bad", "The request itself was refused, as it breaks the contract (see below)."]);
  }
  if (entry.scenario === null) return told;
  if (entry.step !== null) {
    told.push(["", `Rule ${entry.rule} matched, and its step ${entry.step} answered: ${did(entry)}.`]);
  } else if (entry.not_applicable) {
    told.push(["bad", `Rule ${entry.rule} matched, but its mutation cannot be applied to this request: the step waits for the next one.`]);
  } else if (entry.rule !== null) {
    told.push(["", `Rule ${entry.rule} matched, but its steps are used up, so service was normal.`]);
  } else if (entry.near_misses.length) {
    told.push(["", "No rule matched, so service was normal:"]);
  }
  for (const {rule, why: reason, saw} of entry.near_misses) {
    told.push(["miss", `Rule ${rule} did not answer. ${reason}${saw === null ? "" : ` — it saw ${saw}`}`]);
  }
  return told;
}

function chosenBy(entry) {
  const name = entry.scenario;
  switch (entry.chosen_by) {
    case "header":
      return ["", name ? `The header X-Mock-Scenario asks for the scenario ${name}.` : "The header X-Mock-Scenario asks for a scenario that does not exist."];
    case "prefer":
      return ["", "The header Prefer asks for this status."];
    case "key":
      return ["", name ? `The key itself names the scenario ${name}.` : "The key itself names a scenario that does not exist."];
    case "installed":
      return ["", `The scenario ${name} is installed for this key.`];
    case "default":
      return ["", `The scenario ${name} is the server's default.`];
    default:
      return ["muted", entry.outcome === "refused" ? "No scenario took part." : "No scenario is installed: normal service."];
  }
}

function did(entry) {
  const parts = [];
  if (entry.fault) parts.push(`the fault ${entry.fault}`);
  if (entry.mutations.length) parts.push(`a 200 that lies (${entry.mutations.join(", ")})`);
  if (!parts.length) parts.push(entry.status === null ? "no status" : `the status ${entry.status}`);
  if (entry.retry_after !== null) parts.push(`Retry-After: ${entry.retry_after}`);
  if (entry.answer?.delay) parts.push(`a delay of ${Math.round(entry.answer.delay * 1000)} ms`);
  return parts.join(", ");
}
