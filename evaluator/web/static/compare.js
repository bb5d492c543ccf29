// Enhances the comparison, which is whole without it: copies questions and the address, opens all quotes, prints.

const SAID_MS = 2000;

function button(words, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = words;
  made.addEventListener("click", () => act(made));
  return made;
}

async function copy(text, from, after) {
  const words = from.textContent;
  try {
    await navigator.clipboard.writeText(text);
    from.textContent = after;
  } catch {
    from.textContent = "Could not be copied";
  }
  setTimeout(() => {
    from.textContent = words;
  }, SAID_MS);
}

for (const question of document.querySelectorAll("[data-copy]")) {
  const text = question.textContent.trim();
  const made = button("Copy", (from) => copy(text, from, "Copied"));
  made.setAttribute("aria-label", `Copy the question: ${text}`);
  made.setAttribute("aria-live", "polite");
  question.append(made);
}

const actions = document.querySelector("[data-compare-actions]");
if (actions) {
  const quotes = [...document.querySelectorAll(".why details")];
  if (quotes.length) {
    const toggle = button("Open all quotes", (from) => {
      const open = quotes.some((one) => !one.open);
      for (const one of quotes) one.open = open;
      from.textContent = open ? "Close all quotes" : "Open all quotes";
    });
    actions.append(toggle);
  }
  if (navigator.clipboard) actions.append(button("Copy link", (from) => copy(location.href, from, "Copied")));
  actions.append(button("Print", () => print()));
}
