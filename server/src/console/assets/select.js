// A box that ticks all boxes of its form; without this script each is ticked by hand.
"use strict";
for (const form of document.querySelectorAll("form[data-select]")) {
  const all = form.querySelector("[data-select-all]");
  const each = () => form.querySelectorAll("input[name=run]");
  all.hidden = false;
  all.addEventListener("change", () => { for (const box of each()) box.checked = all.checked; });
  form.addEventListener("change", () => { all.checked = [...each()].every((box) => box.checked); });
}
