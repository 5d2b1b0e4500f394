// The bedside page: keeps the scan box ready, sends forms without leaving the page, follows the server's events, counts ages.
"use strict";

const page = document.getElementById("bedside");
const idleMs = Number(page.dataset.idleS) * 1000;
const csrf = page.dataset.csrf;
const TOUCH_EVERY_MS = 30000;
const LOST_MS = 8000;
const NOT_SENT = '<p class="told refused"><strong>Not sent.</strong> The one before it was not answered yet. Look, then press again.</p>';
const ANSWER_MS = 20000; // what is not answered by then is not known to be done

let ahead = Date.parse(page.dataset.now) - Date.now(); // the server's clock minus ours
let lastUse = Date.now(); // a request by a person's hand
let lastHeard = Date.now(); // anything from the server
let lastTold = Date.parse(page.dataset.now);
let isSending = false;
let isRefused = false; // a press while one was on its way
let hands = 0; // keys and touches of a person: an answer moves the focus only of somebody who waited for it
const waiting = []; // forms that a scanner filled in while one was on its way

const byId = (id) => document.getElementById(id);

// ── the end of the session ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function leave() {
  document.body.replaceChildren(); // nothing of a patient stays on the screen
  location.replace("/login?ended=1");
}

for (const kind of ["keydown", "pointerdown"]) {
  addEventListener(kind, () => {
    hands += 1;
    if (Date.now() - lastUse > TOUCH_EVERY_MS) post("/bedside/here", new URLSearchParams({ csrf })).catch(() => {});
  }, { passive: true });
}

// ── forms ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function post(action, body) {
  lastUse = Date.now();
  const answer = await fetch(action, {
    method: "POST",
    body,
    redirect: "manual",
    headers: { "X-Fragment": "1" },
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  if (answer.status === 401 || answer.type === "opaqueredirect") leave();
  return answer;
}

async function send(form, body) {
  const before = hands;
  isSending = true;
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await post(form.getAttribute("action"), body);
    const text = await answer.text();
    if (answer.ok && form.dataset.into) {
      renew(byId(form.dataset.into), text);
      renew(byId("said"), "");
    } else {
      renew(byId("said"), answer.ok || answer.status === 409 ? text : sentenceOf(text));
      if (!answer.ok && form.id === "scan-form") letGo();
      if (answer.ok && form.dataset.hides) form.closest(form.dataset.hides).remove();
      if (answer.ok && form.dataset.clears) clearScans();
    }
  } catch {
    renew(byId("said"), '<p class="told refused"><strong>Not sent.</strong> The server cannot be reached. Look at the pump, then try again.</p>');
    if (form.id === "scan-form") letGo();
  } finally {
    form.removeAttribute("aria-busy");
    isSending = false;
    if (isRefused) byId("said").insertAdjacentHTML("beforeend", NOT_SENT);
    isRefused = false;
  }
  const next = waiting.shift();
  if (next !== undefined) scan(next);
  else if (hands === before && !document.activeElement?.matches("#scan, input, summary")) byId("scan")?.focus({ preventScroll: true });
}

function sentenceOf(page) {
  const told = new DOMParser().parseFromString(page, "text/html").querySelector(".told");
  const shown = document.createElement("p");
  shown.className = "told refused";
  shown.textContent = told ? told.textContent : "The server failed. Look whether what you did took effect before you do it again.";
  return shown.outerHTML;
}

function scan(text) {
  const form = byId("scan-form");
  const body = new URLSearchParams(new FormData(form));
  body.set("scan", text);
  send(form, body);
}

// A label that did not arrive may have been another patient's: what was scanned before it and after it must not come together without it.
function letGo() {
  const after = waiting.length;
  waiting.length = 0;
  clearScans();
  const which = after ? `, and ${after} scanned after it ${after > 1 ? "were" : "was"} not sent` : "";
  byId("said").lastElementChild.append(` The label was not taken${which}. Scan wristband, container and channel again, all three.`);
}

function clearScans() {
  for (const name of ["wristband", "container", "channel", "began"]) byId("scan-form").elements[name].value = "";
  byId("question-form")?.remove();
  for (const slot of document.querySelectorAll(".slot.has")) {
    slot.className = "slot missing";
    slot.querySelector(".mark").textContent = "○";
    const missing = document.createElement("span");
    missing.className = "unseen";
    missing.textContent = "not scanned yet";
    slot.querySelector(".value").replaceChildren(missing);
  }
  byId("step").textContent = "Scan wristband, container and channel, in any order.";
  byId("scan-form").querySelector(".said")?.remove();
}

addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.closest("#bedside")) return;
  event.preventDefault();
  if (form.id === "scan-form") {
    const text = byId("scan").value;
    if (!text.trim()) return;
    byId("scan").value = ""; // here alone: when a waiting scan is sent, the scanner may be in the middle of the next label
    if (isSending) waiting.push(text);
    else scan(text);
  } else if (isSending) { // its answer may change what was asked
    if (!isRefused) byId("said").insertAdjacentHTML("beforeend", NOT_SENT);
    isRefused = true;
  } else {
    send(form, new URLSearchParams(new FormData(form)));
  }
});

