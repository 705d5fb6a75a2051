// Goods receipt on a phone: find the line, take a photo, read the answer. What the network loses waits here and is sent
// again under the same id, so that nothing is lost and nothing counts twice.
import { Camera, canLook, drawn } from "./camera.js";
import { ask, say } from "./desk.js";

const root = document.getElementById("receive");
const words = JSON.parse(document.getElementById("words").textContent);
const at = (name) => root.querySelector(`[data-${name}]`);
const text = (key, values = {}) => (words[key] ?? key).replace(/{(\w+)}/g, (whole, name) => values[name] ?? whole);
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
// crypto.randomUUID is not there over plain HTTP
const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// what waits, and the lines seen last, in the browser's own database

let database = null;
const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open("vitrine-receive", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("waiting", { keyPath: "id" });
    request.result.createObjectStore("lines", { keyPath: "line_id" });
  };
  request.onsuccess = () => resolve((database = request.result));
  request.onerror = () => reject(request.error);
});
const store = async (name, mode, act) => {
  await opened;
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name, mode);
    const request = act(transaction.objectStore(name));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
};
const keep = (item) => store("waiting", "readwrite", (all) => all.put(item));
const drop = (item) => store("waiting", "readwrite", (all) => all.delete(item.id));
const waiting = async () => (await store("waiting", "readonly", (all) => all.getAll())).sort((a, b) => a.at - b.at);

// lines

let line = null;
let current = null; // the photo whose answer is on screen
let asked = 0;

const known = async (wanted) => {
  const lines = await store("lines", "readonly", (all) => all.getAll());
  const parts = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const all = (one) => [one.line_id, one.barcode, one.sku, one.brand, one.supplier, one.description].join(" ").toLowerCase();
  return lines.filter((one) => parts.every((part) => all(one).includes(part))).slice(0, 20);
};
const remember = (lines) => store("lines", "readwrite", (all) => lines.map((one) => all.put(one)).at(-1) ?? all.count());

const named = (one) => one.brand ?? one.description ?? one.sku ?? one.line_id;
const told = (one) => {
  const many = one.quantity && `${one.quantity} ${one.unit ? text(`unit_${one.unit}`) : ""}`.trim();
  const parts = new Set([one.line_id, one.sku, many, one.supplier]);
  parts.delete(named(one)); // it stands above
  return [...parts].filter(Boolean).join(" · ");
};

let typed;
const find = async () => {
  clearTimeout(typed);
  const wanted = at("find").value.trim();
  const turn = ++asked;
  let lines;
  try {
    lines = await ask(`order-lines?limit=20&q=${encodeURIComponent(wanted)}`);
    await remember(lines);
  } catch (error) {
    if (error.status) return tell(error.message);
    lines = await known(wanted);
  }
  if (turn !== asked) return;
  const exact = wanted && lines.length === 1 && [lines[0].barcode, lines[0].line_id, lines[0].sku].includes(wanted);
  if (exact) return choose(lines[0]);
  at("lines").replaceChildren(
    ...lines.map((one) => {
      const button = make("button", { type: "button" }, make("b", { textContent: named(one) }));
      button.append(make("small", { textContent: told(one) }));
      button.addEventListener("click", () => choose(one));
      return make("li", {}, button);
    }),
  );
  at("none").hidden = lines.length > 0;
};

const show = (name) => {
  for (const step of root.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
  if (name !== "line") stopCamera();
};

const choose = (one) => {
  line = one;
  asked += 1; // what is still being looked for is no longer wanted
  at("named").textContent = named(one);
  at("told").textContent = told(one);
  at("reference").hidden = !one.photo_id;
  if (one.photo_id) at("reference").src = `/photos/${one.photo_id}/320`;
  else at("reference").removeAttribute("src");
  show("line");
  at("shoot").focus();
};

const again = () => {
  line = current = null;
  at("find").value = "";
  show("find");
  at("find").focus();
  find();
};

// photos

const shrink = async (file) => {
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, 1600 / Math.max(picture.width, picture.height));
    return await drawn(picture, picture.width * scale, picture.height * scale, at("taken"));
  } catch {
    at("taken").width = at("taken").height = 1;
    return file; // what this browser cannot read, the server may
  }
};

