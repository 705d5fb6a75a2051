// While a job runs, the page keeps itself up to date.
const list = document.querySelector("[data-jobs]");

const refresh = async () => {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-jobs]");
  if (!fresh.dataset.running) return location.reload();
  list.replaceChildren(...fresh.children);
};

if (list?.dataset.running) setInterval(refresh, 1500);
