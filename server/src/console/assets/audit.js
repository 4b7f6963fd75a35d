// Follows the audit trail live. What it shows comes from outside: it is set as text, never as markup.
"use strict";

const tail = document.querySelector("[data-tail]");
const rows = document.querySelector("table.trail tbody");
if (tail && rows) {
  const MOST = 500;
  const OUTCOMES = { ok: ["done", ""], denied: ["denied", "bad"], error: ["failed", "bad"], unknown: ["unknown", "warn"] };
  const BADGES = { base: "Base Service Account", api_key: "API Key" };
  const button = tail.querySelector("button");
  const state = tail.querySelector("[role=status]");
  let source = null;
  let seen = 0;

  const row = (entry) => {
    const made = document.getElementById("trail-row").content.firstElementChild.cloneNode(true);
    const set = (css, text) => { made.querySelector(css).textContent = text; };
    made.dataset.kind = entry.actor.kind;
    const time = made.querySelector("time");
    time.dateTime = entry.at;
    time.title = entry.at;
    time.textContent = new Date(entry.at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    made.querySelector("a").href = "/audit/" + encodeURIComponent(entry.id);
    const badge = BADGES[entry.actor.kind];
    made.querySelector(badge ? "[data-letter]" : "[data-bot]").remove();
    if (badge) set("[data-badge]", badge);
    else {
      set("[data-letter]", [...entry.actor.name][0] || "?");
      made.querySelector("[data-badge]").remove();
    }
    set(".actor", shown(entry.actor.name));
    set("code", entry.action);
    set("[data-targets]", (entry.targets || []).map((one) => shown(one.name || one.id)).join(", "));
    const [word, mark] = OUTCOMES[entry.outcome] || OUTCOMES.unknown;
    set("[data-outcome]", word);
    if (mark) made.querySelector("[data-outcome]").classList.add(mark);
    const reason = [...(entry.reason || "")];
    set("[data-reason]", shown(reason.length > 120 ? reason.slice(0, 120).join("") + "…" : reason.join("")));
    set("[data-from]", entry.ip || "");
    return made;
  };
  // Controls and marks that turn the direction of a text are shown, not obeyed.
  const shown = (text) => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => "\\u{" + c.codePointAt(0).toString(16) + "}");
  const say = (text) => { state.textContent = text; };
  const stop = (text) => {
    if (source) source.close();
    source = null;
    button.setAttribute("aria-pressed", "false");
    button.textContent = "Follow live";
    say(text);
  };
  const start = () => {
    source = new EventSource(tail.dataset.tail);
    seen = 0;
    button.setAttribute("aria-pressed", "true");
    button.textContent = "Stop following";
    say("Connecting…");
    source.onopen = () => { if (seen === 0) say("Live: waiting for new entries."); };
    source.onmessage = (event) => {
      if (!event.data) return;
      rows.prepend(row(JSON.parse(event.data)));
      rows.parentElement.hidden = false;
      document.querySelector("[data-empty]")?.remove();
      while (rows.childElementCount > MOST) rows.lastElementChild.remove();
      seen += 1;
      say("Live: " + seen + (seen === 1 ? " new entry." : " new entries."));
    };
    source.addEventListener("end", (event) => stop("It has ended: " + JSON.parse(event.data) + "."));
    source.onerror = () => {
      if (source && source.readyState === EventSource.CLOSED) stop("It has ended; load the page again.");
      else if (source) say("The connection is lost; trying again…");
    };
  };
  tail.hidden = false;
  button.addEventListener("click", () => { if (source) stop("Stopped."); else start(); });
}