const take = async (photo) => {
  const item = { id: newId(), kind: "receipt", line, photo, at: Date.now(), person: root.dataset.person };
  present(item, null);
  try {
    await keep(item);
  } catch {
    tell(text("not_kept"));
  }
  await send(item);
};

// another photo would be told no more
const beyond = ["no_brands", "nothing_to_compare", "brand_not_learnt", "not_proven"];

const present = (item, answer) => {
  current = { item, answer };
  at("verdict").dataset.verdict = answer?.answer ?? "looking";
  at("verdict").dataset.kept = "";
  at("says").textContent = answer ? text(answer.answer) : text("looking");
  at("why").textContent = answer ? reason(answer) : named(item.line);
  at("notes").textContent = answer ? notes(answer).map((note) => text(`note_${note}`)).join(" ") : "";
  at("compared").hidden = false;
  at("shown").hidden = !item.photo || at("taken").width === 1; // of an answer that came in later the picture is gone
  const beside = answer?.product?.photos[0].photo_id ?? item.line.photo_id;
  at("evidence").replaceChildren(...(answer ? pictures(answer, beside) : []));
  at("evidence-heading").hidden = !at("evidence").children.length;
  at("beside").hidden = !beside;
  if (beside) at("beside").querySelector("img").src = `/photos/${beside}/320`;
  const promises = answer?.promises ?? [];
  const hall = promises.some((one) => one.on === "deliveries") ? [text("promise_on_deliveries")] : [];
  at("promise").textContent = [...promises.map(promised), ...hall].join(" ");
  at("sure").hidden = promises.length === 0;
  at("sure").open = false;
  at("retake").hidden = answer?.answer !== "unknown" || beyond.includes(answer.reason);
  for (const button of root.querySelectorAll("[data-action]")) {
    button.hidden = false;
    button.setAttribute("aria-pressed", String(answer?.action === button.dataset.action));
    button.classList.toggle("main", button.dataset.action === { match: "accepted", mismatch: "refused" }[answer?.answer]);
  }
  show("answer");
  if (answer) say(`${text(answer.answer)}. ${reason(answer)}`);
};

const promised = (one) => text(`promise_${one.kind}`, { rate: percent(one.rate), sure: percent(one.confidence), n: one.n });
const percent = (share) =>
  new Intl.NumberFormat(document.documentElement.lang, { style: "percent", maximumFractionDigits: 1 }).format(Math.min(share, 0.999));
const reason = (answer) =>
  text(`why_${answer.reason}`, {
    brand: answer.brand ?? "–",
    expected: answer.expected ?? "–",
    sure: answer.confidence === null ? "–" : percent(answer.confidence),
    sku: answer.sku ?? "–",
  });

// what is too dark was not saved by brightening, and is not blurred either
const notes = (answer) => (answer.reason === "too_dark" ? [] : answer.notes);

const pictures = (answer, beside) =>
  answer.evidence.filter((one) => one.photo_id !== beside).slice(0, 6).map((one) => {
    const picture = make("img", { src: `/photos/${one.photo_id}/160`, width: 160, height: 160, alt: "", decoding: "async" });
    return make("li", {}, picture, make("b", { textContent: one.brand ?? one.sku }), make("small", { textContent: percent(Math.max(0, one.similarity)) }));
  });

// sending

let sending = false;

const send = async (item) => {
  try {
    const answer = item.kind === "receipt" ? await sendReceipt(item) : await ask(`receipts/${item.receipt_id}/handling`, item.body);
    await drop(item).catch(() => null);
    if (item.kind === "receipt" && answer.receipt_id !== item.id) {
      // the server knew this photo of this line under another id: what was done with it belongs there
      for (const later of await waiting().catch(() => [])) {
        if (later.receipt_id === item.id) await keep({ ...later, receipt_id: answer.receipt_id });
      }
    }
    if (current?.item.id === item.id || current?.answer?.receipt_id === answer.receipt_id) present(current.item, answer);
    else if (item.kind === "receipt") arrived(answer);
    return true;
  } catch (error) {
    const final = error.status && error.status < 500 && ![401, 403, 408, 429].includes(error.status);
    if (final) await drop(item).catch(() => null);
    if (current?.item.id === item.id) unanswered(final ? why(error) : text(error.status === 401 ? "sign_in" : "kept"), final);
    else if (final) tell(why(error));
    return final;
  } finally {
    await count();
  }
};
const sendReceipt = (item) => {
  const form = new FormData();
  form.append("receipt_id", item.id);
  form.append("line_id", item.line.line_id);
  form.append("taken_at", new Date(item.at).toISOString());
  form.append("photo", item.photo, "photo.jpg");
  return ask("receipts", form);
};

