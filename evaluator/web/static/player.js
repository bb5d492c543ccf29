// The player of a recording: 15 seconds back and forth, speed, keys, and the words that are being spoken.

const SPEEDS = [1, 1.25, 1.5, 2];
const SKIP_S = 15;
const HEADER_PX = 90;
const KEPT_SPEED = "debrief.player.speed";
const KEPT_KEYS = "debrief.player.keys";
// What keys mean something else in.
const TYPED_IN = "input, select, textarea, button, summary, [contenteditable]";
const REASONS = {
  401: "You are not signed in any more. Reload the page to sign in again.",
  403: "Your role does not let you hear it any more.",
};
const UNREACHABLE = "The recording cannot be played now. Reload the page to see why, or to try again.";

function kept(name, otherwise) {
  try {
    return localStorage.getItem(name) ?? otherwise;
  } catch {
    return otherwise; // a browser that keeps nothing
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // for this page alone, then
  }
}

function secondOf(hash) {
  const named = /^#t=(\d{1,6})$/.exec(hash);
  return named ? Number(named[1]) : null;
}

function followRecording(player) {
  const media = player.querySelector("audio, video");
  const tools = player.querySelector("[data-player-tools]");
  const speed = player.querySelector("[data-speed]");
  const keys = player.querySelector("[data-keys]");
  const failed = player.querySelector("[data-player-failed]");
  const places = [...document.querySelectorAll("[data-second].turn")];
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let current = null;

  function play() {
    media.play().catch(() => {}); // a browser may want a click first
  }

  function seek(second) {
    media.currentTime = Math.max(0, second);
  }

  function setSpeed(rate) {
    media.defaultPlaybackRate = rate;
    media.playbackRate = rate;
    speed.value = String(rate);
    keep(KEPT_SPEED, String(rate));
  }

  function stepSpeed(by) {
    const at = SPEEDS.indexOf(Number(speed.value)) + by;
    setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at))]);
  }

  const KEYS = {
    j: () => seek(media.currentTime - SKIP_S),
    k: () => (media.paused ? play() : media.pause()),
    l: () => seek(media.currentTime + SKIP_S),
    "<": () => stepSpeed(-1),
    ">": () => stepSpeed(1),
  };

  function seekToHash() {
    const second = secondOf(location.hash);
    if (second !== null) seek(second);
  }

  async function sayWhy() {
    let words = UNREACHABLE;
    try {
      const answer = await fetch(media.querySelector("source").src, { method: "HEAD", cache: "no-store" });
      words = REASONS[answer.redirected ? 401 : answer.status] ?? UNREACHABLE;
    } catch {
      // no answer at all: the same words
    }
    failed.textContent = words;
    failed.hidden = false;
  }

  tools.hidden = false;
  setSpeed(SPEEDS.includes(Number(kept(KEPT_SPEED, "1"))) ? Number(kept(KEPT_SPEED, "1")) : 1);
  speed.addEventListener("change", () => setSpeed(Number(speed.value)));
  keys.checked = kept(KEPT_KEYS, "yes") === "yes";
  keys.addEventListener("change", () => keep(KEPT_KEYS, keys.checked ? "yes" : "no"));
  for (const button of player.querySelectorAll("[data-skip]")) {
    button.addEventListener("click", () => seek(media.currentTime + Number(button.dataset.skip)));
  }
  document.addEventListener("keydown", (event) => {
    if (!keys.checked || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest(TYPED_IN) || !Object.hasOwn(KEYS, event.key.toLowerCase())) return;
    event.preventDefault();
    KEYS[event.key.toLowerCase()]();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-seek]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    seek(Number(link.dataset.seek));
    play();
    history.replaceState(null, "", `#t=${link.dataset.seek}`);
  });
  media.addEventListener("timeupdate", () => {
    const now = places.filter((place) => Number(place.dataset.second) <= media.currentTime).at(-1) ?? null;
    if (now === current) return;
    current?.removeAttribute("data-playing");
    current = now;
    if (!current || media.paused) return;
    current.setAttribute("data-playing", "");
    const box = current.getBoundingClientRect();
    if (box.top < Math.max(HEADER_PX, player.getBoundingClientRect().bottom) || box.bottom > innerHeight) {
      current.scrollIntoView({ block: "center", behavior: still.matches ? "auto" : "smooth" });
    }
  });
  media.addEventListener("playing", () => (failed.hidden = true));
  media.addEventListener("error", sayWhy, true); // of its source too, which does not bubble
  addEventListener("hashchange", seekToHash);
  seekToHash();
}

for (const player of document.querySelectorAll("[data-player]")) followRecording(player);
