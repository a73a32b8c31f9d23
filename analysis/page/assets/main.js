// The page: sections in order, drawn from the data, and drawn anew when data or choices change.

const SECTIONS = [
  ["leaderboard", "Leaderboard", drawLeaderboard, "wide"],
  ["network", "Network", drawNetwork, "wide"],
  ["forest", "Fresh scores", drawForest, "half"],
  ["paired", "Paired replicates", drawPaired, "half"],
  ["differences", "Differences", drawDifferences, "half"],
  ["optimism", "Search and fresh scores", drawOptimism, "half"],
  ["superiority", "Who beats whom", drawSuperiority, "half"],
  ["history", "History", drawHistory, "half"],
  ["curves", "Learning curves", drawCurves, "half"],
  ["front", "Front", drawFront, "half"],
  ["parallel", "Parallel coordinates", drawParallel, "wide"],
  ["importance", "Importance", drawImportance, "half"],
  ["ensemble", "Ensemble", drawEnsemble, "half"],
  ["test", "Sealed test", drawTest, "half"],
  ["supernet", "Supernet", drawSupernet, "half"],
  ["diagnostics", "Diagnostics", drawDiagnostics, "wide"],
  ["audit", "Early stopping", drawAudit, "half"],
  ["costs", "Costs", drawCosts, "half"],
  ["failures", "Failures", drawFailures, "half"],
  ["notes", "How to read it", drawNotes, "half"],
  ["trials", "Trials", drawTrials, "wide"],
  ["sweep", "Sweep and export", drawSweep, "wide"],
];

function titleOf(id, title) {
  if (id === "network" && page.data.network) return `Network of trial ${page.data.network.trial}`;
  return id === "trials" ? `All ${plural(trials().number.length, "trial")} of the search` : title;
}

// A section has to stand in the page before it is drawn: drawings ask how wide it is.
function drawSection([id, title, draw, size], host) {
  const inner = h("div", { class: "inner" });
  const section = h(
    "section",
    { class: `card ${size === "half" ? "half" : ""}`, id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, titleOf(id, title)),
    inner,
  );
  host.append(section);
  if (draw(inner) === false) section.remove();
  return section.isConnected;
}

function draw() {
  const root = document.getElementById("page");
  const [header, nav, grid] = [h("header", {}), h("nav", { "aria-label": "sections" }), h("main", { class: "grid" })];
  const [top, focus] = [scrollY, document.activeElement?.getAttribute("data-focus")];
  root.replaceChildren(header, nav, grid);
  document.title = `${page.data.sweep.name} – Assay`;
  drawHeader(header);
  for (const section of SECTIONS) {
    if (drawSection(section, grid)) nav.append(h("a", { href: `#${section[0]}` }, section[1]));
  }
  mark();
  if (top) scrollTo({ top, behavior: "instant" });
  if (focus) document.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
}

function redraw(id) {
  const entry = SECTIONS.find((section) => section[0] === id);
  const inner = document.querySelector(`#${id} .inner`);
  if (!inner) return;
  const focus = document.activeElement?.getAttribute("data-focus");
  inner.replaceChildren();
  entry[2](inner);
  mark();
  if (focus) inner.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
}

function select(trial) {
  page.picked = page.picked === trial ? null : trial;
  const detail = document.getElementById("detail");
  if (detail) drawDetail(detail);
  redraw("curves");
  mark();
}

// What is chosen, wherever it is shown, and a line at the bottom that says so.
function mark() {
  for (const element of document.querySelectorAll("tr[data-trial]")) {
    const here = Number(element.dataset.trial) === page.picked;
    element.classList.toggle("picked", here);
    element.setAttribute("aria-selected", String(here));
  }
  for (const element of document.querySelectorAll("path.trial"))
    element.classList.toggle("picked", Number(element.dataset.trial) === page.picked);
  document.getElementById("dock")?.remove();
  if (page.picked === null) return;
  const trial = page.picked;
  document.body.append(
    h(
      "div",
      { class: "dock", id: "dock", role: "status" },
      h("span", {}, trialText(trial).replaceAll("\n", " · ")),
      h("a", { href: "#detail" }, "config"),
      h("button", { class: "plain", on: { click: (event) => copy(configYaml(trial), event.target) } }, "copy YAML"),
      h("button", { class: "plain", on: { click: () => select(trial) } }, "clear"),
    ),
  );
}

let drawnWidth = innerWidth;
let waiting = null;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (innerWidth !== drawnWidth) draw();
    drawnWidth = innerWidth;
  }, 150);
});

taken(JSON.parse(document.getElementById("data").textContent));
draw();
if (document.documentElement.dataset.live === "yes") follow();
