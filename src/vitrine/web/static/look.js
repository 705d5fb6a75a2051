// Look-alikes: a photo that is chosen, dropped, pasted or taken is sent at once, and again when the search is steered.
import { Camera, canLook } from "./camera.js";
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
    tell(page.querySelector("main p bdi")?.textContent ?? form.dataset.failed);
  }
  say(found.firstElementChild?.textContent ?? "");
};

const tell = (problem) => {
  const told = document.createElement("p");
  told.className = "problem";
  told.textContent = problem;
  document.getElementById("found").replaceChildren(told);
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
    tell(form.dataset.failed);
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

const live = form.querySelector("[data-live]");
if (live && !canLook) live.hidden = true;
if (live && canLook) {
  const looking = new Camera(form.querySelector("video"));
  const snap = form.querySelector("[data-snap]");
  const close = () => {
    looking.stop();
    snap.hidden = true;
    drop.classList.remove("filming");
    live.setAttribute("aria-pressed", "false");
  };
  live.hidden = false;
  live.addEventListener("click", async () => {
    if (looking.on) return close();
    try {
      drop.classList.add("filming");
      live.setAttribute("aria-pressed", "true");
      await looking.start();
      snap.hidden = false;
      snap.focus();
    } catch (error) {
      close();
      const problem = form.dataset.noCamera.replace("{why}", error.message);
      tell(problem);
      say(problem);
    }
  });
  snap.addEventListener("click", async () => {
    const photo = await looking.shoot(document.createElement("canvas"));
    close();
    if (photo) take(new File([photo], "camera.jpg", { type: photo.type }));
    live.focus();
  });
}

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
