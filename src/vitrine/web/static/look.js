// Look-alikes: a photo that is chosen, dropped, pasted or taken is sent at once, and again when the search is steered.
import { say } from "./desk.js";

const form = document.getElementById("look");
const input = document.getElementById("photo");
const camera = form.querySelector("[data-camera]");
const drop = form.querySelector("[data-drop]");
const preview = form.querySelector(".preview");
let running = null;

const swap = (page) => {
  const fresh = page.querySelector("#found");
  const found = document.getElementById("found");
  if (fresh) {
    found.replaceChildren(...fresh.childNodes);
  } else {
    // a failure has a page of its own: show what it says where the answer would be
    const told = document.createElement("p");
    told.className = "problem";
    told.textContent = page.querySelector("main p bdi")?.textContent ?? form.dataset.failed;
    found.replaceChildren(told);
  }
  say(found.firstElementChild?.textContent ?? "");
};

const send = async () => {
  running?.abort();
  running = new AbortController();
  const found = document.getElementById("found");
  found.setAttribute("aria-busy", "true");
  const body = new FormData(form);
  const get = form.method === "get";
  const search = new URLSearchParams([...body].filter(([, value]) => value !== ""));
  const address = get ? `${form.action}?${search}` : form.action;
  const headers = { Accept: "text/html" };
  if (!get) headers["X-Forgery-Token"] = document.querySelector("meta[name=forgery]").content;
  try {
    const options = get ? { headers } : { method: "POST", headers, body };
    const answer = await fetch(address, { ...options, signal: running.signal });
    swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    if (get) history.replaceState(null, "", address);
    found.setAttribute("aria-busy", "false");
  } catch (error) {
    if (error.name === "AbortError") return;
    found.setAttribute("aria-busy", "false");
    say(form.dataset.failed);
    const told = document.createElement("p");
    told.className = "problem";
    told.textContent = form.dataset.failed;
    found.replaceChildren(told);
  }
};

const steering = form.querySelector(".steering");
if (steering && innerWidth > 960) steering.open = true; // on a phone the answer comes first

const show = (file) => {
  const reader = new FileReader();
  reader.addEventListener("load", () => {
    preview.src = reader.result;
    preview.hidden = false;
    drop.classList.add("filled");
  });
  reader.readAsDataURL(file);
};

const take = (file) => {
  if (!file || !input) return;
  const kept = new DataTransfer();
  kept.items.add(file);
  input.files = kept.files;
  show(file);
  send();
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (form.method === "get" || input.files.length) send();
});
form.addEventListener("change", (event) => {
  if (event.target === input) return take(input.files[0]);
  if (event.target === camera) return take(camera.files[0]);
  if (form.method === "get" || input.files.length) send();
});
if (drop) {
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take([...event.dataTransfer.files].find((file) => file.type.startsWith("image/")) ?? event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    take([...event.clipboardData.files].find((file) => file.type.startsWith("image/")));
  });
}
