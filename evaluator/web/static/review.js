// Enhances reviews, which are whole without it: saving by itself, quotes beside the words, keys, and counts.

const SAVE_AFTER_MS = 2000;
const TYPED_IN = "textarea, select, input:not([type=radio]):not([type=checkbox])";

const faults = document.querySelector("[data-faults]");
if (faults) faults.focus();

// Links of the summary lead to a field: the focus goes there too, and not only the view.
for (const link of faults?.querySelectorAll("a") ?? []) {
  link.addEventListener("click", (event) => {
    const field = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!field) return;
    event.preventDefault();
    field.closest("details")?.setAttribute("open", "");
    field.focus();
    field.scrollIntoView({ block: "center" });
  });
}

function rated(fieldset) {
  return fieldset.querySelector('.choices input[type="radio"]:checked') !== null;
}

// --- Keys: only while a criterion has the focus, and never while somebody types

function rate(fieldset, word) {
  const radio = [...fieldset.querySelectorAll('.choices input[type="radio"]')].find((r) => r.value === word);
  if (!radio) return;
  radio.checked = true;
  radio.focus();
  radio.dispatchEvent(new Event("change", { bubbles: true }));
}

function skip(fieldset, all) {
  const next = all[all.indexOf(fieldset) + 1];
  const target = next
    ? (next.querySelector('input[type="radio"]:checked') ?? next.querySelector('input[type="radio"]'))
    : document.querySelector('input[name="recommendation"]');
  target?.focus();
}

function listenForKeys(form) {
  const all = [...form.querySelectorAll("fieldset[data-criterion]")];
  form.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      event.preventDefault();
      form.requestSubmit(form.querySelector('button[value="submit"]') ?? form.querySelector('button[type="submit"]'));
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPED_IN)) return;
    const fieldset = event.target.closest("fieldset[data-criterion]");
    if (!fieldset) return;
    if (/^[0-5]$/.test(event.key)) rate(fieldset, event.key === "0" ? "none" : event.key);
    else if (event.key === "n" && all.length > 1) skip(fieldset, all);
    else return;
    event.preventDefault();
  });
  const hint = form.querySelector("[data-keys-hint]");
  if (hint) hint.hidden = false;
}

// --- Saving by itself

function keepSaved(form) {
  const note = form.querySelector("[data-saved]");
  const version = form.elements.namedItem("version");
  let timer = null;
  let running = null; // the save that is on its way
  let wanted = false; // something changed since it began
  let stopped = false;

  function say(words) {
    note.textContent = `· ${words}`;
  }

  async function save() {
    clearTimeout(timer);
    timer = null;
    if (stopped || running) {
      wanted = true;
      return;
    }
    wanted = false;
    const body = new URLSearchParams([...new FormData(form), ["do", "save"]]);
    running = fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" }, keepalive: body.toString().length < 60000 });
    try {
      const answer = await running;
      const found = await answer.json();
      if (answer.ok) {
        version.value = String(found.version);
        const at = new Date(found.saved_at);
        say(`autosaved ${at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`);
      } else {
        stopped = true; // trying again would say the same
        say(answer.status === 412 ? "changed in another window: “Save draft” shows both" : `not saved: ${found.detail ?? answer.status}`);
      }
    } catch {
      say("not saved: no connection; trying again");
      wanted = true;
    }
    running = null;
    if (wanted && !stopped) later();
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(save, SAVE_AFTER_MS);
  }

  form.addEventListener("input", later);
  form.addEventListener("change", later);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && timer !== null) save();
  });
  // What is sent must name the newest version, so a save that is on its way is waited for.
  form.addEventListener("submit", async (event) => {
    clearTimeout(timer);
    timer = null;
    stopped = true;
    if (!running) return;
    event.preventDefault();
    const button = event.submitter;
    await running.catch(() => {});
    while (running) await new Promise((resolve) => setTimeout(resolve, 20));
    form.requestSubmit(button);
  });
  return later;
}

// --- What is counted, and quotes from beside

function countRated(form) {
  const place = form.querySelector("[data-rated]");
  const all = [...form.querySelectorAll("fieldset[data-criterion]")];
  const say = () => (place.textContent = String(all.filter(rated).length));
  form.addEventListener("change", say);
  say();
}

