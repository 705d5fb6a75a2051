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

// "today" begins at the visitor's own midnight
document.cookie = `utc-offset=${-new Date().getTimezoneOffset()}; path=/; max-age=31536000; samesite=lax`;

// on a narrow screen the bar may hide the page that is open
const open = document.querySelector(".top nav [aria-current]");
if (open) open.parentElement.scrollLeft = open.offsetLeft - open.parentElement.offsetLeft - 24;

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
for (const waiting of document.querySelectorAll("[data-reload]")) {
  setTimeout(() => location.reload(), 1000 * waiting.dataset.reload);
}
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

const said = document.getElementById("said"); // it also has the words for what fails on every page

/** Say something to those who listen rather than look. */
export const say = (text) => {
  said.textContent = text;
};

/** Show a message at the foot of the page, with a `link` ({href, text}) where there is one. */
export const notify = (message, link) => {
  const notice = document.getElementById("notice");
  const line = document.createElement("span");
  line.textContent = message;
  notice.replaceChildren(line);
  if (link) notice.append(Object.assign(document.createElement("a"), { className: "link", href: link.href, textContent: link.text }));
  notice.hidden = false;
  notice.dataset.href = link?.href ?? "";
};

const refused = (status, data) => {
  const over = status === 401;
  const back = encodeURIComponent(location.pathname + location.search);
  const link = over ? { href: `/login?back=${back}`, text: said.dataset.signIn } : undefined;
  return Object.assign(new Error(over ? said.dataset.sessionOver : data.message), { status, body: data, link });
};

/**
 * Ask the API, with JSON or a form; resolves with its JSON. Rejects with an Error in the reader's words that carries
 * `status` and `body`, and a `link` to sign in when the session is over; without `status` no answer of ours came back.
 */
export const ask = async (path, body, method = body === undefined ? "GET" : "POST") => {
  const headers = { Accept: "application/json" };
  if (method !== "GET") {
    if (!(body instanceof FormData)) headers["Content-Type"] = "application/json";
    headers["X-Forgery-Token"] = document.querySelector("meta[name=forgery]").content;
  }
  const sent = body instanceof FormData ? body : body && JSON.stringify(body);
  const answer = await fetch(`/api/v1/${path}`, { method, headers, body: sent }).catch(() => {
    throw new Error(said.dataset.lost);
  });
  const data = await (answer.status === 204 ? null : answer.json().catch(() => {
    throw new Error(said.dataset.unclear); // a proxy's page, or half an answer
  }));
  if (!answer.ok) throw refused(answer.status, data);
  return data;
};
