// Uploading a component: dropping a file, looking at it at once, and how much of it is sent. Without this the form does the same by plain requests.
"use strict";

const sent = (form, doing) => {
  const data = new FormData(form);
  data.set("do", doing);
  const request = new XMLHttpRequest();
  const progress = form.querySelector("[data-progress]");
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  progress.hidden = false;
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) progress.value = (100 * event.loaded) / event.total;
  });
  // All is sent: what is left is the server's compiling, of which nobody knows how long it takes.
  request.upload.addEventListener("load", () => progress.removeAttribute("value"));
  request.addEventListener("loadend", () => {
    if (new URL(request.responseURL || location.href).pathname !== new URL(form.action).pathname) {
      location.assign(request.responseURL);
      return;
    }
    for (const button of buttons) button.disabled = false;
    progress.hidden = true;
    progress.value = 0;
    const answer = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main");
    if (request.status === 0 || !answer) {
      form.querySelector("[data-broken]").hidden = false;
      return;
    }
    const chosen = form.querySelector("[type=file]").files;
    document.querySelector("main").replaceChildren(...answer.childNodes);
    prepare();
    // The file stays chosen: a page cannot send it back.
    const field = document.querySelector("form[data-upload] [type=file]");
    if (field) field.files = chosen;
  });
  request.open("POST", form.action);
  request.send(data);
};

function prepare() {
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const field = form.querySelector("[type=file]");
  const drop = form.querySelector("[data-drop]");
  for (const part of form.querySelectorAll("[data-script]")) part.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sent(form, event.submitter?.value ?? "upload");
  });
  field.addEventListener("change", () => {
    if (field.files.length > 0) sent(form, "check");
  });
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length === 0) return;
    field.files = event.dataTransfer.files;
    sent(form, "check");
  });
}

prepare();
