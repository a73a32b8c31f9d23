// What the reader came for: the answer, and how sure it is.

function figure(term, value, hint) {
  return value === null ? null : h("div", { title: hint }, h("dt", {}, term), h("dd", {}, value));
}

function headlineFigures() {
  const { board, sweep } = page.data;
  const row = page.rows.get(best());
  if (!row) return null;
  const level = `${short(100 * (1 - board.alpha))} %`;
  const start = board.rows.find((one) => one.default);
  const gain = start && start !== row && start.fresh && row.fresh ? sign() * (row.fresh.mean - start.fresh.mean) : null;
  const reported = board.reported ?? row.fresh;
  const shrunk = board.reported ? null : row.shrunk;
  return h(
    "dl",
    { class: "figures" },
    figure(
      board.replicated ? "winner" : "best of the search",
      `trial ${row.trial}${row.default ? " (default config)" : ""}`,
    ),
    reported
      ? figure(
          `${sweep.metric}${board.reported ? ", reported" : ""} (${level})`,
          interval(reported),
          "over fresh replicates",
        )
      : figure(`search ${sweep.metric}`, number(row.search_score), "it flatters: the best of many was chosen by it"),
    known(shrunk)
      ? figure("drawn towards the others", number(shrunk), "the least biased statement of a further run")
      : null,
    row.test ? figure(`sealed test (${level})`, interval(row.test)) : null,
    known(gain) ? figure("better than the default by", signed(gain)) : null,
    known(board.p_best_among_finalists)
      ? figure(
          `the best of ${board.full_runs} full runs is a finalist`,
          chance(board.p_best_among_finalists),
          "a model's opinion of all configs that were trained in full",
        )
      : null,
    known(board.expected_regret)
      ? figure("expected regret", number(board.expected_regret), "by how much the best of them is expected to be better")
      : null,
    figure("training", seconds(row.cost_seconds), "of a full run"),
  );
}

function counted() {
  const words = Object.entries(page.data.sweep.counts).map(
    ([phase, states]) =>
      `${phase}: ${Object.entries(states)
        .map(([state, count]) => `${count} ${state}`)
        .join(", ")}`,
  );
  return words.join(" · ");
}

function themeButton() {
  const root = document.documentElement;
  const dark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const turn = (event) => {
    root.dataset.theme = dark() ? "light" : "dark";
    event.target.textContent = dark() ? "light" : "dark";
  };
  return h(
    "button",
    { class: "plain", id: "theme", "aria-label": "change between light and dark", on: { click: turn } },
    dark() ? "light" : "dark",
  );
}

function drawHeader(host) {
  const { sweep, board } = page.data;
  const started = new Date(sweep.created * 1000);
  host.append(
    h(
      "div",
      { class: "top" },
      h("h1", {}, sweep.name),
      h("span", { class: `state ${sweep.state}` }, sweep.state),
      h("span", { class: "push" }, themeButton()),
    ),
    h(
      "p",
      { class: "quiet" },
      [sweep.description, `started ${started.toISOString().slice(0, 16).replace("T", " ")} UTC`, counted()]
        .filter(Boolean)
        .join(" · "),
    ),
    sweep.note ? h("p", { class: "quiet" }, sweep.note) : "",
    h("p", { class: "headline", id: "headline" }, board.headline),
    headlineFigures() ?? "",
    ...(board.ask_for ?? []).map((text) => h("p", { class: "quiet" }, text)),
  );
}