// A scanner types wherever the focus is: what is typed outside a field belongs into the scan box.
addEventListener("keydown", (event) => {
  const at = document.activeElement;
  const isTyping = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (isTyping && at?.id !== "scan" && !at?.matches("input:not([type=radio]), textarea, select")) byId("scan")?.focus();
});

// ── parts of the page ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

// Draw a part anew and keep what a person has opened, typed, chosen or reached in it: a scanner may be typing at this very moment.
function renew(part, html) {
  if (!part) return;
  const open = [...part.querySelectorAll("details[open][id]")].map((each) => each.id);
  const fields = [...part.querySelectorAll("input[id]")].map((each) => [each.id, each.value, each.checked]);
  const reached = part.contains(document.activeElement) ? document.activeElement : null;
  const reachedId = reached?.id || reached?.closest("[id]")?.id;
  const caret = reached?.selectionStart ?? null;
  const caretEnd = caret === null ? null : reached.selectionEnd;
  const reachedTag = reached && !reached.id ? reached.tagName.toLowerCase() : null;
  part.innerHTML = html;
  for (const id of open) byId(id)?.setAttribute("open", "");
  for (const [id, value, checked] of fields) {
    const field = byId(id);
    if (field) [field.value, field.checked] = [value, checked];
  }
  if (reachedId) {
    const again = byId(reachedId);
    const into = reachedTag ? again?.querySelector(reachedTag) : again;
    into?.focus({ preventScroll: true });
    if (caret !== null && typeof into?.selectionStart === "number") into.setSelectionRange(caret, caretEnd);
    if (!again) byId("scan")?.focus();
  }
  tick();
}

function list(ids) {
  const patients = byId("patients");
  for (const shown of [...patients.children]) if (!ids.includes(shown.id)) shown.remove();
  for (const id of ids) {
    let section = byId(id);
    if (!section) {
      section = document.createElement("section");
      section.id = id;
      section.className = "patient";
    }
    if (patients.children[ids.indexOf(id)] !== section) patients.insertBefore(section, patients.children[ids.indexOf(id)] ?? null);
  }
  byId("nobody").hidden = ids.length > 0;
}

// ── live ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function heard(name, data) {
  lastHeard = Date.now();
  if (name === "now") {
    lastTold = Date.parse(data);
    ahead = lastTold - Date.now();
    notLive("");
  } else if (name === "part") {
    renew(byId(data.id), data.html);
  } else if (name === "list") {
    list(data);
  } else if (name === "store") {
    notLive("The record cannot be read now.", "Alarms do not reach this page. Pumps go on as they are set, and can be programmed by hand. Call the engineer on call.");
  } else if (name === "ended") {
    leave();
  }
}

async function follow() {
  for (;;) {
    try {
      const answer = await fetch("/bedside/live", { redirect: "manual", headers: { Accept: "text/event-stream" } });
      if (answer.status === 401 || answer.type === "opaqueredirect") return leave();
      if (answer.ok) await read(answer.body.pipeThrough(new TextDecoderStream()).getReader());
      else notLive("The server has no room for this page's news now.");
    } catch {
      notLive("The server cannot be reached.");
    }
    await new Promise((done) => setTimeout(done, 1000));
  }
}

async function read(reader) {
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const name = /^event: (.*)$/m.exec(event)?.[1];
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (name) heard(name, JSON.parse(data));
    }
  }
}

let notLiveText = "";
function notLive(why, more = "What you see may have changed, and alarms do not reach this page. Look at the pump.") {
  page.classList.toggle("lost", why !== "");
  const text = why && `${why} This is how it was at ${new Date(lastTold).toTimeString().slice(0, 8)}. ${more}`;
  if (text === notLiveText) return;
  notLiveText = text;
  const place = byId("not-live");
  place.replaceChildren();
  if (!text) return;
  const told = document.createElement("p");
  told.className = "told refused";
  const mark = document.createElement("strong");
  mark.textContent = "✕ Not live. ";
  told.append(mark, text);
  place.append(told);
}

// ── ages ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function ago(seconds) {
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

function tick() {
  const now = Date.now() + ahead;
  for (const each of document.querySelectorAll("time.age")) {
    const at = new Date(each.dateTime);
    const seconds = Math.max(0, Math.floor((now - at) / 1000));
    const isStale = seconds > Number(each.dataset.staleS);
    const text = `${each.dataset.verb} ${ago(seconds)}${isStale ? ` (stale, last at ${at.toTimeString().slice(0, 8)})` : ""}`;
    if (each.textContent !== text) each.textContent = text;
    each.closest(".channel")?.classList.toggle("stale", isStale || each.closest(".channel").querySelector(".not-now") !== null);
  }
  if (Date.now() - lastUse > idleMs) leave();
  if (Date.now() - lastHeard > LOST_MS && notLiveText === "") notLive("No word from the server.");
}

setInterval(tick, 1000);
tick();
follow();
