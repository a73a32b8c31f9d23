// What a reader does with the page, in a real browser. Prints one JSON document: for each check what was found.
// Told on the command line: {chromium, static, hostile, networks, drawn, notebook, live, brush}; the pages are addresses.
// Before the last part a line "change" asks for the live sweep to be changed.

import { chromium } from "playwright-core";

const told = JSON.parse(process.argv[2]);
const found = { errors: [], requests: [], dialogs: [] };
const quiet = [
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const browser = await chromium.launch({
  executablePath: told.chromium,
  args: ["--no-sandbox", "--disable-gpu", ...quiet],
});

// A page that may reach this machine only; what it asks for and what goes wrong is kept.
async function open(address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(15000);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  page.on("pageerror", (error) => found.errors.push(`${address}: ${error.message}`));
  page.on(
    "console",
    (message) => ["error", "warning"].includes(message.type()) && found.errors.push(`${address}: ${message.text()}`),
  );
  page.on("dialog", (dialog) => {
    found.dialogs.push(dialog.message());
    dialog.dismiss();
  });
  await context.route("**/*", (route) => {
    const url = route.request().url();
    found.requests.push(url);
    return url.startsWith("file:") || url.startsWith("http://127.0.0.1:") ? route.continue() : route.abort();
  });
  await page.goto(address);
  return page;
}

const rows = (page) =>
  page.locator("#board tbody tr").evaluateAll((all) => all.map((row) => Number(row.dataset.trial)));
const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const visible = (page) => page.locator("path.trial:not(.out)").count();

async function reading() {
  const page = await open(told.static);
  await page.waitForSelector("#sweep");
  found.title = await page.title();
  found.headline = await page.locator("#headline").textContent();
  found.sections = await page.locator("main > section").evaluateAll((all) => all.map((one) => one.id));
  found.board = await rows(page);
  found.drawings = await page
    .locator("svg[role]")
    .evaluateAll((all) => all.filter((one) => !one.getAttribute("aria-label")).length);
  found.unlabelled = await page.evaluate(
    () =>
      [...document.querySelectorAll("button, input, select")].filter(
        (one) => !one.textContent.trim() && !one.getAttribute("aria-label") && !one.labels?.length,
      ).length,
  );
  found.nan = await page.evaluate(
    () =>
      [...document.querySelectorAll("svg *")].filter((one) =>
        [...one.attributes].some((a) => /NaN|undefined|Infinity/.test(a.value)),
      ).length,
  );
  found.text = await page.evaluate(() => /NaN|undefined|\[object/.test(document.querySelector("main").innerText));
  found.yaml = {};
  for (const trial of found.board) {
    const row = page.locator(`#board tr[data-trial="${trial}"]`);
    if ((await row.getAttribute("aria-selected")) !== "true") await row.click();
    await page.locator("#copy").click();
    found.yaml[trial] = await page.evaluate(() => navigator.clipboard.readText());
  }
  await keyboard(page);
  await sorting(page);
  await brushing(page);
  await filtering(page);
  await colours(page);
  await page.emulateMedia({ media: "print" });
  found.printed = await page.evaluate(() => getComputedStyle(document.querySelector("nav")).display);
  await page.context().close();
}

async function keyboard(page) {
  await page.locator("#board tbody tr").first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  found.keyboard = await page.evaluate(() => [
    document.activeElement.dataset.trial,
    document.activeElement.getAttribute("aria-selected"),
    document.querySelector("#dock").textContent.includes(`trial ${document.activeElement.dataset.trial}:`),
  ]);
}

async function sorting(page) {
  const header = page.locator("#board th button", { hasText: "trial" });
  await header.click();
  found.ascending = await rows(page);
  await header.click();
  found.descending = await rows(page);
  found.sorted = await page.locator("#board th[aria-sort]").getAttribute("aria-sort");
}

async function brushing(page) {
  const axis = page.locator(`[data-axis="${told.brush}"]`);
  await axis.scrollIntoViewIfNeeded();
  const box = await axis.boundingBox();
  found.lines = await visible(page);
  await page.mouse.move(box.x + box.width / 2, box.y + 5);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height * 0.4, { steps: 4 });
  await page.mouse.up();
  found.brushed = [await visible(page), await page.locator("#brushed").textContent()];
  await page.locator("#trials input[type=checkbox]").check();
  found.brushedRows = await page.locator("#trial-table tbody tr").count();
  await page.locator("#trials input[type=checkbox]").uncheck();
  await axis.focus();
  await page.keyboard.press("Escape");
  found.cleared = await visible(page);
  await page.keyboard.press("ArrowUp");
  found.byKey = await page.locator("#brushed").textContent();
  await page.keyboard.press("Escape");
}

async function filtering(page) {
  await page.locator("#filter").fill("state=stopped");
  found.filtered = await page.locator("#trial-table tbody tr").count();
  await page.locator("#filter").fill("lr<1e-3 state=complete");
  found.both = await page.locator("#trial-table tbody tr").count();
  await page.locator("#filter").fill("");
}

async function colours(page) {
  found.light = await background(page);
  await page.locator("#theme").click();
  found.dark = await background(page);
  await page.locator("#theme").click();
  found.back = await background(page);
}

async function other() {
  const narrow = await open(told.static, { viewport: { width: 400, height: 800 }, colorScheme: "dark" });
  found.narrow = await narrow.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  found.prefersDark = await background(narrow);
  const without = await open(told.static, { javaScriptEnabled: false });
  found.withoutScript = await without.locator("noscript table tr").count();
  const hostile = await open(told.hostile);
  await hostile.waitForSelector("#sweep");
  found.injected = await hostile.evaluate(() => document.querySelectorAll("img, main script").length);
  found.hostile = await hostile.locator("h1 + *, header").first().textContent();
  const notebook = await open(told.notebook);
  found.notebook = await notebook.frameLocator("iframe").locator("#headline").textContent();
  for (const page of [narrow, without, hostile, notebook]) await page.context().close();
}

async function networks() {
  const page = await open(told.networks);
  const frame = page.locator(".network");
  const coloured = () =>
    page.evaluate(() => {
      const box = document.querySelector('.network rect.box[rx="5"][fill="#1f83c9"]');
      return [getComputedStyle(box).fill, getComputedStyle(box.parentElement.querySelector("text")).fill];
    });
  const scrolls = () => frame.evaluate((one) => one.scrollHeight > one.clientHeight + 1);
  found.network = {
    title: await page.locator("#network-title").textContent(),
    label: await frame.locator("svg").getAttribute("aria-label"),
    texts: await frame.locator("text").allTextContents(),
    styles: await frame.locator("style, script").count(),
    hint: await frame.locator('g:has(> rect[fill="#1f83c9"]) > title').nth(1).textContent(),
    boxes: await coloured(),
    scrolls: await scrolls(),
    changes: await page
      .locator("#changes tbody tr")
      .evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent).join("|"))),
  };
  await page.locator("#fit").click();
  found.network.fits = await scrolls();
  await page.locator("#theme").click();
  found.network.dark = await coloured();
  const marks = page.locator("#front circle.best");
  found.front = { marks: await marks.evaluateAll((all) => all.map((one) => one.dataset.trial)) };
  await marks.nth(1).dispatchEvent("pointerenter", { clientX: 100, clientY: 100 });
  found.front.hover = await page.locator("[role=tooltip]").textContent();
  found.front.columns = await page.locator("#trial-table th").evaluateAll((all) => all.map((one) => one.innerText.replace(/ [▾▴]$/, "")));
  await page.locator("#filter").fill("architecture.stage1.op1=conv5x5");
  found.front.filtered = await page.locator("#trial-table tbody tr").count();
  const other = await open(told.drawn);
  found.copied = await other.locator(".network svg").evaluate((one) => {
    one.removeAttribute("aria-label");
    return one.outerHTML;
  });
  found.supernet = await other.evaluate(() => {
    const at = [...document.querySelectorAll("#board th")].findIndex((one) => one.innerText === "supernet");
    const rows = [...document.querySelectorAll("#board tbody tr")];
    return Object.fromEntries(rows.map((row) => [row.dataset.trial, row.cells[at].innerText]));
  });
  found.whole = await other.locator("#board .words").first().getAttribute("title");
  found.scrolled = await other.locator(".network").evaluate((one) => one.scrollLeft);
  found.folded = await other.locator("#choices").evaluate((one) => [one.open, one.innerText.trim()]);
  for (const one of [page, other]) await one.context().close();
}

async function live() {
  const page = await open(told.live);
  await page.waitForSelector("#sweep");
  await page.locator("#board tbody tr").first().click();
  const heading = page.locator("#trials-title");
  found.before = await heading.textContent();
  console.log("change");
  await page.waitForFunction((text) => document.querySelector("#trials-title").textContent !== text, found.before);
  found.after = await heading.textContent();
  found.kept = await page.locator('#board tr[aria-selected="true"]').count();
  await page.waitForFunction(() => document.querySelector(".state").textContent !== "running");
  const asked = found.requests.length;
  await page.waitForTimeout(3500);
  found.asksWhenOver = found.requests.length - asked;
  await page.context().close();
}

await reading();
await other();
await networks();
await live();
await browser.close();
console.log(JSON.stringify(found));
