// One by one: the next questions are loaded before they are needed, an answer is sent while the next one is on screen.
import { ask, notify, say } from "./desk.js";

const desk = document.getElementById("desk");
const words = JSON.parse(document.getElementById("words").textContent);
const form = document.getElementById("answer");
const failed = document.getElementById("failed");
const at = (name) => desk.querySelector(`[data-${name}]`);
const zoom = desk.querySelector(".zoom");
const big = zoom.querySelector("img");
const narrow = matchMedia("(max-width: 60rem)");
const ahead = [];
const done = [];
let current = null;
let loading = false;
let exhausted = false;
let problem = null; // why the next questions could not be loaded
let undoing = false; // what is pressed now would answer a question that is about to make room

const text = (key, values = {}) => words[key].replace(/{(\w+)}/g, (whole, name) => values[name] ?? whole);
const photo = (id, width) => `/photos/${id}/${width}`;
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const lazy = { width: 48, height: 48, alt: "", loading: "lazy", decoding: "async" };
const figure = (number) =>
  new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 })
    .formatToParts(number)
    .map((part) => (part.type === "group" ? "\u202f" : part.value))
    .join("");
const folded = (word) => word.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();

const quiet = () => {
  const notice = document.getElementById("notice");
  notice.hidden = true;
  notice.dataset.href = "";
};

const same = (one, other) => one && one.item.sku === other.item.sku && one.item.attribute === other.item.attribute;

const load = async () => {
  if (loading || exhausted || ahead.length > 1) return;
  loading = true;
  problem = null;
  if (!current) show(null);
  try {
    const found = await ask("queue/next", { attribute: desk.dataset.attribute || null, count: 3 - ahead.length });
    exhausted = found.length === 0;
    for (const question of found) {
      if (same(current, question) || ahead.some((one) => same(one, question))) continue;
      for (const one of question.photos) new Image().src = photo(one.photo_id, 640);
      ahead.push(question);
    }
  } catch (error) {
    problem = error;
    if (current) notify(error.message, error.link);
  } finally {
    loading = false;
  }
  if (!current) show(ahead.shift());
};

const showPhoto = (one) => {
  unzoom();
  big.width = one?.width ?? 640;
  big.height = one?.height ?? 640;
  big.alt = current.item.name ?? current.item.sku;
  if (one) big.src = photo(one.photo_id, 640);
  else big.removeAttribute("src");
  big.dataset.id = one?.photo_id ?? "";
};

const showStrip = () => {
  const strip = desk.querySelector(".strip");
  strip.replaceChildren();
  if (current.photos.length < 2) return;
  current.photos.forEach((one, place) => {
    const small = make("img", { src: photo(one.photo_id, 160), width: 72, height: 72, alt: text("photo", { n: place + 1 }) });
    const button = make("button", { type: "button" }, small);
    button.addEventListener("click", () => showPhoto(one));
    strip.append(button);
  });
};

const showChoices = () => {
  const list = at("choices");
  list.replaceChildren();
  current.choices.forEach((choice, place) => {
    const radio = make("input", { type: "radio", name: "value", value: choice.value });
    radio.checked = choice.value === (current.picked ?? current.item.predicted);
    const label = make("label", { className: "choice" }, radio);
    label.append(make("kbd", { textContent: place < 9 ? place + 1 : "" }), make("span", { textContent: choice.name }));
    if (choice.examples.length) {
      const pictures = choice.examples.map((one) => make("img", { ...lazy, src: photo(one.photo_id, 160), title: one.name ?? one.sku }));
      label.append(make("span", { className: "like" }, ...pictures));
    }
    if (choice.confidence !== null) {
      const meter = make("meter", { min: 0, max: 1, value: choice.confidence });
      meter.setAttribute("aria-hidden", "true");
      label.append(meter, make("small", { textContent: `${Math.round(100 * choice.confidence)}\u202f%` }));
    }
    if (choice.rule) label.append(make("span", { className: "rule", textContent: choice.rule }));
    list.append(label);
  });
  at("find").hidden = current.choices.length < 10;
  at("find").value = "";
};

const showEvidence = () => {
  const section = at("evidence");
  section.hidden = current.evidence.length === 0;
  const names = new Map(current.choices.map((choice) => [choice.value, choice.name]));
  section.querySelector("ul").replaceChildren(
    ...current.evidence.map((one) => {
      const image = one.photo_id
        ? make("img", { src: photo(one.photo_id, 160), width: 160, height: 160, alt: "", decoding: "async" })
        : make("span", { className: "blank" });
      const value = make("b", { textContent: names.get(one.value) ?? one.value });
      const share = make("small", { textContent: `${Math.round(100 * one.similarity)}\u202f%` });
      const line = make("span", { className: "answer" }, value, share);
      const name = make("span", { className: "title" }, make("bdi", { textContent: one.name ?? one.sku }));
      return make("li", {}, image, line, name);
    }),
  );
};

