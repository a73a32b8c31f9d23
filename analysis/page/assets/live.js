// Served live: asks for newer data every three seconds while the sweep runs; and when the reader comes back to the page,
// because a sweep that is over can be resumed.

const EVERY = 3000;
let version = null; // ETag of the data that is shown
let asking = false;

async function ask() {
  if (asking) return;
  asking = true;
  const answer = await fetch("data.json", {
    cache: "no-store",
    headers: version ? { "If-None-Match": version } : {},
  }).catch(() => null);
  if (answer && answer.ok) {
    version = answer.headers.get("ETag");
    taken(await answer.json());
    draw();
  }
  tell(
    answer === null
      ? "The server does not answer: this is what it said last."
      : answer.ok || answer.status === 304
        ? ""
        : `The server says: ${await answer.text()}`,
  );
  asking = false;
}

function tell(text) {
  document.getElementById("trouble")?.remove();
  if (text) document.querySelector("header")?.prepend(h("p", { class: "warning", id: "trouble", role: "alert" }, text));
}

// The page of @last also looks, ten times more rarely, whether another sweep has begun.
function follow() {
  const newest = location.pathname.includes("@last");
  let ticks = 0;
  setInterval(() => {
    ticks += 1;
    if (!document.hidden && (page.data.sweep.running || (newest && ticks % 10 === 0))) ask();
  }, EVERY);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) ask();
  });
  addEventListener("focus", () => ask());
}
