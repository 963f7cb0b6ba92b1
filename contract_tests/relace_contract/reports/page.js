// Copy buttons, and filters by outcome. Without it the page says the same.
for (const button of document.querySelectorAll(".copied button")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    button.textContent = "copied";
    setTimeout(() => (button.textContent = "copy"), 1500);
  });
}
const filters = document.querySelector(".filters");
filters.hidden = false;
filters.addEventListener("click", ({ target }) => {
  if (target.value) target.ariaPressed = target.ariaPressed === "true" ? "false" : "true";
  const pressed = filters.querySelectorAll('[aria-pressed="true"]');
  const shown = new Set([...pressed].map((button) => button.value));
  for (const body of document.querySelectorAll("tbody")) {
    const rows = [...body.querySelectorAll("[data-outcome]")];
    for (const row of rows) row.hidden = !shown.has(row.dataset.outcome);
    body.hidden = rows.every((row) => row.hidden);
  }
});
