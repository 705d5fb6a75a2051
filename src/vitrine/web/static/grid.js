// The grid and the family: mark or choose with the keyboard, enter everything in one action, undo it as one.
// The product's page, which follows a correction, says what was entered and undoes it, too.
import { ask, notify } from "./desk.js";

const sweep = document.getElementById("sweep");
const form = sweep ?? document.getElementById("correct");
const words = JSON.parse(document.getElementById("words").textContent);
const text = (key, values = {}) => words[key].replace(/{(\w+)}/g, (whole, name) => values[name] ?? whole);
const LAST = "vitrine-last-action"; // the page changes after an action, and undo must survive that

const remember = (action) => sessionStorage.setItem(LAST, JSON.stringify(action));
const known = JSON.parse(sessionStorage.getItem(LAST) ?? "null");
// a page that only looks undoes what has just led to it, nothing older
const last = document.querySelector("article.product") && known?.told ? null : known;
const undoButton = document.querySelector("[data-undo]");
if (last && undoButton) undoButton.disabled = !last.batch_id;
if (last && !last.told) {
  notify(last.batch_id ? `${last.message} ${text("z_undoes")}` : last.message);
  remember({ ...last, told: true });
}

const undo = async () => {
  if (!last?.batch_id) return;
  try {
    await ask("undo", { batch_id: last.batch_id });
    remember({ message: text("undone") });
    location.assign(last.where);
  } catch (error) {
    notify(error.message, error.link);
  }
};
undoButton?.addEventListener("click", undo);

const boxes = form ? [...form.querySelectorAll("input[type=checkbox]")] : [];
if (form) {
  const main = form.querySelector("button.main");
  let sending = false;
  const shown = () => {
    const marked = boxes.filter((box) => box.checked).length;
    form.querySelector("[data-count]").textContent = sweep ? boxes.length - marked : marked;
    main.disabled = sending || !(sweep || marked);
    const note = form.querySelector("[data-marked]");
    if (note) note.textContent = marked ? text("marked", { n: marked }) : "";
  };
  form.addEventListener("change", shown);
  addEventListener("pageshow", shown);
  shown();

  const batch_id = crypto.randomUUID ? crypto.randomUUID() : `b${Date.now()}${Math.random().toString(36).slice(2)}`;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const checked = boxes.filter((box) => box.checked);
    if (sending) return;
    if (!sweep && !checked.length) return notify(text("none_chosen"));
    sending = main.disabled = true;
    const { attribute, value, next } = form.dataset;
    const versions = (some) => Object.fromEntries(some.map((box) => [box.value, Number(box.dataset.version)]));
    const body = sweep
      ? { batch_id, attribute, value, shown: versions(boxes), wrong: checked.map((box) => box.value) }
      : { batch_id, attribute, value, chosen: versions(checked) };
    try {
      const acted = await ask(sweep ? "grid" : "family", body);
      const late = Object.values(acted.conflicts);
      const held = Object.keys(acted.held_back).length;
      const message = [
        text("entered", { n: acted.entries.length }),
        held ? text("held_back", { n: held }) : "",
        late.length ? text("too_late", { n: late.length, first: late[0] }) : "",
      ];
      const said = message.filter(Boolean).join(" ");
      remember({ batch_id: acted.entries.length ? batch_id : null, message: said, where: location.href });
      location.assign(next);
    } catch (error) {
      sending = main.disabled = false;
      notify(error.message, error.link);
    }
  });
}

const columns = () => {
  const top = boxes[0]?.closest("li").offsetTop;
  return boxes.filter((box) => box.closest("li").offsetTop === top).length || 1;
};
const move = (by) => {
  const place = boxes.indexOf(document.activeElement);
  const to = boxes[place < 0 ? 0 : Math.min(boxes.length - 1, Math.max(0, place + by))];
  to?.focus();
  to?.closest("li").scrollIntoView({ block: "nearest" });
};
const steps = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -columns(), ArrowDown: () => columns() };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input:not([type=checkbox]), select, textarea")) return;
  if (steps[event.key] && boxes.length) move(steps[event.key]());
  else if (event.key.toLowerCase() === "a" && form) form.requestSubmit();
  else if (event.key.toLowerCase() === "z") undo();
  else return;
  event.preventDefault();
});