/** Everything that waits, in the order in which it was done; at the first one that does not get through the rest waits on. */
const sendWaiting = async () => {
  if (sending) return;
  sending = true;
  try {
    const mine = (item) => item.person === root.dataset.person && (current?.item.id !== item.id || at("verdict").dataset.kept);
    for (let item; (item = (await waiting()).find(mine)); ) if (!(await send(item))) break;
  } finally {
    sending = false;
  }
};

const unanswered = (why, final) => {
  at("verdict").dataset.verdict = final ? "failed" : "kept";
  at("verdict").dataset.kept = final ? "" : "yes";
  at("says").textContent = text(final ? "failed" : "kept_heading");
  at("why").textContent = why;
  if (final) {
    at("retake").hidden = false;
    at("compared").hidden = true;
    for (const button of root.querySelectorAll("[data-action]")) button.hidden = true;
  }
  say(why);
};

const arrived = (answer) => {
  const heading = make("b", { textContent: text(answer.answer) });
  const button = make("button", { type: "button" }, heading, make("small", { textContent: `${answer.line_id} · ${reason(answer)}` }));
  button.dataset.verdict = answer.answer;
  button.addEventListener("click", () => present({ id: answer.receipt_id, line: { line_id: answer.line_id } }, answer));
  at("arrived").prepend(make("li", {}, button));
  at("arrived").hidden = false;
};

const count = async () => {
  const items = (await waiting().catch(() => [])).filter((item) => item.kind === "receipt");
  at("waiting").hidden = items.length === 0;
  at("waiting").textContent = text(items.length === 1 ? "waiting_one" : "waiting_more", { n: items.length });
};

const why = (error) => (error.body?.error === "unreadable-photo" ? text("unreadable") : error.message);

const tell = (message) => {
  const notice = document.getElementById("notice");
  notice.textContent = message;
  notice.hidden = false;
  setTimeout(() => (notice.hidden = true), 6000);
};

for (const button of root.querySelectorAll("[data-action]")) {
  button.addEventListener("click", async () => {
    if (!current) return;
    const body = { handling_id: newId(), action: button.dataset.action };
    const receipt = current.answer?.receipt_id ?? current.item.id;
    const item = { id: body.handling_id, kind: "handling", receipt_id: receipt, body, at: Date.now(), person: root.dataset.person };
    await keep(item).catch(() => null);
    again();
    await sendWaiting();
  });
}

// the camera, where the connection is secure; elsewhere the phone's own camera app takes the photo

const camera = new Camera(at("video"));
const stopCamera = () => {
  camera.stop();
  at("snap").hidden = true;
};
const startCamera = async () => {
  try {
    await camera.start();
    at("snap").hidden = false;
  } catch (error) {
    stopCamera();
    tell(text("no_camera", { why: error.message }));
  }
};
const snap = async () => take(await camera.shoot(at("taken")));

at("live").hidden = !canLook;
at("live").addEventListener("click", startCamera);
at("snap").addEventListener("click", snap);

const scan = async () => {
  await startCamera();
  at("snap").hidden = true;
  const detector = new BarcodeDetector();
  while (camera.on) {
    const [code] = await detector.detect(at("video")).catch(() => []);
    if (code && camera.on) {
      stopCamera();
      at("find").value = code.rawValue;
      return find();
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};
at("scan").hidden = !(canLook && "BarcodeDetector" in window);
at("scan").addEventListener("click", scan);

for (const input of [at("shoot"), at("reshoot")]) {
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    if (input === at("reshoot")) line = current.item.line;
    await take(await shrink(file));
  });
}
at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  find();
});
at("find").addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(find, 200);
});
for (const button of root.querySelectorAll("[data-again]")) button.addEventListener("click", again);
addEventListener("online", sendWaiting);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && sendWaiting());
setInterval(sendWaiting, 15000);

show("find");
count();
find();
sendWaiting();
// lines for when the network is away
ask("order-lines?limit=500").then(remember).catch(() => null);
