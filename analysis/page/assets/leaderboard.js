// The finalists: a table to sort and to choose from, and the config of the one chosen.

const MOST_PARAMETERS = 8;
const NETWORK = /^architecture\./;

function differing(rows) {
  const places = rows.map((row) => page.places.get(row.trial));
  const layers = rows.some((row) => row.network) ? NETWORK : /(?!)/; // told in a column of their own
  return columns().filter(
    (column) => !layers.test(column.name) && new Set(places.map((place) => column.values[place])).size > 1,
  );
}

// [heading, sort key of a row, cell of a row, hint]
function boardColumns(rows) {
  const { metric, goal } = page.data.sweep;
  const level = `${short(100 * (1 - page.data.board.alpha))} %`;
  const some = (test) => rows.some(test);
  const value = (row) => (row.fresh ? row.fresh.mean : row.search_score);
  const names = differing(rows);
  const rank = (row) => row.rank ?? 1e9 + rows.indexOf(row);
  return [
    ["rank", rank, (row) => row.rank ?? "–"],
    [
      "trial",
      (row) => row.trial,
      (row) => [
        row.trial,
        row.default ? tag("default") : "",
        row.rival ? tag("rival") : "",
        row.failed ? tag(`${row.failed} failed`) : "",
      ],
    ],
    [
      `${metric} (${level})`,
      (row) => -sign() * value(row),
      (row) => (row.fresh ? interval(row.fresh) : `search ${number(row.search_score)}`),
      `${goal}; mean over fresh replicates with its interval`,
    ],
    ["n", (row) => -(row.fresh?.count ?? 0), (row) => row.fresh?.count ?? 0, "replicates"],
    some((row) => known(row.p_value)) && [
      "p",
      (row) => -(row.p_value ?? -1),
      pValue,
      "adjusted p of the test that it is worse than the best",
    ],
    some((row) => row.tied) && ["tied", (row) => !row.tied, (row) => (row.tied ? "yes" : "")],
    some((row) => row.network) && [
      "architecture",
      (row) => row.network,
      (row) => h("div", { class: "words", title: row.network }, row.network_short),
    ],
    some((row) => row.supernet) && [
      "supernet",
      (row) => (row.supernet ? 1e6 * (row.supernet.kind !== "top") + row.supernet.place : Infinity),
      (row) => row.supernet?.words ?? "",
      "proposed by the supernet, or drawn at random to check what its scores are worth",
    ],
    some((row) => known(row.p_best)) && [
      "P(best)",
      (row) => -(row.p_best ?? 0),
      (row) => chance(row.p_best),
      "chance to be the best of the finalists, by a model",
    ],
    some((row) => known(row.p_superior)) && [
      "P(best > it)",
      (row) => row.p_superior ?? 0,
      (row) => chance(row.p_superior),
      "chance that a run of the best scores better than a run of this one; 50 % is no difference",
    ],
    some((row) => known(row.shrunk)) && [
      "shrunk",
      (row) => -sign() * (row.shrunk ?? 0),
      (row) => number(row.shrunk),
      "mean drawn towards the others: the least biased statement of a further run",
    ],
    some((row) => row.in_rope !== null && row.in_rope !== undefined) && [
      "equivalent",
      (row) => !row.in_rope,
      (row) => (row.in_rope ? "yes" : ""),
      "worse by less than what is called too small to matter",
    ],
    some((row) => known(row.optimism)) && [
      "optimism",
      (row) => -(row.optimism ?? -Infinity),
      (row) => signed(row.optimism),
      "what the search score claimed beyond the fresh mean",
    ],
    some((row) => row.test) && [
      "sealed test",
      (row) => -sign() * (row.test?.mean ?? -sign() * Infinity),
      (row) => interval(row.test),
    ],
    some((row) => row.left_after) && [
      "left after",
      (row) => row.left_after ?? 1e9,
      (row) => row.left_after ?? "",
      "replicates after which the race dropped it",
    ],
    ...Object.keys(rows[0]?.others ?? {}).map((name) => [
      name,
      (row) => row.others[name]?.mean ?? Infinity,
      (row) => interval(row.others[name]),
    ]),
    ["training", (row) => row.cost_seconds ?? Infinity, (row) => seconds(row.cost_seconds), "of a full run"],
    ...names
      .slice(0, MOST_PARAMETERS)
      .map((column) => [
        column.name,
        (row) => column.values[page.places.get(row.trial)] ?? Infinity,
        (row) => told(column, column.values[page.places.get(row.trial)]),
      ]),
  ].filter(Boolean);
}

const tag = (text) => [" ", h("span", { class: "tag" }, text)];