const show = (question) => {
  current = question ?? null;
  desk.hidden = !current;
  document.getElementById("loading").hidden = Boolean(current || problem || exhausted);
  const left = Number(document.querySelector("[data-left]").dataset.left) > 0;
  document.getElementById("elsewhere").hidden = Boolean(current || !exhausted || !left);
  document.getElementById("empty").hidden = Boolean(current || !exhausted || left);
  failed.hidden = Boolean(current || !problem);
  if (!failed.hidden) {
    failed.querySelector("b").textContent = problem.message;
    const { link } = problem;
    const [way, again] = failed.querySelectorAll("a, button");
    way.hidden = !link;
    if (link) Object.assign(way, { href: link.href, textContent: link.text });
    (link ? way : again).focus();
  }
  if (!current) return;
  const { item } = current;
  at("sku").replaceChildren(make("bdi", { textContent: item.sku }));
  at("name").replaceChildren(make("bdi", { textContent: item.name ?? item.sku }));
  at("legend").textContent = current.attribute_name;
  const reason = `reason_${item.reason.replace(/\W/g, "_")}`;
  const why = item.blind ? text("blind") : words[reason] ?? "";
  const told = current.said.length ? ` ${text("said", { value: current.said.join(", ") })}` : "";
  const family = item.family_size > 1 ? ` ${text("speaks_for", { n: item.family_size })}` : "";
  const weight = item.weight === null ? "" : ` ${text("weight", { weight: figure(item.weight) })}`;
  at("reason").textContent = why + told + family + weight;
  at("values").href = `/values?${new URLSearchParams({ attribute: item.attribute, sku: item.sku })}`;
  form.elements.comment.value = current.comment ?? "";
  showPhoto(current.photos[0]);
  showStrip();
  showChoices();
  showEvidence();
  // the photo and its first choices are looked at together, wherever the last answer left the page
  const under = document.querySelector(".top").getBoundingClientRect().bottom > desk.getBoundingClientRect().top;
  if (narrow.matches || under) desk.scrollIntoView();
  const first = form.querySelector("input[name=value]:checked") ?? form.querySelector("input[name=value]");
  first?.focus({ preventScroll: true });
  say(`${item.name ?? item.sku}. ${current.attribute_name}?`);
};

// what is on screen makes room for another question and comes back as it was left
const putBack = () => {
  if (!current) return;
  const picked = new FormData(form).get("value") ?? undefined;
  ahead.unshift({ ...current, picked, comment: form.elements.comment.value });
};

const count = (name, by) => {
  const place = document.querySelector(`[data-${name}]`);
  place.dataset[name] = Math.max(0, Number(place.dataset[name]) + by);
  place.textContent = place.dataset[name].replace(/\B(?=(\d{3})+$)/g, "\u202f");
};

const send = async (body, tries = 3) => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask("decisions", body);
    } catch (error) {
      if (error.status || attempt === tries) throw error;
      await new Promise((wake) => setTimeout(wake, 400 * 2 ** attempt)); // the same batch_id is never entered twice
    }
  }
};

const decide = async (outcome, value = null) => {
  if (!current || undoing) return;
  const question = current;
  const batch_id = crypto.randomUUID ? crypto.randomUUID() : `b${Date.now()}${Math.random().toString(36).slice(2)}`;
  const { sku, attribute, token, version } = question.item;
  const comment = form.elements.comment.value.trim() || null;
  const key = question.again ? { version } : { token };
  quiet();
  count("left", -1);
  count("today", 1);
  show(ahead.shift());
  load();
  const saved = send({ batch_id, answers: [{ sku, attribute, outcome, value, comment, ...key }] });
  const entry = { batch_id, question, value, comment, saved }; // at once: Z means this one, also before the server has answered
  done.push(entry);
  at("undo").disabled = false;
  try {
    await saved;
  } catch (error) {
    if (done.includes(entry)) done.splice(done.indexOf(entry), 1);
    at("undo").disabled = done.length === 0;
    count("today", -1);
    notify(error.status === 409 ? error.message : text("not_saved", { sku, why: error.message }), error.link);
    if (error.status !== 409) {
      count("left", 1);
      putBack();
      show({ ...question, picked: value, comment });
    }
    return;
  }
  if (outcome === "decided" && question.item.predicted !== null && value !== question.item.predicted) offer(question, value);
};

