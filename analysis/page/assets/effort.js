// What early stopping did, what all of it cost, what failed, and the sweep as it was written.

function drawAudit(host) {
  const { audit, sweep } = page.data;
  if (!audit) return false;
  if (known(audit.saved_steps)) {
    host.append(
      h(
        "p",
        {},
        `Stopping saved ${percent(audit.saved_steps / audit.all_steps)} of the training: ${plural(audit.saved_steps, sweep.unit)} of ${audit.all_steps}.`,
      ),
    );
  }
  const rows = audit.rungs
    .slice(0, 30)
    .map((one) => [
      `${sweep.unit} ${one.step}`,
      one.reached,
      one.stopped,
      number(one.best_stopped),
      known(one.turned) ? `${percent(one.turned)} of pairs (${one.full_runs} runs)` : "too few full runs",
    ]);
  host.append(table(["after", "came so far", "stopped", `best ${sweep.metric} stopped`, "order turns"], rows));
  host.append(
    h(
      "p",
      { class: "quiet small" },
      "The last column: of two runs trained in full, how often the one that is behind at this step is ahead at the end. Near 50 %, comparing there is tossing a coin. These are runs that were not stopped: among all trials the order changes less.",
    ),
  );
  return true;
}

function drawCosts(host) {
  const lines = page.data.costs;
  if (!lines.length) return false;
  const priced = lines.some((one) => known(one.usd));
  const gpu = lines.some((one) => one.gpu_hours > 0);
  const heads = ["phase", "trials", "in training", "CPU hours", gpu && "GPU hours", priced && "US dollars"].filter(
    Boolean,
  );
  const cells = (one) =>
    [
      one.phase,
      one.trials,
      seconds(one.seconds),
      short(one.cpu_hours, 3),
      gpu ? short(one.gpu_hours, 3) : null,
      priced ? short(one.usd, 4) : null,
    ].filter((cell) => cell !== null);
  host.append(table(heads, lines.map(cells)));
  return true;
}

function drawFailures(host) {
  const { failures, board } = page.data;
  const broken = Object.entries(board.broken_limits);
  if (!failures.length && !broken.length) return false;
  const named = (one) =>
    one.trials.map(({ trial, phase }) => (phase === "search" ? trial : `${trial} (${phase})`)).join(", ");
  const rows = failures.map((one) => [
    one.count,
    h("td", { class: "wrap" }, one.reason),
    h("td", { class: "wrap" }, `${named(one)}${one.count > one.trials.length ? ", …" : ""}`),
  ]);
  if (rows.length) host.append(table(["times", "reason", "trials"], rows));
  for (const [trial, why] of broken) host.append(h("p", {}, `trial ${trial} breaks ${why}`));
  return true;
}

function drawNotes(host) {
  const { board } = page.data;
  const lines = [board.statement, ...board.notes, board.stopped].filter(Boolean);
  if (!lines.length && !board.assumptions.length) return false;
  host.append(
    h(
      "ul",
      { class: "small" },
      lines.map((line) => h("li", {}, line)),
    ),
  );
  const holds = { true: "holds", false: "does not hold", null: "cannot be told" };
  if (board.assumptions.length)
    host.append(
      table(
        ["assumption", "", "what was seen"],
        board.assumptions.map((one) => [
          one.name,
          h("td", { class: one.holds === false ? "warning" : "quiet" }, holds[one.holds]),
          h("td", { class: "wrap" }, one.text),
        ]),
      ),
    );
  return true;
}

function drawSweep(host) {
  const { export: command, spec, assay } = page.data;
  const button = h(
    "button",
    { class: "plain", "data-focus": "copy export", on: { click: (event) => copy(command, event.target) } },
    "copy",
  );
  host.append(
    h(
      "p",
      {},
      page.data.board.replicated ? "Hand the winner over: " : "Hand the best config so far over: ",
      h("code", {}, command),
      " ",
      button,
    ),
    fold("spec", "The sweep, with all defaults", () => h("pre", { tabindex: 0 }, spec)),
    h("p", { class: "quiet small" }, `Assay ${assay}`),
  );
  return true;
}

// <details> that remember whether they are open, and draw only then.
function fold(id, title, draw) {
  const inner = h("div", {});
  const outer = h(
    "details",
    { id, open: page.opened[id] === true },
    h("summary", { "data-focus": `fold ${id}` }, title),
    inner,
  );
  const show = () => {
    page.opened[id] = outer.open;
    if (outer.open && !inner.childElementCount) inner.append(draw());
  };
  outer.addEventListener("toggle", show);
  if (outer.open) show();
  return outer;
}
