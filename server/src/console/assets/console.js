// What pages do better with a script: everything on them works without, but for links whose token stands behind `#`, which no server sees.
"use strict";

// Times in the viewer's zone, UTC on hover; also in parts that come later.
function zoned(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) {
      time.title = time.textContent;
      time.textContent = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    }
  }
}
zoned(document);
document.addEventListener("htmx:load", (event) => zoned(event.detail.elt));

// A one-time token goes from the address into its form, and out of the address and the history.
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  const field = document.querySelector("input[data-token]");
  if (!field) return;
  if (token) {
    field.value = token;
    history.replaceState(null, "", location.pathname + location.search);
  }
  for (const part of document.querySelectorAll("[data-with-token]")) part.hidden = field.value === "";
  for (const part of document.querySelectorAll("[data-without-token]")) part.hidden = field.value !== "";
}
takeToken();
// A link opened where its page is open already.
addEventListener("hashchange", takeToken);

// Copy buttons.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      button.textContent = "Copied";
    } catch {
      // Only pages that came encrypted, or from this machine, may write there: leave the rest to the keyboard.
      getSelection().selectAllChildren(source);
      button.textContent = "Now press Ctrl+C";
    }
  });
}

// Choices that say something at once: without a script, a button beside them does.
for (const choice of document.querySelectorAll("[data-submits]")) choice.addEventListener("change", () => choice.form.requestSubmit());