function sorted(rows, shown, sort) {
  const column = sort && shown.find((one) => one[0] === sort[0]);
  if (!column) return rows;
  const turned = sort[1] ? 1 : -1;
  return [...rows].sort((a, b) => turned * (column[1](a) < column[1](b) ? -1 : column[1](a) > column[1](b) ? 1 : 0));
}

function sortable(columnsShown, sort, resort) {
  return columnsShown.map(([name, , , hint]) => {
    const here = sort && sort[0] === name;
    const order = here ? (sort[1] ? "ascending" : "descending") : null;
    const turn = () => resort([name, here ? !sort[1] : true]);
    return h(
      "th",
      { scope: "col", "aria-sort": order, title: hint },
      h("button", { "data-focus": `sort ${name}`, on: { click: turn } }, name, here ? (sort[1] ? " ▾" : " ▴") : ""),
    );
  });
}

// A row that is chosen by a click or by Enter; arrows go from row to row.
function pickRow(trial, cells, attributes) {
  const row = h(
    "tr",
    { ...attributes, tabindex: 0, "data-trial": trial, "aria-selected": page.picked === trial ? "true" : "false" },
    cells.map((cell) => h("td", {}, cell)),
  );
  row.classList.add("pick");
  row.setAttribute("data-focus", `row ${trial}`);
  row.addEventListener("click", () => select(trial));
  row.addEventListener("keydown", (event) => {
    const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
    if (next) next.focus();
    if (event.key === "Enter" || event.key === " ") select(trial);
    if (next || event.key === "Enter" || event.key === " ") event.preventDefault();
  });
  return row;
}

function drawLeaderboard(host) {
  const { board } = page.data;
  if (!board.rows.length) {
    host.append(h("p", { class: "quiet" }, "No trial has a score yet."));
    return;
  }
  const shownColumns = boardColumns(board.rows);
  const rows = sorted(board.rows, shownColumns, page.boardSort);
  const resort = (sort) => {
    page.boardSort = sort;
    redraw("leaderboard");
  };
  const body = rows.map((row) =>
    pickRow(
      row.trial,
      shownColumns.map((column) => column[2](row)),
      { class: `${row.tied ? "tied" : ""} ${row.trial === board.winner ? "winner" : ""}` },
    ),
  );
  const left = differing(board.rows).length - MOST_PARAMETERS;
  host.append(
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { id: "board" },
        h("thead", {}, h("tr", {}, sortable(shownColumns, page.boardSort, resort))),
        h("tbody", {}, body),
      ),
    ),
    h(
      "p",
      { class: "quiet small" },
      `${board.tied.length ? "Shaded: tied for best. " : ""}Choose a row to see its config${left > 0 ? `; ${left} more parameters differ` : ""}.`,
    ),
    h("div", { id: "detail" }),
  );
  drawDetail(host.querySelector("#detail"));
}

// The config of the chosen trial, as it is written, and against the best and the default.
function drawDetail(host) {
  const trial = shown();
  host.replaceChildren();
  if (trial === null) return;
  const place = page.places.get(trial);
  const yaml = configYaml(trial);
  const others =
    best() === trial ? [] : [[`best, trial ${best()}`, (column) => column.values[page.places.get(best())]]];
  const compared = [...others, ["default", (column) => column.default]];
  const rows = columns().map((column) => {
    const own = column.values[place];
    const cells = compared.map(([, read]) =>
      h("td", { class: read(column) === own ? "quiet" : "differs" }, told(column, read(column)) || "off"),
    );
    return [column.name, told(column, own) || "off", ...cells];
  });
  const button = h(
    "button",
    { class: "plain", id: "copy", "data-focus": "copy", on: { click: (event) => copy(yaml, event.target) } },
    "copy YAML",
  );
  host.append(
    h(
      "div",
      { class: "pair" },
      h(
        "div",
        {},
        h("div", { class: "tools" }, h("h3", {}, `Config of trial ${trial}`), button),
        h("pre", { id: "yaml", tabindex: 0 }, yaml),
      ),
      h(
        "div",
        {},
        h("h3", {}, "Compared"),
        tall(table(["parameter", `trial ${trial}`, ...compared.map(([name]) => name)], rows)),
        page.rows.get(trial)?.rope ? ropeLine(page.rows.get(trial)) : null,
      ),
    ),
  );
}

function ropeLine(row) {
  const { worse, equivalent, better } = row.rope;
  const size = short(page.data.board.rope);
  return h(
    "p",
    { class: "small" },
    `Against the best: worse by more than ${size} ${percent(worse)}, within ${percent(equivalent)}, better by more ${percent(better)}.`,
  );
}