function countQuotes(fieldset) {
  const chosen = fieldset.querySelectorAll('[data-offered] input:checked').length;
  const place = fieldset.querySelector("[data-chosen]");
  if (place) place.textContent = chosen ? String(chosen) : "nothing";
}

function quoteFromBeside(form, changed) {
  const beside = document.querySelector(".beside");
  const all = [...form.querySelectorAll("fieldset[data-criterion]")].filter((f) => f.querySelector("[data-offered]"));
  if (!beside || !all.length) return;
  const most = Number(form.dataset.quotesMax);
  let aimed = all.find((f) => !rated(f)) ?? all[0];
  const aim = document.createElement("p");
  aim.className = "aim";
  aim.setAttribute("role", "status");
  beside.querySelector(".transcript")?.before(aim);
  const buttons = new Map();

  const name = (fieldset) => fieldset.querySelector("legend").textContent.trim();
  const boxOf = (fieldset, id) => [...fieldset.querySelectorAll("[data-offered] input")].find((box) => box.value === id);

  function show(said) {
    const words = name(aimed);
    for (const fieldset of all) fieldset.classList.toggle("aimed", fieldset === aimed);
    for (const [id, button] of buttons) {
      button.setAttribute("aria-pressed", String(boxOf(aimed, id)?.checked ?? false));
      button.title = `Quote for ${words}`;
    }
    aim.textContent = said ?? `❝ quotes go to: ${words}`;
  }

  function offer(fieldset, id, text) {
    const item = document.createElement("li");
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", name: `quotes-${fieldset.dataset.criterion}`, value: id });
    const words = document.createElement("span");
    words.append(Object.assign(document.createElement("span"), { className: "said-words", textContent: text, dir: "auto" }), " ");
    words.append(Object.assign(document.createElement("span"), { className: "id", textContent: id }));
    label.append(box, " ", words);
    item.append(label);
    const number = (one) => Number(one.querySelector("input").value.slice(1));
    const after = [...fieldset.querySelectorAll("[data-offered] li")].find((one) => number(one) > Number(id.slice(1)));
    fieldset.querySelector("[data-offered]").insertBefore(item, after ?? null);
    return box;
  }

  function toggle(id, text) {
    const box = boxOf(aimed, id) ?? offer(aimed, id, text);
    const chosen = aimed.querySelectorAll("[data-offered] input:checked").length;
    if (!box.checked && chosen >= most) {
      show(`At most ${most} quotes for ${name(aimed)}: take one away first`);
      return;
    }
    box.checked = !box.checked;
    aimed.querySelector("details.quoting").open = true;
    countQuotes(aimed);
    changed();
    show(`${id} ${box.checked ? "quoted for" : "taken from"} ${name(aimed)}`);
  }

  for (const said of beside.querySelectorAll(".utterance")) {
    const id = said.id.slice(2);
    const text = said.textContent.trim();
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quote-it" });
    const mark = Object.assign(document.createElement("span"), { textContent: "❝" });
    mark.setAttribute("aria-hidden", "true");
    button.append(mark, Object.assign(document.createElement("span"), { className: "hidden", textContent: `Quote ${id}` }));
    button.addEventListener("click", () => toggle(id, text));
    said.append(button);
    buttons.set(id, button);
  }
  form.addEventListener("focusin", (event) => {
    const fieldset = event.target.closest("fieldset[data-criterion]");
    if (!fieldset || fieldset === aimed || !all.includes(fieldset)) return;
    aimed = fieldset;
    show();
  });
  form.addEventListener("change", (event) => {
    if (!event.target.closest("[data-offered]")) return;
    countQuotes(event.target.closest("fieldset"));
    show();
  });
  show();
}

// --- Step two: how many of the two evidences were opened

function countOpened(section) {
  const place = section.querySelector("[data-opened]");
  if (!place) return;
  place.hidden = false;
  const opened = new Set();
  for (const details of section.querySelectorAll("[data-evidence]")) {
    details.addEventListener("toggle", () => {
      if (details.open) opened.add(details);
      place.querySelector("b").textContent = String(opened.size);
    });
  }
}

for (const form of document.querySelectorAll("[data-review]")) {
  listenForKeys(form);
  countRated(form);
  quoteFromBeside(form, keepSaved(form));
}
for (const form of document.querySelectorAll("[data-finals], [data-decide]")) listenForKeys(form);
for (const section of document.querySelectorAll("[data-finals] .decision")) countOpened(section);
