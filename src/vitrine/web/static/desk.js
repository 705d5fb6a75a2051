// What every page can do: keys, dialogs, selects that submit, questions before what cannot be taken back.
const typing = (element) => element.closest("input, select, textarea, [contenteditable]") !== null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "/") {
    event.preventDefault();
    document.querySelector(".find input")?.focus();
  } else if (event.key === "?") {
    event.preventDefault();
    document.getElementById("keys")?.showModal();
  }
});

for (const opener of document.querySelectorAll("[data-dialog]")) {
  opener.addEventListener("click", () => document.getElementById(opener.dataset.dialog).showModal());
}
for (const select of document.querySelectorAll("select[data-submit]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
for (const form of document.querySelectorAll("form[data-sure]")) {
  form.addEventListener("submit", (event) => {
    if (!confirm(form.dataset.sure)) event.preventDefault();
  });
}
for (const form of document.querySelectorAll("form[data-filters]")) {
  const empty = () => {
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
  };
  form.addEventListener("submit", empty);
  for (const select of form.querySelectorAll("select")) {
    select.addEventListener("change", () => {
      if (select.name === "attribute" && form.elements.value) form.elements.value.value = "";
      form.requestSubmit();
    });
  }
}
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form[data-filters] [name]:disabled")) {
    if (field.options === undefined || field.options.length > 1) field.disabled = false;
  }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

/** Say something to those who listen rather than look. */
export const say = (text) => {
  document.getElementById("said").textContent = text;
};

/** Ask the API, with JSON or a form; resolves with its JSON, rejects with an Error that carries `status` and `body`. */
export const ask = async (path, body, method = body === undefined ? "GET" : "POST") => {
  const headers = { Accept: "application/json" };
  if (method !== "GET") {
    if (!(body instanceof FormData)) headers["Content-Type"] = "application/json";
    headers["X-Forgery-Token"] = document.querySelector("meta[name=forgery]").content;
  }
  const sent = body instanceof FormData ? body : body && JSON.stringify(body);
  const answer = await fetch(`/api/v1/${path}`, { method, headers, body: sent });
  const data = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw Object.assign(new Error(data.message), { status: answer.status, body: data });
  return data;
};