const offer = async (question, value) => {
  const key = new URLSearchParams({ sku: question.item.sku, attribute: question.item.attribute, value });
  const more = await ask(`family?${key}`).catch(() => []);
  if (more.length) notify(text("family", { n: more.length }), { href: `/family?${key}`, text: text("family_look") });
};

const undo = async () => {
  const last = undoing ? null : done.pop();
  if (!last) return;
  at("undo").disabled = done.length === 0;
  undoing = true;
  try {
    await last.saved;
    const undone = await ask("undo", { batch_id: last.batch_id });
    count("left", 1);
    count("today", -1);
    putBack();
    const item = { ...last.question.item, version: undone.entries[0].version };
    show({ ...last.question, item, again: true, picked: last.value, comment: last.comment });
    notify(text("undone"));
  } catch (error) {
    notify(error.message, error.link);
  } finally {
    undoing = false;
  }
};

const skip = async () => {
  if (!current) return;
  const { again, item } = current;
  show(ahead.shift());
  if (!again) await ask("queue/release", { tokens: [item.token], skipped: true }).catch(() => {});
  exhausted = false; // where nothing else is left, it comes again
  load();
};

const pick = (place) => {
  const radio = form.querySelectorAll("input[name=value]")[place];
  if (!radio) return;
  radio.checked = true;
  radio.focus();
};

const unzoom = () => {
  zoom.setAttribute("aria-pressed", "false");
  zoom.style.removeProperty("--x");
  zoom.style.removeProperty("--y");
};
const toggleZoom = () => {
  const on = zoom.getAttribute("aria-pressed") !== "true";
  if (!on) return unzoom();
  zoom.setAttribute("aria-pressed", "true");
  if (big.dataset.id) big.src = photo(big.dataset.id, 1280);
};
zoom.addEventListener("click", toggleZoom);
zoom.addEventListener("pointermove", (event) => {
  const box = zoom.getBoundingClientRect();
  zoom.style.setProperty("--x", `${(100 * (event.clientX - box.left)) / box.width}%`);
  zoom.style.setProperty("--y", `${(100 * (event.clientY - box.top)) / box.height}%`);
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const value = form.elements.value?.value ?? new FormData(form).get("value");
  if (value) decide("decided", value);
  else notify(text("pick_first"));
});
for (const button of desk.querySelectorAll("[data-outcome]")) {
  button.addEventListener("click", () => decide(button.dataset.outcome));
}
at("skip").addEventListener("click", skip);
at("undo").addEventListener("click", undo);
at("find").addEventListener("input", (event) => {
  const wanted = folded(event.target.value);
  for (const label of at("choices").children) label.hidden = !folded(label.textContent).includes(wanted);
});
at("find").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const radio = at("choices").querySelector("label:not([hidden]) input");
  if (radio) {
    radio.checked = true;
    radio.focus();
  }
});

const keys = {
  u: () => decide("unsure"),
  x: () => decide("unusable_photo"),
  m: () => decide("value_missing"),
  s: skip,
  z: undo,
  c: () => form.elements.comment.focus(),
  v: () => at("find").hidden || at("find").focus(),
  "+": toggleZoom,
  f: () => {
    const { href } = document.getElementById("notice").dataset;
    if (href) location.assign(href);
  },
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const writing = event.target.matches("input:not([type=radio]), select, textarea");
  if (writing) {
    if (event.key === "Escape") form.querySelector("input[name=value]")?.focus();
    return;
  }
  if (/^[1-9]$/.test(event.key)) pick(Number(event.key) - 1);
  else if (event.key === "Enter" && !event.target.closest("a, button, summary")) form.requestSubmit();
  else if (keys[event.key.toLowerCase()]) keys[event.key.toLowerCase()]();
  else return;
  event.preventDefault();
});
addEventListener("pagehide", () => {
  const tokens = [current, ...ahead].filter((one) => one && !one.again).map((one) => one.item.token);
  if (!tokens.length) return;
  const forgery = document.querySelector("meta[name=forgery]").content;
  const headers = { "Content-Type": "application/json", "X-Forgery-Token": forgery };
  fetch("/api/v1/queue/release", { method: "POST", headers, body: JSON.stringify({ tokens }), keepalive: true });
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
failed.querySelector("button").addEventListener("click", load);
addEventListener("online", () => problem && load());
load();
