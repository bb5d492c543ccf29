// Enhances pages that are whole without it: live numbers of a run, the choice for a comparison.

const REFRESH_MS = 5000;
const COMPARED_MIN = 2;
const COMPARED_MAX = 12;

function followRun(section) {
  const live = (name) => document.querySelector(`[data-live="${name}"]`);
  const note = document.querySelector("[data-live-note]");
  if (note) note.textContent = "Updates every 5 seconds.";

  async function refresh() {
    if (document.hidden) return;
    let run;
    try {
      const answer = await fetch(section.dataset.run, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      run = await answer.json();
    } catch {
      if (note) note.textContent = "The numbers could not be brought up to date; trying again.";
      return;
    }
    if (run.state === "closed") {
      clearInterval(timer);
      location.reload(); // failures and the timeline are on the whole page only
      return;
    }
    for (const name of ["done", "selected", "estimate", "engine"]) {
      const place = live(name);
      if (place && run[name] !== null) place.textContent = String(run[name]);
    }
    const sections = live("sections");
    if (sections) sections.textContent = `${run.sections.done} of ${run.sections.total}`;
    for (const place of section.querySelectorAll("[data-count]")) {
      const count = run.counts[place.dataset.count] ?? 0;
      place.textContent = String(count);
      place.parentElement.classList.toggle("zero", count === 0);
    }
    const bar = section.querySelector("progress");
    if (bar) bar.value = run.done;
    if (note) note.textContent = "Updates every 5 seconds.";
  }

  const timer = setInterval(refresh, REFRESH_MS);
}

function watchChoice(button) {
  const boxes = [...button.form.querySelectorAll('input[type="checkbox"][name="c"]')];
  const words = button.textContent;
  function say() {
    const elsewhere = button.form.querySelectorAll('input[type="hidden"][name="c"]').length;
    const chosen = boxes.filter((box) => box.checked).length + elsewhere;
    button.textContent = chosen ? `Compare the chosen (${chosen})` : words;
    const fits = chosen === 0 || (chosen >= COMPARED_MIN && chosen <= COMPARED_MAX);
    button.setCustomValidity(fits ? "" : `Choose ${COMPARED_MIN} to ${COMPARED_MAX} candidates`);
  }
  for (const box of boxes) box.addEventListener("change", say);
  say();
}

for (const section of document.querySelectorAll("[data-run]")) followRun(section);
for (const button of document.querySelectorAll("[data-compare]")) watchChoice(button);
