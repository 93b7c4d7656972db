/* Draws the document; a page that is served asks for a new one while the rehearsal runs. */
"use strict";

const SECONDS = 2;

function drawTimes() { drawTimeline(); drawCharts(); }

function draw() {
  page.prefix = prefixOf(page.document.machines.map((each) => each.name));
  drawHead(); drawActs(); drawTimes(); drawMachines({ keep: true }); drawModels(); drawAlarms(); drawReports(); drawFidelity(); drawRun();
}

async function follow() {
  let known = null;
  for (;;) {
    try {
      const answer = await fetch("document.json", { headers: known ? { "if-none-match": known } : {} });
      if (answer.ok) {
        known = answer.headers.get("etag");
        take(await answer.json());
        draw();
      }
      byId("live").textContent = page.document.run.ended === null ? "live" : "ended";
      if (page.document.run.ended !== null) return;
    } catch {
      byId("live").textContent = "no answer from the rehearsal";
    }
    await new Promise((resolve) => setTimeout(resolve, 1000 * SECONDS));
  }
}

page.live = document.documentElement.dataset.live === "yes";
take(JSON.parse(byId("document").textContent));
watchTimeline();
draw();
let drawn = innerWidth;
addEventListener("resize", () => { if (innerWidth !== drawn) { drawn = innerWidth; drawTimes(); drawModels(); } });
addEventListener("scroll", () => tip.hide(), { passive: true });
if (page.live) follow();
