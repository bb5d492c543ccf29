// Single keys: rows of the list, the search field, the scorecards beside this one, and the list of all of these. Never
// while somebody types, never with Ctrl, Alt or Meta, and not at all where they were switched off.

const SETTING = "debrief-single-keys"; // "off", or nothing

const box = document.querySelector("[data-keys]");
const dialog = box?.querySelector("dialog");
const rows = [...document.querySelectorAll("table.list tbody tr")].filter((row) => row.querySelector("a.name"));

function remembered() {
  try {
    return localStorage.getItem(SETTING);
  } catch {
    return null; // storage may be forbidden; then it lasts for this page
  }
}

let on = remembered() !== "off";

function remember() {
  try {
    if (on) localStorage.removeItem(SETTING);
    else localStorage.setItem(SETTING, "off");
  } catch {
    // as above
  }
}

function types(element) {
  if (element.closest("textarea, select, [contenteditable]")) return true;
  const field = element.closest("input");
  return Boolean(field) && !["checkbox", "radio", "button", "submit"].includes(field.type);
}

function current() {
  const row = document.activeElement?.closest("table.list tbody tr");
  return row ? rows.indexOf(row) : -1;
}

function move(by) {
  const at = current();
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by;
  const link = rows[next]?.querySelector("a.name");
  link?.focus();
  link?.closest("tr").scrollIntoView({ block: "nearest" });
}

function choose() {
  const checkbox = rows[current()]?.querySelector('input[type="checkbox"]');
  checkbox?.click();
}

const actions = {
  j: rows.length ? () => move(1) : null,
  k: rows.length ? () => move(-1) : null,
  x: rows.length ? choose : null,
  "/": () => document.querySelector('form[role="search"] input[type="search"]')?.focus(),
};

function follow(key) {
  const link = document.querySelector(`a[data-key="${CSS.escape(key)}"]`);
  if (link) link.click();
  return Boolean(link);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || types(event.target)) return;
  if (!on || document.querySelector("dialog[open]")) return;
  if (event.key === "?") {
    dialog?.showModal();
  } else if (!follow(event.key)) {
    const action = actions[event.key];
    if (!action) return;
    action();
  }
  event.preventDefault();
});

if (box) {
  box.hidden = false;
  box.querySelector("button").addEventListener("click", () => dialog.showModal());
  const setting = box.querySelector("#keys-on");
  setting.checked = on;
  setting.addEventListener("change", () => {
    on = setting.checked;
    remember();
  });
}

// What is chosen stays chosen on the pages beside this one: their addresses name it.
const paging = [...document.querySelectorAll(".paging a")];
const choices = [...document.querySelectorAll('table.list input[type="checkbox"][name="c"]')];

function carry() {
  const elsewhere = [...document.querySelectorAll('input[type="hidden"][name="c"]')].map((field) => field.value);
  const chosen = choices.filter((choice) => choice.checked).map((choice) => choice.value);
  for (const link of paging) {
    const address = new URL(link.href);
    address.searchParams.delete("c");
    for (const id of [...elsewhere, ...chosen]) address.searchParams.append("c", id);
    link.href = address.pathname + address.search;
  }
}

if (paging.length) {
  for (const choice of choices) choice.addEventListener("change", carry);
  carry();
}
