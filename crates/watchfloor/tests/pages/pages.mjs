// Opens every page in a real browser, with and without scripts, light and dark, and checks it with axe-core; then walks
// from an alert to an approved draft with the keyboard alone. Prints one JSON document.
// usage: node pages.mjs BASE_URL SIGN_IN_URL SHOTS_DIR PATH...
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";

const tools = process.env.WATCHFLOOR_TEST_TOOLS;
const require = createRequire(`${tools}/package.json`);
const puppeteer = require("puppeteer-core");
const axe = require.resolve("axe-core/axe.min.js");

const [base, signIn, shots, ...paths] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const report = { violations: [], errors: [], walk: [], pages: 0 };

const page = await browser.newPage();
await page.setViewport({ width: 1360, height: 860 });
page.on("pageerror", (error) => report.errors.push(`${page.url()}: ${error.message}`));
page.on("console", (message) => { if (message.type() === "error" && !message.text().includes("404")) report.errors.push(`${page.url()}: ${message.text()}`); });
page.on("response", (r) => { if (r.status() >= 500) report.errors.push(`${r.url()}: ${r.status()}`); });

async function check(name, scheme) {
  // axe is given to the page by the test, past the page's own policy, which forbids foreign scripts.
  await page.setBypassCSP(true);
  await page.addScriptTag({ path: axe }).catch((error) => report.errors.push(`axe on ${name}: ${error.message}`));
  const found = await page.evaluate(async () => (await window.axe.run(document, {
    runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
  })).violations.map((v) => ({ id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 4).map((n) => `${n.target.join(" ")}: ${n.failureSummary}`) })));
  for (const violation of found) report.violations.push({ page: name, scheme, ...violation });
  report.pages += 1;
}

async function visit(path, scheme) {
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(base + path, { waitUntil: "domcontentloaded" });
  const name = path.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "").slice(0, 60) || "now";
  await check(path, scheme);
  await page.screenshot({ path: `${shots}/${name}-${scheme}.png`, fullPage: false });
}

await page.setBypassCSP(true);
await page.goto(base + "/sign-in", { waitUntil: "domcontentloaded" });
await check("/sign-in", "light");
await page.screenshot({ path: `${shots}/sign-in-light.png` });
await page.goto(signIn, { waitUntil: "domcontentloaded" });
await check("first sign-in", "light");
await page.screenshot({ path: `${shots}/first-sign-in-light.png` });
// The link may set a password.
await page.type("input[name=password]", "correct horse battery staple");
await Promise.all([page.waitForNavigation({ waitUntil: "domcontentloaded" }), page.keyboard.press("Enter")]);
if (new URL(page.url()).pathname !== "/") throw new Error(`the sign-in link led to ${page.url()}`);

for (const scheme of ["light", "dark"]) for (const path of paths) {
  try { await visit(path, scheme); } catch (error) { report.errors.push(`${path} ${scheme}: ${error.message}`); }
  if (page.url().includes("/sign-in")) throw new Error(`not signed in on ${path}`);
}

// Keyboard only: alerts → first alert → its incident → comms → approve a draft.
const step = async (text, act) => { await act(); report.walk.push(`${text}: ${new URL(page.url()).pathname}${new URL(page.url()).search}`); };
const pressAndWait = (key) => Promise.all([page.waitForNavigation({ waitUntil: "domcontentloaded" }), page.keyboard.press(key)]);
async function tabTo(selector, limit = 200) {
  for (let i = 0; i < limit; i += 1) {
    if (await page.evaluate((s) => document.activeElement?.matches(s) ?? false, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`the keyboard does not reach ${selector} on ${page.url()}`);
}
try {
  await page.goto(base + "/", { waitUntil: "domcontentloaded" });
  await step("g a opens Alerts", async () => { await page.keyboard.press("g"); await pressAndWait("a"); });
  await step("j then Enter opens an alert", async () => { await page.keyboard.press("j"); await pressAndWait("Enter"); });
  await step("Tab to the incident", async () => { await tabTo('main a[href^="/incidents/"]'); await pressAndWait("Enter"); });
  await step("Tab to Comms", async () => { await tabTo('a[href*="tab=comms"]'); await pressAndWait("Enter"); });
  await step("Tab to a draft", async () => { await tabTo('main a[href^="/drafts/"][data-approvable]'); await pressAndWait("Enter"); });
  await step("Tab to Approve", async () => { await tabTo("button[data-approve]"); await pressAndWait("Enter"); });
  report.approved = await page.evaluate(() => document.body.textContent.includes("Approved by"));
} catch (error) { report.errors.push(`keyboard walk: ${error.message}`); await page.screenshot({ path: `${shots}/walk-failed.png` }); }

// The rule editor by keyboard: a mistake is shown while it is written, its line is marked, and Enter on it leads there.
try {
  await page.goto(base + paths.find((p) => /^\/rules\/.+\/edit$/.test(p)), { waitUntil: "domcontentloaded" });
  await tabTo("#rule-text");
  await page.keyboard.down("Control"); await page.keyboard.press("End"); await page.keyboard.up("Control");
  await page.keyboard.type("detction: {}\nlevel: hgh\n");
  await page.waitForFunction(() => document.querySelector("#check-summary")?.textContent.match(/[1-9]\d* errors/), { timeout: 20000 });
  await check("editor with an error", "dark");
  await page.screenshot({ path: `${shots}/editor-error.png` });
  await tabTo("#check a[data-line]");
  await page.keyboard.press("Enter");
  report.walk.push("editor: " + await page.evaluate(() => { const t = document.activeElement; return t.id === "rule-text" ? t.value.slice(t.selectionStart, t.selectionEnd) : t.tagName; }));
  report.edited = await page.evaluate(() => document.activeElement.id === "rule-text" && document.activeElement.selectionEnd > document.activeElement.selectionStart && document.querySelectorAll(".gutter .e").length > 0);
} catch (error) { report.errors.push(`editor walk: ${error.message}`); await page.screenshot({ path: `${shots}/editor-failed.png` }); }

// Without JavaScript the pages still say what they say.
const plain = await browser.newPage();
await plain.setJavaScriptEnabled(false);
report.plain = {};
for (const path of paths) { await plain.goto(base + path, { waitUntil: "domcontentloaded" }); report.plain[path] = (await plain.$eval("main", (m) => m.innerText)).length; }

await browser.close();
console.log(JSON.stringify(report));
